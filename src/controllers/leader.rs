//! Which replica's controllers run: whoever holds a Lease.
//!
//! Clocks of different machines are never compared. A candidate takes a Lease over once it has *seen it unchanged* for
//! the holder's whole term by its own monotonic clock; a holder stops its work when it could not renew for two thirds of
//! its term, counted from *before* the last successful renewal was sent. So the old leader has stopped before the new
//! one starts. A process that is frozen in between stops nothing; so [`Leadership::holds`] is asked before every call
//! and every write.

use std::{future::Future, time::Duration};

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api,
    api::{ObjectMeta, PostParams},
};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::{
    observed_lease::{ObservedLease, Verdict},
    term::Term,
};

/// A candidate for a Lease.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Where the Lease lives.
    pub leases: Api<Lease>,
    /// The Lease's name.
    pub lease: String,
    /// Who we are: never the same for two processes, even on one machine.
    pub identity: String,
    /// How long a leader that has died is waited for. Whole seconds, at least one.
    pub duration: Duration,
}

/// The right to run controllers, for as long as `over` is not cancelled.
#[derive(Clone, Debug)]
pub struct Leadership {
    /// Cancelled when the leadership ends, or is about to.
    pub over: CancellationToken,
    term: Term,
}

impl Leadership {
    /// Whether nobody else can lead yet. It needs no news from anybody: two thirds of a term after the last renewal
    /// it says no by itself, also to a process that was frozen for that long.
    pub fn holds(&self) -> bool {
        self.term.holds(Instant::now())
    }
}

#[cfg(test)]
impl Leadership {
    /// One that ends by the clock.
    pub fn until(end: Instant) -> Self {
        Self { over: CancellationToken::new(), term: Term::until(end) }
    }
}

/// How a leadership ended.
enum End<E> {
    /// Asked to stop.
    Stopped,
    /// It could not be renewed in time, or somebody else holds the Lease.
    Lost,
    /// The work itself failed.
    Failed(E),
}

