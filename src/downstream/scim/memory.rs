//! A bounded memory of what was last seen or done. Forgetting is always safe: it costs a read or a needless write.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Values by our id, up to a total weight.
pub struct Memory<T> {
    limit: usize,
    held: Mutex<Held<T>>,
}

struct Held<T> {
    values: HashMap<String, (T, usize)>,
    weight: usize,
}

impl<T: Clone> Memory<T> {
    pub fn new(limit: usize) -> Self {
        Self { limit, held: Mutex::new(Held { values: HashMap::new(), weight: 0 }) }
    }

    pub fn get(&self, id: &str) -> Option<T> {
        self.held().values.get(id).map(|(value, _)| value.clone())
    }

    /// Remembers a value; others are forgotten as needed, and one that is heavier than the limit is not kept.
    pub fn put(&self, id: &str, value: T, weight: usize) {
        let mut held = self.held();
        held.remove(id);
        if weight > self.limit {
            return;
        }
        while held.weight + weight > self.limit {
            let Some(other) = held.values.keys().next().cloned() else { break };
            held.remove(&other);
        }
        held.weight += weight;
        held.values.insert(id.to_owned(), (value, weight));
    }

    pub fn forget(&self, id: &str) {
        self.held().remove(id);
    }

    /// A panic elsewhere cannot leave a map half changed that is only changed here.
    fn held(&self) -> MutexGuard<'_, Held<T>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Held<T> {
    fn remove(&mut self, id: &str) {
        if let Some((_, weight)) = self.values.remove(id) {
            self.weight -= weight;
        }
    }
}

/// Says how much, not what.
impl<T> fmt::Debug for Memory<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("limit", &self.limit).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_holds_more_than_its_limit() {
        let memory = Memory::new(10);
        for id in ["a", "b", "c", "d"] {
            memory.put(id, (), 4);
        }
        assert_eq!(memory.held().values.len(), 2);
        memory.put("heavy", (), 11);
        assert_eq!(memory.get("heavy"), None);
        memory.put("d", (), 10);
        assert_eq!(memory.held().weight, 10);
    }
}
