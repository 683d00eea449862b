//! What the tenant controller remembers between two looks: nothing that matters after a restart.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::error::TenantError;
use crate::store::{Counts, SharedValues, TenantKey};

/// How often counts are written while users stream in.
const COUNTS_EVERY: Duration = Duration::from_secs(10);

/// How often everybody is looked at for values that are shared: soon again while people may be mending that.
const LOOK_WHILE_SHARED: Duration = Duration::from_secs(5);
const LOOK_WHILE_UNIQUE: Duration = Duration::from_mins(10);

const FIRST_RETRY: Duration = Duration::from_millis(250);
const LAST_RETRY: Duration = Duration::from_secs(30);

/// One entry per tenant that had a failure or a change of counts.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<HashMap<TenantKey, Entry>>);

#[derive(Debug, Default)]
struct Entry {
    failures: u32,
    secret_failure: Option<String>,
    counted: Option<Instant>,
    shared: Option<Looked>,
}

/// Which values are shared, as was found in a look at everybody.
#[derive(Debug)]
struct Looked {
    generation: Option<i64>,
    at: Instant,
    shared: Vec<SharedValues>,
}

impl Memory {
    /// What the conditions should say of the last attempt, if that failed at a Secret.
    pub(super) fn failure(&self, key: &TenantKey) -> Option<String> {
        self.entries().get(key)?.secret_failure.clone()
    }

    /// Takes note of a failure, and tells when to try again.
    pub(super) fn failed(&self, key: &TenantKey, error: &TenantError) -> Duration {
        let mut entries = self.entries();
        let entry = entries.entry(key.clone()).or_default();
        entry.failures = entry.failures.saturating_add(1);
        match error {
            TenantError::Secret { .. } => entry.secret_failure = Some(error.to_string()),
            TenantError::Stale | TenantError::Kube { .. } | TenantError::Random(_) => {}
        }
        let doubled = FIRST_RETRY.saturating_mul(1 << (entry.failures - 1).min(10));
        doubled.min(LAST_RETRY)
    }

    /// Everything went well.
    pub(super) fn succeeded(&self, key: &TenantKey) {
        if let Some(entry) = self.entries().get_mut(key) {
            entry.failures = 0;
            entry.secret_failure = None;
        }
    }

    /// The tenant is gone.
    pub(super) fn forget(&self, key: &TenantKey) {
        self.entries().remove(key);
    }

    /// The counts, if they differ from what is shown and were not written a moment ago.
    pub(super) fn counts_to_write(
        &self,
        key: &TenantKey,
        shown: Option<Counts>,
        now: Option<Counts>,
    ) -> Option<Counts> {
        let now = now.filter(|now| shown != Some(*now))?;
        let mut entries = self.entries();
        let entry = entries.entry(key.clone()).or_default();
        if entry.counted.is_some_and(|counted| counted.elapsed() < COUNTS_EVERY) {
            return None;
        }
        entry.counted = Some(Instant::now());
        Some(now)
    }

    /// Which values are shared, unless it is time to look again.
    pub(super) fn shared(&self, key: &TenantKey, generation: Option<i64>) -> Option<Vec<SharedValues>> {
        let entries = self.entries();
        let looked = entries.get(key)?.shared.as_ref()?;
        let good_for = if looked.shared.is_empty() { LOOK_WHILE_UNIQUE } else { LOOK_WHILE_SHARED };
        let is_good = looked.generation == generation && looked.at.elapsed() < good_for;
        is_good.then(|| looked.shared.clone())
    }

    /// Everybody has been looked at.
    pub(super) fn looked(&self, key: &TenantKey, generation: Option<i64>, shared: Vec<SharedValues>) {
        let looked = Looked { generation, at: Instant::now(), shared };
        self.entries().entry(key.clone()).or_default().shared = Some(looked);
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<TenantKey, Entry>> {
        // Entries are plain values; one that a panic left behind is as good as any.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
