//! One writer at a time per object within this process.
//!
//! Correctness comes from compare-and-swap at the API server; this only spares the writers of one process from failing
//! against each other again and again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::OwnedMutexGuard;

type Slot = tokio::sync::Mutex<()>;

/// Locks by object id. A lock that nobody holds or waits for takes no memory.
#[derive(Debug, Default)]
pub(super) struct Locks(Mutex<HashMap<String, Weak<Slot>>>);

impl Locks {
    /// Waits until nobody else in this process writes the object.
    pub(super) async fn lock(&self, id: &str) -> OwnedMutexGuard<()> {
        let slot = {
            let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if slots.len() > 1024 {
                slots.retain(|_, slot| slot.strong_count() > 0);
            }
            let known = slots.get(id).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                let slot = Arc::new(Slot::default());
                slots.insert(id.to_owned(), Arc::downgrade(&slot));
                slot
            })
        };
        slot.lock_owned().await
    }
}
