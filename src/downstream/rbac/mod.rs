//! The `rbac` kind of downstream app: the members of a team get Kubernetes roles, by RoleBindings in chosen
//! namespaces or by ClusterRoleBindings.
//!
//! Only teams matter; a person's access comes through them. A binding is ours when it carries our labels. Every
//! call observes the team's bindings, plans purely ([`mod@plan`]), and takes the steps ([`execute`]). A binding is the
//! access itself, so that what is revoked is deleted whatever the deletion policy says.

mod binding;
mod execute;
mod fault;
mod observe;
mod plan;
mod settings;
mod subject;

use std::fmt;

use async_trait::async_trait;
use kube::{Client, ResourceExt};

use crate::api::{DeletionPolicy, DownstreamApp};

use super::{ApplyError, Blame, Downstream, Had, Has, TeamView, UserView};
use binding::Owner;
use execute::{Outcome, Writer};
use observe::{Observed, observe};
use plan::{Plan, plan, revoke};
use settings::Settings;

pub use settings::{Reach, SettingsError};

/// How often a call starts anew when bindings change while it works.
const ROUNDS: usize = 5;

/// One `DownstreamApp` of kind `rbac`.
pub struct RbacApp {
    client: Client,
    reach: Reach,
    owner: Owner,
    settings: Settings,
}

impl RbacApp {
    /// Checks what the object asks for. `reach` is what the installation allows (`rbac.namespaces` in the chart).
    pub fn new(client: Client, app: &DownstreamApp, reach: Reach) -> Result<Self, ApplyError> {
        let target = app.spec.rbac.as_ref().ok_or_else(|| fault::settings(&SettingsError::NotRbac))?;
        let owner = Owner {
            app: app.name_any(),
            namespace: app.namespace().unwrap_or_default(),
            tenant: app.spec.tenant_ref.name.clone(),
        };
        let settings = Settings::new(target).map_err(|error| fault::settings(&error))?;
        Ok(Self { client, reach, owner, settings })
    }

    /// Observes, plans and takes the steps, anew as long as others change the same bindings meanwhile.
    async fn converge(&self, team: &str, plan: impl Fn(Observed) -> Plan) -> Result<Has, ApplyError> {
        let writer = Writer::new(self.client.clone(), self.owner.own_labels(team));
        let mut changed = false;
        for _ in 0..ROUNDS {
            let observed = observe(&self.client, &self.reach, &self.owner.selector(team)).await?;
            let plan = plan(observed);
            let bindings = plan.bindings;
            let Outcome { conflict, done, problems } = writer.run(plan).await?;
            changed |= done > 0;
            if conflict {
                continue;
            }
            if !problems.is_empty() {
                return Err(fault::item(fault::join(&problems)));
            }
            let remote_id = (bindings > 0).then(|| team.to_owned());
            return Ok(Has { remote_id, changed, ..Has::default() });
        }
        Err(fault::item(
            "bindings of this team keep changing while they are written; does another tool write them?",
        ))
    }
}

#[async_trait]
impl Downstream for RbacApp {
    fn kind(&self) -> &'static str {
        "rbac"
    }

    async fn probe(&self) -> Result<(), ApplyError> {
        observe::probe(&self.client, &self.reach, &self.settings.namespaces()).await
    }

    async fn apply_user(&self, _user: &UserView, _had: &Had) -> Result<Has, ApplyError> {
        Ok(Has::default())
    }

    async fn revoke_user(&self, _id: &str, _had: &Had, _policy: DeletionPolicy) -> Result<Has, ApplyError> {
        Ok(Has::default())
    }

    async fn apply_team(&self, team: &TeamView, _had: &Had) -> Result<Has, ApplyError> {
        self.converge(&team.id, |observed| plan(&self.settings, &self.reach, &self.owner, team, observed))
            .await
    }

    async fn revoke_team(&self, id: &str, _had: &Had, _policy: DeletionPolicy) -> Result<Has, ApplyError> {
        self.converge(id, revoke).await
    }
}

impl fmt::Debug for RbacApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { client: _, reach, owner, settings } = self;
        f.debug_struct("RbacApp")
            .field("owner", owner)
            .field("settings", settings)
            .field("reach", reach)
            .finish()
    }
}