impl Candidate {
    /// Campaigns, and runs `work` whenever this process leads, until `stop` is cancelled or the work fails. The Lease
    /// is released once the work has stopped.
    ///
    /// `work` must return soon after its [`Leadership::over`] is cancelled; it is aborted when the term ends.
    pub async fn run<W, F, E>(&self, stop: CancellationToken, mut work: W) -> Result<(), E>
    where
        W: FnMut(Leadership) -> F,
        F: Future<Output = Result<(), E>>,
    {
        while let Some(held) = stop.run_until_cancelled(self.campaign()).await {
            tracing::info!(lease = %self.lease, "leading");
            match self.lead(held, &stop, &mut work).await {
                End::Stopped => break,
                End::Lost => tracing::warn!(lease = %self.lease, "no longer leading"),
                End::Failed(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Resolves once we hold the Lease.
    async fn campaign(&self) -> Held {
        let mut seen = ObservedLease::default();
        loop {
            let asked = Instant::now();
            // A connection may be open at our end alone.
            match timeout(self.duration, self.attempt(&mut seen)).await {
                Ok(Ok(Some(lease))) => return Held { lease, renewed: asked },
                Ok(Ok(None)) => {}
                Ok(Err(error)) => {
                    tracing::warn!(lease = %self.lease, %error, "the Lease can't be read or taken");
                }
                Err(_) => tracing::warn!(lease = %self.lease, "no answer about the Lease; asking again"),
            }
            sleep(self.poll_interval()).await;
        }
    }

    async fn attempt(&self, seen: &mut ObservedLease) -> Result<Option<Lease>, kube::Error> {
        let Some(lease) = self.leases.get_opt(&self.lease).await? else {
            return unless_conflict(self.leases.create(&PostParams::default(), &self.claimed(None)).await);
        };
        match seen.observe(&lease, Instant::now(), self.duration) {
            Verdict::Held => Ok(None),
            Verdict::Free => {
                // The resourceVersion in it lets exactly one of several candidates through.
                let claim = self.claimed(Some(&lease));
                unless_conflict(self.leases.replace(&self.lease, &PostParams::default(), &claim).await)
            }
        }
    }

    async fn lead<W, F, E>(&self, held: Held, stop: &CancellationToken, work: &mut W) -> End<E>
    where
        W: FnMut(Leadership) -> F,
        F: Future<Output = Result<(), E>>,
    {
        let over = CancellationToken::new();
        let mut held = held;
        let term = Term::until(self.renew_deadline(&held));
        let mut working = Box::pin(work(Leadership { over: over.clone(), term: term.clone() }));
        let ended = tokio::select! {
            // The order matters: work that is ready and a stop at once is a stop.
            biased;
            () = stop.cancelled() => None,
            () = self.keep(&mut held, &term) => None,
            result = &mut working => Some(result),
        };
        over.cancel();
        let result = match ended {
            Some(result) => result,
            // The last third of the term is left for the work to stop between two calls; then it is dropped.
            None => timeout_at(held.renewed + self.duration, &mut working).await.unwrap_or(Ok(())),
        };
        // In this order: nothing of ours is written or called any more once somebody else may lead.
        term.finish(Instant::now());
        drop(working);
        self.release(&held.lease).await;
        match result {
            Err(error) => End::Failed(error),
            Ok(()) if stop.is_cancelled() => End::Stopped,
            Ok(()) => End::Lost,
        }
    }

    /// Renews until that fails for two thirds of the term.
    async fn keep(&self, held: &mut Held, term: &Term) {
        loop {
            sleep(self.duration / 3).await;
            let deadline = self.renew_deadline(held);
            let Ok(renewed) = timeout_at(deadline, self.renew(held.lease.clone())).await else { return };
            match renewed {
                Some(next) => {
                    *held = next;
                    term.extend(self.renew_deadline(held));
                }
                None => return term.finish(Instant::now()),
            }
        }
    }

    fn renew_deadline(&self, held: &Held) -> Instant {
        held.renewed + self.duration * 2 / 3
    }

    /// Tries until it is renewed; `None` when somebody else holds the Lease.
    async fn renew(&self, mut lease: Lease) -> Option<Held> {
        loop {
            let asked = Instant::now();
            if let Some(spec) = &mut lease.spec {
                spec.renew_time = Some(MicroTime(Timestamp::now()));
            }
            match self.leases.replace(&self.lease, &PostParams::default(), &lease).await {
                Ok(lease) => return Some(Held { lease, renewed: asked }),
                Err(error) => {
                    tracing::warn!(lease = %self.lease, %error, "the Lease could not be renewed yet");
                }
            }
            // Somebody may have put a label on it, or a write of ours was stored though its answer was lost.
            match self.leases.get_opt(&self.lease).await {
                Ok(Some(now)) if holder(&now) == Some(&self.identity) => lease = now,
                Ok(_) => return None,
                Err(_) => sleep(self.duration / 12).await,
            }
        }
    }

    /// Lets others take over at once. Failing is harmless: they wait for the term to end.
    async fn release(&self, lease: &Lease) {
        let mut lease = lease.clone();
        if let Some(spec) = &mut lease.spec {
            spec.holder_identity = None;
            spec.renew_time = Some(MicroTime(Timestamp::now()));
        }
        let params = PostParams::default();
        let released = self.leases.replace(&self.lease, &params, &lease);
        match timeout(self.duration / 3, released).await {
            Ok(Ok(_)) => tracing::info!(lease = %self.lease, "released the Lease"),
            Ok(Err(error)) => {
                tracing::debug!(lease = %self.lease, %error, "the Lease was not ours to release");
            }
            Err(_) => tracing::debug!(lease = %self.lease, "the Lease could not be released in time"),
        }
    }

    fn claimed(&self, before: Option<&Lease>) -> Lease {
        let now = Some(MicroTime(Timestamp::now()));
        let name = Some(self.lease.clone());
        let metadata = before
            .map_or_else(|| ObjectMeta { name, ..ObjectMeta::default() }, |lease| lease.metadata.clone());
        let spec = LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: Some(i32::try_from(self.duration.as_secs().max(1)).unwrap_or(i32::MAX)),
            acquire_time: now.clone(),
            renew_time: now,
            lease_transitions: Some(before.map_or(0, |lease| spec_transitions(lease).saturating_add(1))),
            ..LeaseSpec::default()
        };
        Lease { metadata, spec: Some(spec) }
    }

    /// Often enough that a released Lease is taken over at once, as people see it.
    fn poll_interval(&self) -> Duration {
        (self.duration / 6).min(Duration::from_secs(1))
    }
}

struct Held {
    lease: Lease,
    /// When the successful claim or renewal was *sent*: others count from when they saw it, which is later.
    renewed: Instant,
}

pub(super) fn holder(lease: &Lease) -> Option<&String> {
    lease.spec.as_ref()?.holder_identity.as_ref().filter(|holder| !holder.is_empty())
}

fn spec_transitions(lease: &Lease) -> i32 {
    lease.spec.as_ref().and_then(|spec| spec.lease_transitions).unwrap_or(0)
}

/// Losing a race is no error: another candidate was faster.
fn unless_conflict(result: Result<Lease, kube::Error>) -> Result<Option<Lease>, kube::Error> {
    match result {
        Ok(lease) => Ok(Some(lease)),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(None),
        Err(error) => Err(error),
    }
}
