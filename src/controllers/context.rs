//! What the controllers of apps share.

use std::sync::Arc;

use kube::{Client, ResourceExt};
use tokio_util::sync::CancellationToken;

use super::{
    apps::Apps,
    report::{Reporter, Subject},
};
use crate::{
    api::{AppliedTo, DownstreamApp, Team, User},
    controllers::{fenced::fenced, leader::Leadership},
    downstream::{CallMetrics, Fence, rbac, scim::ScimOptions},
    store::{Namespaces, Store, TenantKey, Tenants},
};

/// What the installation, not an object, decides.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where apps are ours.
    pub namespaces: Namespaces,
    /// How SCIM apps may be reached.
    pub scim: ScimOptions,
    /// Where role bindings may be written.
    pub rbac_reach: rbac::Reach,
}

/// What the controllers of apps share with the rest of the process.
#[derive(Clone)]
pub struct Surroundings {
    /// A client of the API server.
    pub client: Client,
    /// Users and teams.
    pub store: Store,
    /// Which tenants are suspended.
    pub tenants: Arc<Tenants>,
    /// Where calls of apps are counted.
    pub calls: CallMetrics,
    /// What the installation decides.
    pub options: Options,
}

/// What every controller of apps needs. Cheap to clone.
#[derive(Clone)]
pub(super) struct Context {
    /// Writes only while we lead.
    pub(super) client: Client,
    /// So does this.
    pub(super) store: Store,
    pub(super) tenants: Arc<Tenants>,
    pub(super) options: Arc<Options>,
    pub(super) calls: CallMetrics,
    /// Lets apps be called only while we lead.
    pub(super) fence: Fence,
    pub(super) reporter: Reporter,
    pub(super) apps: Apps,
}

impl std::fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surroundings").field("options", &self.options).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Context {
    /// Waits until every user, team and app is known: who counts apps, or lets go, must not miss one. False if that was
    /// cut short.
    pub(super) async fn until_all_is_known(&self, stop: &CancellationToken) -> bool {
        let known = async { tokio::join!(self.store.wait_until_ready(), self.apps.wait_until_listed()) };
        stop.run_until_cancelled(known).await.is_some()
    }

    pub(super) fn new(surroundings: Surroundings, leadership: &Leadership) -> Self {
        let Surroundings { client, store, tenants, calls, options } = surroundings;
        let client = fenced(&client, leadership);
        let store = store.written_by(client.clone());
        let leadership = leadership.clone();
        let fence = Fence::new(move || leadership.holds());
        let (options, reporter, apps) = (Arc::new(options), Reporter::default(), Apps::default());
        Self { client, store, tenants, options, calls, fence, reporter, apps }
    }

    /// Takes an app out of the statuses of its tenant's users and teams.
    pub(super) fn forget_rows(&self, app: &DownstreamApp) {
        let name = app.name_any();
        let tenant = TenantKey::of(app, &app.spec.tenant_ref);
        let has_row =
            |rows: Option<&[AppliedTo]>| rows.is_some_and(|rows| rows.iter().any(|row| row.name == name));
        let directory = self.store.directory();
        let forget = |subject: Subject| self.reporter.forget(&tenant.namespace, subject, &name);
        let forget_user = |user: &User| {
            if has_row(user.status.as_ref().map(|it| it.apps.as_slice())) {
                forget(Subject::User(user.name_any().into()));
            }
        };
        let forget_team = |team: &Team| {
            if has_row(team.status.as_ref().map(|it| it.apps.as_slice())) {
                forget(Subject::Team(team.name_any().into()));
            }
        };
        directory.users(&tenant, &[]).iter().for_each(|user| forget_user(&user.object()));
        directory.held_users(&tenant).iter().for_each(|user| forget_user(user));
        directory.teams(&tenant, &[]).iter().for_each(|team| forget_team(team.outline()));
        directory.held_teams(&tenant).iter().for_each(|team| forget_team(team));
    }
}
