//! Each id once in memory, however many teams, members and indexes name it.
//!
//! A million memberships are a million ids: each as text of its own would be some 64 bytes more.

use std::{
    collections::HashSet,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use super::Id;

/// So many ids are kept at least before it is looked which of them are still in use.
const FEW: usize = 1024;

/// Of the whole process: ids mean the same wherever they are.
static POOL: LazyLock<Mutex<Pool>> = LazyLock::new(Mutex::default);

#[derive(Debug, Default)]
struct Pool {
    ids: HashSet<Id>,
    prune_at: usize,
}

/// The id of this text. It is kept for as long as somebody has it, and a while longer.
pub(in crate::store) fn shared(text: &str) -> Id {
    POOL.lock().unwrap_or_else(PoisonError::into_inner).get(text)
}

impl Pool {
    fn get(&mut self, text: &str) -> Id {
        if let Some(id) = self.ids.get(text) {
            return id.clone();
        }
        // Looking at all of them whenever they have doubled costs each insertion next to nothing.
        if self.ids.len() >= self.prune_at {
            self.ids.retain(|id| Arc::strong_count(id) > 1);
            self.prune_at = FEW.max(self.ids.len() * 2);
        }
        let id = Id::from(text);
        self.ids.insert(id.clone());
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_text_is_the_same_id() {
        let mut pool = Pool::default();
        assert!(Arc::ptr_eq(&pool.get("ada"), &pool.get("ada")));
    }

    #[test]
    fn what_nobody_has_is_forgotten() {
        let mut pool = Pool::default();
        let kept = pool.get("kept");
        for number in 0..3 * FEW {
            pool.get(&number.to_string());
        }
        assert!(pool.ids.len() <= FEW, "{}", pool.ids.len());
        assert!(Arc::ptr_eq(&pool.get("kept"), &kept));
    }
}
