//! Remembering what is gone, so that an older version that arrives late doesn't bring it back.

use std::collections::{HashMap, VecDeque};

use crate::store::membership::Id;

/// How many are remembered. An answer of the API server is never this many deletions late.
const REMEMBERED: usize = 10_000;

/// The versions in which objects ended.
#[derive(Debug, Default)]
pub(super) struct Graves {
    ended_at: HashMap<Id, u64>,
    oldest_first: VecDeque<Id>,
}

impl Graves {
    /// Remembers that an object ended in `version`. False if that was known.
    pub(super) fn bury(&mut self, id: &str, version: u64) -> bool {
        if self.holds(id, version) {
            return false;
        }
        let id: Id = id.into();
        if self.ended_at.insert(id.clone(), version).is_none() {
            self.oldest_first.push_back(id);
        }
        if self.oldest_first.len() > REMEMBERED
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.ended_at.remove(&oldest);
        }
        true
    }

    /// Whether this version of an object is none of a living one.
    pub(super) fn holds(&self, id: &str, version: u64) -> bool {
        self.ended_at.get(id).is_some_and(|ended_at| version <= *ended_at)
    }
}
