//! Waiting for what an act promises, and measuring how long it took.

use std::thread;
use std::time::{Duration, Instant};

use super::error::DemoError;

/// How often an app is asked: a measured time is too long by at most this and one question.
pub(super) const POLL: Duration = Duration::from_millis(20);

/// Far more than anything takes here: machines may be busy.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a look found.
pub(super) enum Look<T> {
    Yes(T),
    /// And what is there instead, for the error.
    NotYet(String),
}

impl Look<()> {
    /// From a condition, and what was found.
    pub(super) fn at(holds: bool, found: impl FnOnce() -> String) -> Self {
        if holds { Self::Yes(()) } else { Self::NotYet(found()) }
    }
}

/// Something that becomes visible from outside.
pub(super) struct Effect<'a> {
    pub(super) expected: String,
    pub(super) look: &'a (dyn Fn() -> Result<Look<()>, DemoError> + Sync),
}

/// Looks until it is there.
pub(super) fn until<T>(
    expected: &str,
    mut look: impl FnMut() -> Result<Look<T>, DemoError>,
) -> Result<T, DemoError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match look()? {
            Look::Yes(found) => return Ok(found),
            Look::NotYet(found) if Instant::now() > deadline => {
                return Err(DemoError::Late {
                    expected: expected.to_owned(),
                    seconds: PATIENCE.as_secs(),
                    found,
                });
            }
            Look::NotYet(_) => thread::sleep(POLL),
        }
    }
}

/// Looks for all effects at the same time, and tells how long after `since` each was seen.
pub(super) fn measure<const N: usize>(
    since: Instant,
    effects: [Effect<'_>; N],
) -> Result<[Duration; N], DemoError> {
    let mut took = [Duration::ZERO; N];
    thread::scope(|scope| {
        let watchers = effects.map(|effect| {
            scope.spawn(move || until(&effect.expected, effect.look).map(|()| since.elapsed()))
        });
        for (took, watcher) in took.iter_mut().zip(watchers) {
            // A watcher that panicked panics here too.
            *took = watcher.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        }
        Ok(took)
    })
}
