//! How far the watches are: what must have been listed before anything may be shown.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

/// Which watches have listed everything once.
#[derive(Debug)]
pub(in crate::store) struct Progress {
    /// With the reason, where there is one.
    missing: Mutex<BTreeMap<String, Option<String>>>,
    done: watch::Sender<bool>,
}

impl Default for Progress {
    fn default() -> Self {
        let missing = Mutex::new(BTreeMap::from([("store: the watches have not started".to_owned(), None)]));
        Self { missing, done: watch::channel(false).0 }
    }
}

impl Progress {
    pub(in crate::store) fn missing(&self) -> Vec<String> {
        let missing = self.lock();
        let line = |(what, why): (&String, &Option<String>)| match why {
            Some(why) => format!("{what}: {why}"),
            None => what.clone(),
        };
        missing.iter().map(line).collect()
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
        let mut missing = self.lock();
        *missing = what.into_iter().map(|what| (what, None)).collect();
        self.done.send_replace(false);
    }

    pub(super) fn listed(&self, what: &str) {
        let mut missing = self.lock();
        missing.remove(what);
        if missing.is_empty() {
            self.done.send_replace(true);
        }
    }

    /// It could not be listed yet, and why.
    pub(super) fn failed(&self, what: &str, reason: &impl ToString) {
        if let Some(why) = self.lock().get_mut(what) {
            *why = Some(reason.to_string());
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Option<String>>> {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
