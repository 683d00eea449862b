//! Until when a leadership may be relied on, by this machine's monotonic clock.
//!
//! A process that was frozen and wakes up finds its term over before it has read anything: the clock went on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

/// The end of a term, which each renewal moves on. Clones are one.
#[derive(Clone, Debug)]
pub(super) struct Term(Arc<Mutex<Instant>>);

impl Term {
    pub(super) fn until(end: Instant) -> Self {
        Self(Arc::new(Mutex::new(end)))
    }

    /// A renewal succeeded: it lasts until `end` now.
    pub(super) fn extend(&self, end: Instant) {
        *self.end() = end;
    }

    /// It is over, whatever was renewed.
    pub(super) fn finish(&self, now: Instant) {
        let mut end = self.end();
        *end = now.min(*end);
    }

    pub(super) fn holds(&self, now: Instant) -> bool {
        now < *self.end()
    }

    fn end(&self) -> MutexGuard<'_, Instant> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_term_ends_by_the_clock_alone_unless_it_is_extended() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let term = Term::until(start + second);
        assert!(term.holds(start));
        assert!(!term.holds(start + second), "nobody had to tell it");
        term.extend(start + second * 3);
        assert!(term.holds(start + second * 2));
    }

    #[test]
    fn a_finished_term_does_not_hold_for_any_clone_of_it() {
        let start = Instant::now();
        let term = Term::until(start + Duration::from_secs(9));
        let clone = term.clone();
        term.finish(start);
        assert!(!clone.holds(start));
        term.finish(start + Duration::from_secs(5));
        assert!(!clone.holds(start), "it does not begin again");
    }
}
