//! Asks one other replica what is in its queue. What queues up during one request goes into the next, so a thousand
//! writes a second take few requests.

use std::{net::SocketAddr, time::Duration};

use super::{
    line::{LineError, Reply},
    roster::{Added, Question},
    wire::{Known, MOST, Told, WRITTEN},
};
use crate::{api::names, store::Store};

/// When to ask again after a failure.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// Asks until that replica is gone; then nobody needs to wait for it any more.
pub(super) async fn run(store: Store, added: Added) {
    let Added { peer: _, address: _, queue: _, gone } = &added;
    let gone = gone.clone();
    let mut courier = Courier { store, added, waiting: Vec::new() };
    gone.run_until_cancelled(courier.ask()).await;
    let Courier { mut added, waiting, store: _ } = courier;
    waiting.into_iter().for_each(settle);
    // The roster has let go of the queue's other end, so this ends.
    while let Some(question) = added.queue.recv().await {
        settle(question);
    }
}

struct Courier {
    store: Store,
    added: Added,
    /// Taken off the queue, not settled.
    waiting: Vec<Question>,
}

impl Courier {
    async fn ask(&mut self) {
        let Some(address) = self.added.address else {
            tracing::warn!(
                lease = %self.added.peer,
                annotation = names::ANNOTATION_PEER_ADDRESS,
                "another replica's Lease says no address, so that replica can't be told anything, and no write is \
                 acknowledged for as long as it renews the Lease: delete the Lease, its replica makes a new one"
            );
            return self.wait_for_the_end().await;
        };
        let mut failed = false;
        loop {
            if !self.take_from_queue().await {
                return;
            }
            match self.ask_once(address).await {
                Ok(Reply::Answer(Known { known })) => {
                    failed = false;
                    let mut known = known.into_iter();
                    let (settled, waiting) = std::mem::take(&mut self.waiting)
                        .into_iter()
                        .partition(|_| known.next().unwrap_or(false));
                    self.waiting = waiting;
                    Vec::into_iter(settled).for_each(settle);
                }
                Ok(Reply::Over) => {
                    self.store.peers().roster.remove(&self.added.peer);
                    return;
                }
                Err(error) => {
                    if !failed {
                        tracing::warn!(peer = %self.added.peer, %address, %error, "another replica can't be told of a write yet");
                    }
                    failed = true;
                    // It may have stopped; its Lease tells.
                    self.store.peers().look.notify_one();
                    tokio::time::sleep(ASK_AGAIN).await;
                }
            }
        }
    }

    /// Keeps no more than what somebody waits for.
    async fn wait_for_the_end(&mut self) {
        while let Some(question) = self.added.queue.recv().await {
            self.waiting.retain(is_open);
            self.waiting.push(question);
        }
    }

    /// Waits until there is something to ask. False if there never will be.
    async fn take_from_queue(&mut self) -> bool {
        loop {
            // Nobody waits for the answer to the others any more.
            self.waiting.retain(is_open);
            while self.waiting.len() < MOST
                && let Ok(question) = self.added.queue.try_recv()
            {
                self.waiting.extend(Some(question).filter(is_open));
            }
            if !self.waiting.is_empty() {
                return true;
            }
            match self.added.queue.recv().await {
                Some(question) => self.waiting.push(question),
                None => return false,
            }
        }
    }

    async fn ask_once(&self, address: SocketAddr) -> Result<Reply<Known>, LineError> {
        let written = self.waiting.iter().map(|question| question.written.clone()).collect();
        let told = Told { to: self.added.peer.clone(), written };
        let peers = self.store.peers();
        peers.line.ask(&peers.seal, address, WRITTEN, &told).await
    }
}

/// Whether its writer still waits.
fn is_open(question: &Question) -> bool {
    !question.settled.is_closed()
}

fn settle(question: Question) {
    // The writer may have given up waiting.
    let _ = question.settled.send(());
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use http::{Request, Response};
    use kube::{Client, client::Body};
    use tokio::sync::{mpsc, oneshot};
    use tokio_util::sync::CancellationToken;
    use tower::{BoxError, service_fn};

    use super::*;
    use crate::store::{Kind, PeerOptions, TenantKey, heard::Heard, written::Written};

    /// A courier to a replica at this address, and the other end of its queue.
    fn courier(address: Option<SocketAddr>) -> (Courier, mpsc::UnboundedSender<Question>) {
        let nothing =
            service_fn(|_: Request<Body>| async { Ok::<_, BoxError>(Response::new(Body::empty())) });
        let store = Store::new(Client::new(nothing, "default"), PeerOptions::alone());
        let (sender, queue) = mpsc::unbounded_channel();
        let added = Added { peer: "replica-1".into(), address, queue, gone: CancellationToken::new() };
        (Courier { store, added, waiting: Vec::new() }, sender)
    }

    /// Asks so many things, and gives up on all of them but the last.
    fn ask(queue: &mpsc::UnboundedSender<Question>, count: u64) -> oneshot::Receiver<()> {
        let questions = (0..count).map(|version| {
            let (settled, receiver) = oneshot::channel();
            let tenant = TenantKey::new("identity", "okta");
            let written = Written { kind: Kind::User, tenant, id: "7".into(), version };
            queue.send(Question { written, settled }).unwrap();
            receiver
        });
        questions.collect::<Vec<_>>().pop().unwrap()
    }

    #[tokio::test]
    async fn a_replica_without_an_address_is_named_and_its_queue_holds_only_what_is_waited_for() {
        let heard = Heard::default();
        let (mut courier, queue) = courier(None);
        let last = ask(&queue, 5000);
        drop(queue);
        courier.ask().await;
        assert_eq!(courier.waiting.len(), 1);
        drop(last);
        let log = heard.text();
        assert!(log.contains("replica-1") && log.contains("delete the Lease"), "{log}");
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_taken_off_the_queue_at_once() {
        let (mut courier, queue) = courier(Some((Ipv4Addr::LOCALHOST, 1).into()));
        let _last = ask(&queue, 5000);
        assert!(courier.take_from_queue().await);
        assert_eq!(courier.waiting.len(), 1);
        assert!(courier.added.queue.is_empty());
    }
}
