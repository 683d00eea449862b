//! What makes the cluster follow the objects: one room per kind, each observe -> plan (pure) -> execute -> report.
//!
//! Controllers run on one replica at a time, the [`leader`]; every replica serves requests.

mod apps;
mod conditions;
pub mod leader;
mod leaving;
mod observed_lease;
mod report;
mod status_update;
mod sweep;
pub mod tenant;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use kube::{Client, ResourceExt};
use tokio_util::sync::CancellationToken;

use self::report::{Reporter, Subject};
use crate::{
    api::{AppliedTo, DownstreamApp},
    downstream::{rbac, scim::ScimOptions},
    store::{Store, TenantKey},
};

/// What the installation, not an object, decides.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The namespaces whose tenants and apps are ours; none means all.
    pub namespaces: Vec<String>,
    /// How SCIM apps may be reached.
    pub scim: ScimOptions,
    /// Where role bindings may be written.
    pub rbac_reach: rbac::Reach,
}

/// Applies membership to apps until `stop`. To be run by the leader alone.
pub async fn run(client: Client, store: Store, options: Options, stop: CancellationToken) {
    let context = Context {
        client: client.clone(),
        store,
        options: Arc::new(options),
        reporter: Reporter::default(),
        apps: Apps::default(),
    };
    // Workers report until they have ended, so the reporter ends after them.
    let workers_ended = CancellationToken::new();
    let reporting = context.reporter.clone();
    let work = async {
        tokio::join!(
            apps::run(context.clone(), stop.clone()),
            leaving::run(context.clone(), stop.clone()),
            sweep::run(context.clone(), stop.clone())
        );
        workers_ended.cancel();
    };
    tokio::join!(work, reporting.run(client, workers_ended.clone()));
}

/// What every controller of apps needs. Cheap to clone.
#[derive(Clone)]
struct Context {
    client: Client,
    store: Store,
    options: Arc<Options>,
    reporter: Reporter,
    apps: Apps,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Context {
    /// The namespaces to watch; an empty name stands for all.
    fn namespaces_or_all(&self) -> impl Iterator<Item = String> {
        let all = self.options.namespaces.is_empty().then(String::new);
        self.options.namespaces.clone().into_iter().chain(all)
    }

    /// Takes an app out of the statuses of its tenant's users and teams.
    fn forget_rows(&self, app: &DownstreamApp) {
        let name = app.name_any();
        let tenant = TenantKey::new(&app.namespace().unwrap_or_default(), &app.spec.tenant_ref.name);
        let has_row =
            |rows: Option<&[AppliedTo]>| rows.is_some_and(|rows| rows.iter().any(|row| row.name == name));
        for user in self.store.directory().users(&tenant, &[]) {
            if has_row(user.object().status.as_ref().map(|it| it.apps.as_slice())) {
                self.reporter.forget(&tenant.namespace, Subject::User(user.id().to_owned()), &name);
            }
        }
        for team in self.store.directory().teams(&tenant, &[]) {
            if has_row(team.object().status.as_ref().map(|it| it.apps.as_slice())) {
                self.reporter.forget(&tenant.namespace, Subject::Team(team.id().to_owned()), &name);
            }
        }
    }
}

/// Which apps there are, and whose. Cheap to clone.
#[derive(Clone, Debug, Default)]
struct Apps(Arc<Mutex<HashMap<(String, String), TenantKey>>>);

impl Apps {
    fn insert(&self, app: (String, String), tenant: TenantKey) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(app, tenant);
    }

    fn remove(&self, app: &(String, String)) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(app);
    }

    /// Names of the apps of a tenant.
    fn of(&self, tenant: &TenantKey) -> BTreeSet<String> {
        let apps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        apps.iter().filter(|(_, it)| *it == tenant).map(|((_, name), _)| name.clone()).collect()
    }
}
