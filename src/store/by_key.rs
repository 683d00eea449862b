//! One thing for each key, shared by whoever asks for it at the same time.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError, Weak},
};

/// How many keys are kept before those that nobody uses are forgotten.
const KEPT: usize = 1024;

/// What is kept for a key lives as long as somebody holds it; what nobody holds takes no memory for long.
#[derive(Debug)]
pub(super) struct ByKey<K, T>(Mutex<HashMap<K, Weak<T>>>);

impl<K, T> Default for ByKey<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, T: Default> ByKey<K, T> {
    /// The one of this key: that which others hold, or a new one.
    pub(super) fn get(&self, key: K) -> Arc<T> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() > KEPT {
            kept.retain(|_, it| it.strong_count() > 0);
        }
        kept.get(&key).and_then(Weak::upgrade).unwrap_or_else(|| {
            let new = Arc::new(T::default());
            kept.insert(key, Arc::downgrade(&new));
            new
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_hold_it_at_the_same_time_share_it() {
        let by_key = ByKey::<u32, Mutex<u32>>::default();
        let first = by_key.get(1);
        *first.lock().unwrap() = 7;
        assert!(Arc::ptr_eq(&first, &by_key.get(1)));
        assert!(!Arc::ptr_eq(&first, &by_key.get(2)));
        drop(first);
        assert_eq!(*by_key.get(1).lock().unwrap(), 0, "it is a new one");
    }

    #[test]
    fn what_nobody_holds_is_forgotten() {
        let by_key = ByKey::<usize, ()>::default();
        let held = by_key.get(0);
        for key in 1..10 * KEPT {
            by_key.get(key);
        }
        assert!(by_key.0.lock().unwrap().len() <= KEPT + 1);
        assert!(Arc::ptr_eq(&held, &by_key.get(0)));
    }
}
