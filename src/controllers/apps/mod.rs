//! The controller of DownstreamApps: one [`worker`] for each, restarted when its spec changes.
//!
//! A worker observes (directory and rows), plans ([`desired`], pure), executes (the app's room) and reports (rows to
//! users and teams, a summary to the app).

mod app_status;
mod connect;
mod desired;
mod keeping;
mod passwords;
mod queue;
mod registry;
mod rows;
mod worker;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures::{StreamExt, future::join_all, stream::select_all};
use kube::{
    Api, ResourceExt,
    runtime::{
        WatchStreamExt,
        watcher::{self, Event, watcher},
    },
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

pub(super) use self::registry::Apps;
use self::{
    app_status::{Pause, Standing, Summary},
    desired::InScope,
    registry::App,
    rows::Rows,
    worker::Worker,
};
use super::{Context, finalizer};
use crate::{
    api::{DeletionPolicy, DownstreamApp, names},
    store::TenantKey,
};

/// How long an app that goes waits until no status speaks of it.
const ROWS_WITHIN: Duration = Duration::from_secs(10);

/// Namespace and name of an app.
type AppKey = (String, String);

/// Runs a worker for each app until `stop`.
pub(super) async fn run(context: Context, stop: CancellationToken) {
    // An app must not be touched before it is known whether its tenant is suspended.
    if stop.run_until_cancelled(context.tenants.wait_until_ready()).await.is_none() {
        return;
    }
    let watches = context.options.namespaces.apis::<DownstreamApp>(&context.client);
    let mut lists_missing = watches.len();
    let watches =
        watches.into_iter().map(|api| watcher(api, watcher::Config::default()).default_backoff().boxed());
    let mut apps = select_all(watches);
    let mut workers: HashMap<AppKey, Running> = HashMap::new();
    loop {
        let event = tokio::select! {
            event = apps.next() => event,
            () = context.tenants.wait_for_suspension() => {
                let all: Vec<_> = workers.values().map(|running| Arc::clone(&running.app)).collect();
                for app in all {
                    appeared(&context, &mut workers, app).await;
                }
                continue;
            }
            () = stop.cancelled() => break,
        };
        match event {
            Some(Ok(Event::Apply(app) | Event::InitApply(app))) => {
                appeared(&context, &mut workers, Arc::new(app)).await;
            }
            Some(Ok(Event::Delete(app))) => {
                context.apps.remove(&key(&app));
                if let Some(running) = workers.remove(&key(&app)) {
                    running.end().await;
                }
            }
            Some(Ok(Event::Init)) => {}
            // An app that vanished while the watch was away ends when it can't write its status; nothing is revoked.
            Some(Ok(Event::InitDone)) => {
                lists_missing = lists_missing.saturating_sub(1);
                if lists_missing == 0 {
                    context.apps.are_listed();
                }
            }
            Some(Err(error)) => tracing::warn!(%error, "the watch of apps was interrupted; it goes on"),
            None => break,
        }
    }
    join_all(workers.into_values().map(Running::end)).await;
}

/// A worker, and what it was started with. It is aborted when this is dropped, as at the end of a term.
#[derive(Debug)]
struct Running {
    app: Arc<DownstreamApp>,
    started_with: StartedWith,
    stop: CancellationToken,
    task: AbortOnDropHandle<Rows>,
}

/// What makes a new worker necessary when it changes.
#[derive(Debug, PartialEq)]
struct StartedWith {
    generation: Option<i64>,
    leaving: bool,
    sync_now: Option<String>,
    confirmed: bool,
    pause: Option<Pause>,
}

impl Running {
    /// Lets the worker finish its calls; gives back what it knows of the app.
    async fn end(self) -> Rows {
        self.stop.cancel();
        self.task.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a worker ended badly");
            Rows::default()
        })
    }
}

async fn appeared(context: &Context, workers: &mut HashMap<AppKey, Running>, app: Arc<DownstreamApp>) {
    let key = key(&app);
    let tenant = TenantKey::new(&key.0, &app.spec.tenant_ref.name);
    let started_with = StartedWith {
        generation: app.metadata.generation,
        leaving: app.metadata.deletion_timestamp.is_some(),
        sync_now: app.annotations().get(names::ANNOTATION_SYNC_NOW).cloned(),
        confirmed: is_confirmed(&app),
        pause: pause(context, &tenant, &app),
    };
    // Its status changed, by ourselves; a worker that crashed is started again.
    let same = |running: &Running| running.started_with == started_with && !running.task.is_finished();
    if workers.get(&key).is_some_and(same) {
        return;
    }
    let mut before = Rows::default();
    if let Some(running) = workers.remove(&key) {
        let is_same = running.app.uid() == app.uid();
        let known = running.end().await;
        // What another app of this name had is none of its business.
        if is_same {
            before = known;
        }
    }
    let (pause, stop) = (started_with.pause, CancellationToken::new());
    context.apps.insert(key.clone(), registered(tenant, &app, pause));
    let work = supervise(context.clone(), Arc::clone(&app), pause, before, stop.clone());
    let task = AbortOnDropHandle::new(tokio::spawn(work));
    workers.insert(key, Running { app, started_with, stop, task });
}

