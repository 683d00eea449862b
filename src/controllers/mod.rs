//! What makes the cluster follow the objects: one room per kind, each observe -> plan (pure) -> execute -> report.
//!
//! Controllers run on one replica at a time, the [`leader`]; every replica serves requests.

pub mod leader;
mod observed_lease;
mod term;
mod fenced;
pub mod tenant;
mod apps;
mod leaving;
mod names;
mod passwords;
mod sweep;
mod context;
mod conditions;
mod finalizer;
mod report;
mod standing;
mod renew;
mod agreement;
mod status_update;
mod values;

use tokio_util::sync::CancellationToken;

use self::{context::Context, leader::Leadership};
pub use self::{
    context::{Options, Surroundings},
    fenced::{fenced, may_be_sent},
};

/// Applies membership to apps until the leadership is over.
pub async fn run(surroundings: Surroundings, leadership: Leadership) {
    let context = Context::new(surroundings, &leadership);
    let stop = leadership.over;
    // Workers report until they have ended, so the reporter ends after them.
    let workers_ended = CancellationToken::new();
    let reporting = context.reporter.clone();
    let work = async {
        tokio::join!(
            apps::run(context.clone(), stop.clone()),
            leaving::run(context.clone(), stop.clone()),
            names::run(context.clone(), stop.clone()),
            values::run(context.clone(), stop.clone()),
            standing::run(context.clone(), stop.clone()),
            passwords::run(context.clone(), stop.clone()),
            sweep::run(context.clone(), stop.clone())
        );
        workers_ended.cancel();
    };
    tokio::join!(work, reporting.run(&context, workers_ended.clone()));
}
