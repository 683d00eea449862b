//! Remembering what is gone, so that an older version that arrives late doesn't bring it back.
//!
//! Late are answers to calls of ours, by seconds, and the watch: while its connection is dead, other replicas' notices
//! tell of thousands of deletions that it will only come to. Until it has, it tells of those objects as they were.

use std::{
    collections::HashMap,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::store::{membership::Id, written::Kind};

/// How many are remembered at least. An answer to a call of ours is never this many deletions late.
const FEW: usize = 10_000;

/// The versions in which objects of one kind ended. Some 80 bytes each; as many as [`FEW`] twice, and what the watch has
/// not passed.
#[derive(Debug, Default)]
pub(super) struct Graves {
    latest: HashMap<Box<str>, u64>,
    earlier: HashMap<Box<str>, u64>,
}

impl Graves {
    /// Remembers that an object ended in `version`. False if that was known. The watch has `passed` a version: it tells
    /// of nothing any more that was before.
    pub(super) fn bury(&mut self, id: &str, version: u64, passed: u64) -> bool {
        if self.holds(id, version) {
            return false;
        }
        self.latest.insert(id.into(), version);
        if self.latest.len() >= FEW {
            self.earlier.retain(|_, ended_at| *ended_at > passed);
            self.earlier.extend(mem::take(&mut self.latest));
            self.earlier.shrink_to_fit();
        }
        true
    }

    /// Whether this version of an object is none of a living one.
    pub(super) fn holds(&self, id: &str, version: u64) -> bool {
        [&self.latest, &self.earlier]
            .into_iter()
            .filter_map(|it| it.get(id))
            .any(|ended_at| version <= *ended_at)
    }
}

/// Which version the watch of each kind in each namespace (or all of them: an empty name) has passed.
#[derive(Debug, Default)]
pub(super) struct Passed(Mutex<HashMap<(Kind, Id), u64>>);

impl Passed {
    pub(super) fn set(&self, kind: Kind, namespace: &str, version: u64) {
        self.lock().insert((kind, namespace.into()), version);
    }

    /// Zero if nobody watches.
    pub(super) fn get(&self, kind: Kind, namespace: &Id) -> u64 {
        let passed = self.lock();
        let of = |namespace: Id| passed.get(&(kind, namespace)).copied();
        of(namespace.clone()).or_else(|| of("".into())).unwrap_or(0)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(Kind, Id), u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bury_others(graves: &mut Graves, count: usize, passed: u64) {
        for other in 0..count {
            graves.bury(&format!("{passed}-{other}"), 100, passed);
        }
    }

    #[test]
    fn a_grave_is_kept_until_the_watch_has_passed_it() {
        let mut graves = Graves::default();
        graves.bury("ada", 10, 0);
        bury_others(&mut graves, 5 * FEW, 9);
        assert!(graves.holds("ada", 10) && !graves.holds("ada", 11));
        bury_others(&mut graves, 2 * FEW, 10);
        assert!(!graves.holds("ada", 10));
    }

    #[test]
    fn what_the_watch_has_passed_is_kept_for_some_time_and_takes_no_room_for_ever() {
        let mut graves = Graves::default();
        bury_others(&mut graves, FEW - 1, 100);
        graves.bury("ada", 10, 100);
        bury_others(&mut graves, FEW - 1, 200);
        assert!(graves.holds("ada", 10));
        bury_others(&mut graves, 5 * FEW, 300);
        assert!(graves.latest.len() + graves.earlier.len() <= 2 * FEW);
    }

    #[test]
    fn one_watch_of_all_namespaces_counts_for_each() {
        let passed = Passed::default();
        assert_eq!(passed.get(Kind::User, &"acme".into()), 0);
        passed.set(Kind::User, "", 7);
        assert_eq!(passed.get(Kind::User, &"acme".into()), 7);
        assert_eq!(passed.get(Kind::Team, &"acme".into()), 0);
        passed.set(Kind::Team, "acme", 8);
        assert_eq!(passed.get(Kind::Team, &"acme".into()), 8);
        assert_eq!(passed.get(Kind::Team, &"other".into()), 0);
    }
}
