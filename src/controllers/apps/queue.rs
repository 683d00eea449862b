//! What a worker has to do, and when: each thing once, however often it is asked for.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    time::Duration,
};

use tokio::time::Instant;

/// One user or team that has to be looked at.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Key {
    /// A user, by id.
    User(String),
    /// A team, by id.
    Team(String),
}

/// The first wait after a failure; each further one doubles it.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);

/// The longest wait after a failure.
const LONGEST_BACKOFF: Duration = Duration::from_mins(5);

/// Keys by due time. A key that is under way is not handed out again before it is finished.
#[derive(Debug, Default)]
pub(super) struct Queue {
    by_time: BTreeSet<(Instant, Key)>,
    due: HashMap<Key, Instant>,
    under_way: HashSet<Key>,
    failures: HashMap<Key, u32>,
}

impl Queue {
    /// Asks for a key to be looked at; an earlier due time wins.
    pub(super) fn add(&mut self, key: Key, due: Instant) {
        match self.due.get(&key) {
            Some(earlier) if *earlier <= due => return,
            Some(later) => {
                self.by_time.remove(&(*later, key.clone()));
            }
            None => {}
        }
        self.by_time.insert((due, key.clone()));
        self.due.insert(key, due);
    }

    /// Takes a key that is due. [`Self::finish`] must follow.
    pub(super) fn take(&mut self, now: Instant) -> Option<Key> {
        let ready = self.by_time.iter().take_while(|(due, _)| *due <= now);
        let (due, key) = ready.into_iter().find(|(_, key)| !self.under_way.contains(key))?.clone();
        self.by_time.remove(&(due, key.clone()));
        self.due.remove(&key);
        self.under_way.insert(key.clone());
        Some(key)
    }

    /// When the next key is due that is not under way.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.by_time.iter().find(|(_, key)| !self.under_way.contains(key)).map(|(due, _)| *due)
    }

    /// A key that was taken has succeeded.
    pub(super) fn finish(&mut self, key: &Key) {
        self.under_way.remove(key);
        self.failures.remove(key);
    }

    /// A key that was taken has failed and is to be tried again; gives back when.
    pub(super) fn retry(&mut self, key: Key, now: Instant, asked: Option<Duration>) -> Instant {
        self.under_way.remove(&key);
        let failures = self.failures.entry(key.clone()).or_default();
        *failures += 1;
        let due = now + asked.unwrap_or_default().max(backoff(*failures));
        self.add(key, due);
        due
    }

    /// A key that was taken could not be tried, through no fault of its own.
    pub(super) fn put_back(&mut self, key: Key, now: Instant) {
        self.under_way.remove(&key);
        self.add(key, now);
    }

    /// How many keys are due now or under way.
    pub(super) fn pending(&self, now: Instant) -> usize {
        self.by_time.iter().take_while(|(due, _)| *due <= now).count() + self.under_way.len()
    }

    /// Whether nothing is left to look at, now or later.
    pub(super) fn is_empty(&self) -> bool {
        self.by_time.is_empty() && self.under_way.is_empty()
    }

    /// How many keys are under way.
    pub(super) fn under_way(&self) -> usize {
        self.under_way.len()
    }
}

/// The wait after the n-th failure in a row: 1 s, 2 s, 4 s, ... up to five minutes.
pub(super) fn backoff(failures: u32) -> Duration {
    FIRST_BACKOFF.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST_BACKOFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: &str) -> Key {
        Key::User(id.to_owned())
    }

    #[test]
    fn a_key_that_is_asked_for_twice_is_handed_out_once() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.add(user("ada"), now + Duration::from_secs(9));
        queue.add(user("ada"), now);
        assert_eq!(queue.take(now), Some(user("ada")));
        assert_eq!(queue.take(now + Duration::from_secs(10)), None);
    }

    #[test]
    fn a_key_that_changes_while_it_is_under_way_is_looked_at_again() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.add(user("ada"), now);
        queue.take(now);
        queue.add(user("ada"), now);
        assert_eq!(queue.take(now), None, "not twice at the same time");
        queue.finish(&user("ada"));
        assert_eq!(queue.take(now), Some(user("ada")));
    }

    #[test]
    fn failures_wait_longer_and_longer_and_at_least_as_long_as_the_app_asked() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.add(user("ada"), now);
        queue.take(now);
        assert_eq!(queue.retry(user("ada"), now, None), now + Duration::from_secs(1));
        queue.take(now + Duration::from_secs(1));
        assert_eq!(queue.retry(user("ada"), now, Some(Duration::from_mins(2))), now + Duration::from_mins(2));
        assert_eq!(backoff(40), LONGEST_BACKOFF);
    }
}
