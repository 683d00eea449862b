//! How far the watches are: what must have been listed before anything may be shown.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use tokio::sync::watch;

/// Which watches have listed everything once.
#[derive(Debug)]
pub(in crate::store) struct Progress {
    missing: Mutex<BTreeSet<String>>,
    done: watch::Sender<bool>,
}

impl Default for Progress {
    fn default() -> Self {
        let missing = Mutex::new(BTreeSet::from(["store: the watches have not started".to_owned()]));
        Self { missing, done: watch::channel(false).0 }
    }
}

impl Progress {
    pub(in crate::store) fn missing(&self) -> Vec<String> {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    pub(in crate::store) async fn wait(&self) {
        // The sender lives as long as we do.
        let _ = self.done.subscribe().wait_for(|done| *done).await;
    }

    /// Whether everything has been listed.
    pub(in crate::store) fn is_done(&self) -> bool {
        *self.done.borrow()
    }

    /// Nothing counts as listed any more: what is in memory may be old.
    pub(in crate::store) fn start_over(&self) {
        self.expect(["store: the watches have not started".to_owned()]);
    }

    pub(super) fn expect(&self, what: impl IntoIterator<Item = String>) {
        let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        *missing = what.into_iter().collect();
        self.done.send_replace(false);
    }

    pub(super) fn listed(&self, what: &str) {
        let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        missing.remove(what);
        if missing.is_empty() {
            self.done.send_replace(true);
        }
    }
}
