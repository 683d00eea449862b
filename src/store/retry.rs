//! Trying again after a lost compare-and-swap, within a bound.

use std::time::Duration;

use tokio::time::Instant;

use super::error::StoreError;

/// How long a request keeps trying. A little jitter between attempts lets one of several writers win.
const PATIENCE: Duration = Duration::from_secs(8);

/// The attempts of one request.
#[derive(Debug)]
pub(super) struct Attempts {
    started: Instant,
    count: u32,
}

impl Default for Attempts {
    fn default() -> Self {
        Self { started: Instant::now(), count: 0 }
    }
}

impl Attempts {
    /// Waits a moment before the next attempt after a lost compare-and-swap.
    pub(super) async fn next_conflict(&mut self) -> Result<(), StoreError> {
        self.check_conflict()?;
        self.pause().await;
        Ok(())
    }

    /// Waits a moment before the next attempt; fails when there were enough.
    pub(super) async fn next(&mut self, reason: &impl ToString) -> Result<(), StoreError> {
        self.check(reason)?;
        self.pause().await;
        Ok(())
    }

    /// Fails when there were enough lost compare-and-swaps.
    pub(super) fn check_conflict(&self) -> Result<(), StoreError> {
        self.check(&"the object keeps changing under this request")
    }

    /// Waits a moment, longer from time to time.
    pub(super) async fn pause(&mut self) {
        self.count += 1;
        let longest = 2_u64.saturating_pow(self.count.min(6));
        tokio::time::sleep(Duration::from_millis(jitter(longest))).await;
    }

    fn check(&self, reason: &impl ToString) -> Result<(), StoreError> {
        if self.started.elapsed() <= PATIENCE {
            return Ok(());
        }
        Err(StoreError::Unavailable { reason: reason.to_string(), retry_after: Duration::from_secs(1) })
    }
}

/// A number up to `longest`; zero if there is no randomness to be had, which only makes us less polite.
fn jitter(longest: u64) -> u64 {
    getrandom::u64().map_or(0, |random| random % (longest + 1))
}
