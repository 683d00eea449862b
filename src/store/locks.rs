//! One writer at a time per object within this process.
//!
//! Correctness comes from compare-and-swap at the API server; this only spares the writers of one process from failing
//! against each other again and again.

use tokio::sync::{Mutex, OwnedMutexGuard};

use super::by_key::ByKey;

/// Locks by object id.
#[derive(Debug, Default)]
pub(super) struct Locks(ByKey<String, Mutex<()>>);

impl Locks {
    /// Waits until nobody else in this process writes the object. Who came first goes first.
    pub(super) async fn lock(&self, id: &str) -> OwnedMutexGuard<()> {
        self.0.get(id.to_owned()).lock_owned().await
    }
}
