//! Clears up after crashes, every now and then.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Context;
use crate::store::sweep::Sweeper;

/// How often. Nothing waits for it: what crashes leave behind only takes room.
const EVERY: Duration = Duration::from_hours(1);

/// Sweeps until `stop`.
pub(super) async fn run(context: Context, stop: CancellationToken) {
    let mut sweeper = Sweeper::default();
    let mut every = tokio::time::interval(EVERY);
    tokio::select! {
        () = context.store.wait_until_ready() => {}
        () = stop.cancelled() => return,
    }
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = every.tick() => {
                if let Err(error) = sweeper.sweep(&context.store, context.options.namespaces.names()).await {
                    tracing::warn!(%error, "could not clear up; it is tried again later");
                }
            }
        }
    }
}
