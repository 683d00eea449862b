//! What makes the cluster follow the objects: one room per kind, each observe -> plan (pure) -> execute -> report.
//!
//! Controllers run on one replica at a time, the [`leader`]; every replica serves requests.

pub mod leader;
mod observed_lease;
pub mod tenant;
mod apps;
mod leaving;
mod names;
mod sweep;
mod context;
mod conditions;
mod finalizer;
mod report;
mod status_update;

use kube::Client;
use tokio_util::sync::CancellationToken;

use self::context::Context;
pub use self::context::Options;
use crate::store::Store;

/// Applies membership to apps until `stop`. To be run by the leader alone.
pub async fn run(client: Client, store: Store, options: Options, stop: CancellationToken) {
    let context = Context::new(client.clone(), store, options);
    // Workers report until they have ended, so the reporter ends after them.
    let workers_ended = CancellationToken::new();
    let reporting = context.reporter.clone();
    let work = async {
        tokio::join!(
            apps::run(context.clone(), stop.clone()),
            leaving::run(context.clone(), stop.clone()),
            names::run(context.clone(), stop.clone()),
            sweep::run(context.clone(), stop.clone())
        );
        workers_ended.cancel();
    };
    tokio::join!(work, reporting.run(client, workers_ended.clone()));
}