/// Whether a person wants the app to be left as it is.
fn pause(context: &Context, tenant: &TenantKey, app: &DownstreamApp) -> Option<Pause> {
    if app.spec.suspend {
        Some(Pause::App)
    } else if context.tenants.is_suspended(tenant) {
        Some(Pause::Tenant)
    } else {
        None
    }
}

fn registered(tenant: TenantKey, app: &DownstreamApp, pause: Option<Pause>) -> App {
    let emptied = app.metadata.deletion_timestamp.is_some() && is_confirmed(app);
    // A scope that can't be understood is reported by the worker.
    let scope = InScope::of(&app.spec).ok().filter(|_| !emptied).map(Arc::new);
    let forwards_passwords = app.spec.scim.as_ref().is_some_and(|scim| scim.forward_passwords);
    App { tenant, scope, forwards_passwords, at_work: pause.is_none(), settled: HashSet::new() }
}

/// What is done for an app in its present state. `before` is what is known of what it has; gives back what is known then.
async fn supervise(
    context: Context,
    app: Arc<DownstreamApp>,
    pause: Option<Pause>,
    before: Rows,
    stop: CancellationToken,
) -> Rows {
    tokio::select! {
        () = context.store.wait_until_ready() => {}
        () = stop.cancelled() => return before,
    }
    let leaving = app.metadata.deletion_timestamp.is_some();
    let deletes = app.spec.deletion_policy.unwrap_or_default() == DeletionPolicy::Delete;
    if leaving && deletes && !is_confirmed(&app) {
        stalled(&context, &app, "DeletionNotConfirmed", not_confirmed(&app)).await;
        return before;
    }
    if leaving && !deletes {
        let_go(&context, &app).await;
        return before;
    }
    if !leaving && let Err(error) = hold(&context, &app).await {
        tracing::warn!(app = %app.name_any(), %error, "could not put a finalizer on an app; it is tried again when the app changes");
    }
    if let Some(pause) = pause.filter(|_| !leaving) {
        let summary = Summary::without_worker(Standing::Paused(pause));
        // Failing to say so is logged there, and changes nothing.
        let _ = app_status::write(&context, &app, summary).await;
        return before;
    }
    let rows = match Worker::new(context.clone(), app.clone()) {
        Ok(worker) => worker.run(before, stop.clone()).await,
        Err(message) => {
            stalled(&context, &app, "InvalidSpec", message).await;
            return before;
        }
    };
    if leaving && !stop.is_cancelled() {
        let_go(&context, &app).await;
    }
    rows
}

fn not_confirmed(app: &DownstreamApp) -> String {
    let name = app.name_any();
    format!(
        "deleting this app would revoke everything that it granted; confirm with: kubectl annotate sapp {name} \
         {}={name}",
        names::ANNOTATION_CONFIRM_DELETION
    )
}

async fn stalled(context: &Context, app: &DownstreamApp, reason: &'static str, message: String) {
    context.apps.rest(&key(app));
    let summary = Summary::without_worker(Standing::Stalled { reason, message });
    // Failing to say so is logged there, and is tried again when the app changes.
    let _ = app_status::write(context, app, summary).await;
}

/// Keeps the object until what it granted is revoked.
async fn hold(context: &Context, app: &DownstreamApp) -> kube::Result<()> {
    finalizer::set(&api_of(context, app), &app.name_any(), names::FINALIZER_REVOKE, true).await.map(drop)
}

/// Takes the app's rows out of the statuses of users and teams, and lets the object go.
async fn let_go(context: &Context, app: &DownstreamApp) {
    context.forget_rows(app);
    // Another app of this name must not find them. If they can't be written, that one finds out at its next resync.
    let _ = tokio::time::timeout(ROWS_WITHIN, context.reporter.wait_until_written()).await;
    let gone = finalizer::set(&api_of(context, app), &app.name_any(), names::FINALIZER_REVOKE, false).await;
    if let Err(error) = gone {
        tracing::warn!(app = %app.name_any(), %error, "could not let an app go; it is tried again when it changes");
    }
}

fn api_of(context: &Context, app: &DownstreamApp) -> Api<DownstreamApp> {
    Api::namespaced(context.client.clone(), &app.namespace().unwrap_or_default())
}

fn is_confirmed(app: &DownstreamApp) -> bool {
    app.annotations().get(names::ANNOTATION_CONFIRM_DELETION) == Some(&app.name_any())
}

fn key(app: &DownstreamApp) -> AppKey {
    (app.namespace().unwrap_or_default(), app.name_any())
}
