//! The other replicas that may be answering reads, each with a queue of what it must confirm.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    lease::{SeenLease, Verdict},
    leases::{Found, LeaseName},
};
use crate::store::written::Written;

/// Every replica that must be told of a write. One that is not in here has stopped, or has not begun.
#[derive(Debug, Default)]
pub(super) struct Roster(Mutex<HashMap<LeaseName, Entry>>);

#[derive(Debug)]
struct Entry {
    seen: SeenLease,
    queue: mpsc::UnboundedSender<Question>,
    gone: CancellationToken,
}

/// "Do you know this?"
#[derive(Debug)]
pub(super) struct Question {
    pub(super) written: Written,
    /// Told when it does, or when it has stopped for good.
    pub(super) settled: oneshot::Sender<()>,
}

/// A replica that was not in the roster before: somebody must ask it what is in its queue until it is gone.
#[derive(Debug)]
pub(super) struct Added {
    pub(super) peer: LeaseName,
    pub(super) address: Option<SocketAddr>,
    pub(super) queue: mpsc::UnboundedReceiver<Question>,
    pub(super) gone: CancellationToken,
}

impl Roster {
    /// From now on this replica is told. None if it is told already.
    pub(super) fn add(&self, found: &Found, answered: Instant) -> Option<Added> {
        let mut entries = self.lock();
        if entries.contains_key(&found.name) {
            return None;
        }
        let (sender, queue) = mpsc::unbounded_channel();
        let gone = CancellationToken::new();
        let seen = SeenLease::new(found.version.clone(), found.term, answered);
        entries.insert(found.name.clone(), Entry { seen, queue: sender, gone: gone.clone() });
        Some(Added { peer: found.name.clone(), address: found.address, queue, gone })
    }

    pub(super) fn contains(&self, peer: &str) -> bool {
        self.lock().contains_key(peer)
    }

    /// Asks everybody; each of the receivers is told when one of them is settled.
    pub(super) fn ask(&self, written: &Written) -> Vec<oneshot::Receiver<()>> {
        let entries = self.lock();
        let asked = entries.values().map(|entry| {
            let (settled, receiver) = oneshot::channel();
            // If nobody takes it off the queue, the receiver learns that the sender was dropped.
            let _ = entry.queue.send(Question { written: written.clone(), settled });
            receiver
        });
        asked.collect()
    }

    /// Drops those who have stopped, judged by a list of all Leases. Gives back the Leases that have expired, which
    /// nobody else will delete.
    pub(super) fn judge(
        &self,
        found: &[Found],
        asked: Instant,
        answered: Instant,
    ) -> Vec<(LeaseName, String)> {
        let versions: HashMap<&str, &str> =
            found.iter().map(|it| (it.name.as_ref(), it.version.as_str())).collect();
        let mut expired = Vec::new();
        self.lock().retain(|peer, entry| {
            let verdict = entry.seen.judge(versions.get(peer.as_ref()).copied(), asked, answered);
            match verdict {
                Verdict::MayBeValid => return true,
                Verdict::Left => tracing::info!(%peer, "another replica has stopped answering"),
                Verdict::Expired => {
                    tracing::warn!(%peer, "another replica has not renewed its lease");
                    expired.push((peer.clone(), entry.seen.version.clone()));
                }
            }
            entry.gone.cancel();
            false
        });
        expired
    }

    /// Drops a replica that has said itself that it has stopped.
    pub(super) fn remove(&self, peer: &str) {
        if let Some(entry) = self.lock().remove(peer) {
            entry.gone.cancel();
        }
    }

    /// Drops everybody, because we acknowledge nothing any more.
    pub(super) fn clear(&self) {
        for (_, entry) in self.lock().drain() {
            entry.gone.cancel();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<LeaseName, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
