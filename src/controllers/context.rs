//! What the controllers of apps share.

use std::sync::Arc;

use kube::{Client, ResourceExt};

use super::{
    apps::Apps,
    report::{Reporter, Subject},
};
use crate::{
    api::{AppliedTo, DownstreamApp, Team, User},
    downstream::{rbac, scim::ScimOptions},
    store::{Namespaces, Store, TenantKey},
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

/// What every controller of apps needs. Cheap to clone.
#[derive(Clone)]
pub(super) struct Context {
    pub(super) client: Client,
    pub(super) store: Store,
    pub(super) options: Arc<Options>,
    pub(super) reporter: Reporter,
    pub(super) apps: Apps,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Context {
    pub(super) fn new(client: Client, store: Store, options: Options) -> Self {
        let (reporter, apps) = (Reporter::default(), Apps::default());
        Self { client, store, options: Arc::new(options), reporter, apps }
    }

    /// Takes an app out of the statuses of its tenant's users and teams.
    pub(super) fn forget_rows(&self, app: &DownstreamApp) {
        let name = app.name_any();
        let tenant = TenantKey::new(&app.namespace().unwrap_or_default(), &app.spec.tenant_ref.name);
        let has_row =
            |rows: Option<&[AppliedTo]>| rows.is_some_and(|rows| rows.iter().any(|row| row.name == name));
        let directory = self.store.directory();
        let forget = |subject: Subject| self.reporter.forget(&tenant.namespace, subject, &name);
        let forget_user = |user: &User| {
            if has_row(user.status.as_ref().map(|it| it.apps.as_slice())) {
                forget(Subject::User(user.name_any()));
            }
        };
        let forget_team = |team: &Team| {
            if has_row(team.status.as_ref().map(|it| it.apps.as_slice())) {
                forget(Subject::Team(team.name_any()));
            }
        };
        directory.users(&tenant, &[]).iter().for_each(|user| forget_user(user.object()));
        directory.held_users(&tenant).iter().for_each(|user| forget_user(user));
        directory.teams(&tenant, &[]).iter().for_each(|team| forget_team(team.object()));
        directory.held_teams(&tenant).iter().for_each(|team| forget_team(team));
    }
}
