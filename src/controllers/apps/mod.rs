//! The controller of DownstreamApps: one [`worker`] for each, restarted when its spec changes.
//!
//! A worker observes (directory and rows), plans ([`desired`], pure), executes (the app's room) and reports (rows to
//! users and teams, a summary to the app).

mod app_status;
mod connect;
mod desired;
mod queue;
mod registry;
mod rows;
mod worker;

use std::{collections::HashMap, sync::Arc};

use futures::{StreamExt, future::join_all, stream::select_all};
use kube::{
    Api, ResourceExt,
    runtime::{
        WatchStreamExt,
        watcher::{self, Event, watcher},
    },
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(super) use self::registry::Apps;
use self::{app_status::Summary, worker::Worker};
use super::{Context, finalizer};
use crate::{
    api::{DeletionPolicy, DownstreamApp, names},
    store::TenantKey,
};

/// Namespace and name of an app.
type AppKey = (String, String);

/// Runs a worker for each app until `stop`.
pub(super) async fn run(context: Context, stop: CancellationToken) {
    let watches = context.options.namespaces.apis::<DownstreamApp>(&context.client);
    let watches =
        watches.into_iter().map(|api| watcher(api, watcher::Config::default()).default_backoff().boxed());
    let mut apps = select_all(watches);
    let mut workers: HashMap<AppKey, Running> = HashMap::new();
    loop {
        let event = tokio::select! {
            event = apps.next() => event,
            () = stop.cancelled() => break,
        };
        match event {
            Some(Ok(Event::Apply(app) | Event::InitApply(app))) => {
                appeared(&context, &mut workers, app).await;
            }
            Some(Ok(Event::Delete(app))) => {
                context.apps.remove(&key(&app));
                if let Some(running) = workers.remove(&key(&app)) {
                    running.end().await;
                }
            }
            // An app that vanished while the watch was away ends when it can't write its status; nothing is revoked.
            Some(Ok(Event::Init | Event::InitDone)) => {}
            Some(Err(error)) => tracing::warn!(%error, "the watch of apps was interrupted; it goes on"),
            None => break,
        }
    }
    join_all(workers.into_values().map(Running::end)).await;
}

/// A worker, and what it was started with.
#[derive(Debug)]
struct Running {
    generation: Option<i64>,
    leaving: bool,
    sync_now: Option<String>,
    confirmed: bool,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    /// Lets the worker finish its calls.
    async fn end(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "a worker ended badly");
        }
    }
}

async fn appeared(context: &Context, workers: &mut HashMap<AppKey, Running>, app: DownstreamApp) {
    let key = key(&app);
    let tenant = TenantKey::new(&key.0, &app.spec.tenant_ref.name);
    context.apps.insert(key.clone(), tenant, !app.spec.suspend);
    let started_with = Running {
        generation: app.metadata.generation,
        leaving: app.metadata.deletion_timestamp.is_some(),
        sync_now: app.annotations().get(names::ANNOTATION_SYNC_NOW).cloned(),
        confirmed: is_confirmed(&app),
        stop: CancellationToken::new(),
        task: tokio::spawn(std::future::ready(())),
    };
    if let Some(running) = workers.get(&key) {
        let Running { generation, leaving, sync_now, confirmed, stop: _, task: _ } = running;
        let same = (generation, leaving, sync_now, confirmed)
            == (
                &started_with.generation,
                &started_with.leaving,
                &started_with.sync_now,
                &started_with.confirmed,
            );
        // Its status changed, by ourselves; a worker that crashed is started again.
        if same && !running.task.is_finished() {
            return;
        }
    }
    if let Some(running) = workers.remove(&key) {
        running.end().await;
    }
    let (context, stop) = (context.clone(), started_with.stop.clone());
    let task = tokio::spawn(async move { supervise(context, Arc::new(app), stop).await });
    workers.insert(key, Running { task, ..started_with });
}

/// What is done for an app in its present state.
async fn supervise(context: Context, app: Arc<DownstreamApp>, stop: CancellationToken) {
    tokio::select! {
        () = context.store.wait_until_ready() => {}
        () = stop.cancelled() => return,
    }
    let leaving = app.metadata.deletion_timestamp.is_some();
    let deletes = app.spec.deletion_policy.unwrap_or_default() == DeletionPolicy::Delete;
    if leaving && deletes && !is_confirmed(&app) {
        let name = app.name_any();
        let message = format!(
            "deleting this app would revoke everything that it granted; confirm with: kubectl annotate sapp {name} \
             {}={name}",
            names::ANNOTATION_CONFIRM_DELETION
        );
        return stalled(&context, &app, message).await;
    }
    if leaving && !deletes {
        return let_go(&context, &app).await;
    }
    if !leaving && let Err(error) = hold(&context, &app).await {
        tracing::warn!(app = %app.name_any(), %error, "could not put a finalizer on an app; it is tried again when the app changes");
    }
    if app.spec.suspend && !leaving {
        let summary = Summary::default();
        // Failing to say so is logged there, and changes nothing.
        let _ = app_status::write(&context, &app, summary).await;
        return;
    }
    match Worker::new(context.clone(), app.clone()) {
        Ok(worker) => worker.run(stop.clone()).await,
        Err(message) => return stalled(&context, &app, message).await,
    }
    if leaving && !stop.is_cancelled() {
        let_go(&context, &app).await;
    }
}

async fn stalled(context: &Context, app: &DownstreamApp, message: String) {
    context.apps.rest(&key(app));
    let summary = Summary { stalled: Some(message), ..Summary::default() };
    // Failing to say so is logged there, and is tried again when the app changes.
    let _ = app_status::write(context, app, summary).await;
}

/// Keeps the object until what it granted is revoked.
async fn hold(context: &Context, app: &DownstreamApp) -> kube::Result<()> {
    finalizer::set(&api_of(context, app), &app.name_any(), names::FINALIZER_REVOKE, true).await
}

/// Lets the object go, and takes its rows out of the statuses of users and teams.
async fn let_go(context: &Context, app: &DownstreamApp) {
    context.forget_rows(app);
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
