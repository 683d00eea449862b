//! Asks one other replica what is in its queue. What queues up during one request goes into the next, so a thousand
//! writes a second take few requests.

use std::{net::SocketAddr, time::Duration};

use super::{
    line::{LineError, Reply},
    roster::{Added, Question},
    wire::{Known, MOST, Told, WRITTEN},
};
use crate::store::Store;

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
            tracing::warn!(peer = %self.added.peer, "another replica's Lease has no address; it can't be told anything");
            return std::future::pending().await;
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

    /// Waits until there is something to ask. False if there never will be.
    async fn take_from_queue(&mut self) -> bool {
        loop {
            // Nobody waits for the answer any more.
            self.waiting.retain(|question| !question.settled.is_closed());
            while self.waiting.len() < MOST
                && let Ok(question) = self.added.queue.try_recv()
            {
                self.waiting.push(question);
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

fn settle(question: Question) {
    // The writer may have given up waiting.
    let _ = question.settled.send(());
}
