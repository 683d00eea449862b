//! Those that are kept back because others have their names, and who has a name.

use std::sync::Arc;

use super::{Directory, Tenant};
use crate::{
    api::{Team, User},
    scim::fold::fold_case,
    store::{membership::Id, tenant::TenantKey, written::Kind},
};

impl Directory {
    /// A user who is kept back because another has their name.
    pub fn held_user(&self, tenant: &TenantKey, id: &str) -> Option<Arc<User>> {
        self.read().get(tenant)?.held_users.get(id).cloned()
    }

    /// A team that is kept back because another has its name.
    pub fn held_team(&self, tenant: &TenantKey, id: &str) -> Option<Arc<Team>> {
        self.read().get(tenant)?.held_teams.get(id).cloned()
    }

    /// Every user of a tenant who is kept back.
    pub fn held_users(&self, tenant: &TenantKey) -> Vec<Arc<User>> {
        self.read().get(tenant).map(|it| it.held_users.values().cloned().collect()).unwrap_or_default()
    }

    /// Every team of a tenant that is kept back.
    pub fn held_teams(&self, tenant: &TenantKey) -> Vec<Arc<Team>> {
        self.read().get(tenant).map(|it| it.held_teams.values().cloned().collect()).unwrap_or_default()
    }

    /// Who has a name, be they shown or not.
    pub(in crate::store) fn having(&self, kind: Kind, tenant: &TenantKey, value: &str) -> Vec<Id> {
        let folded = fold_case(value);
        let tenants = self.read();
        let Some(tenant) = tenants.get(tenant) else { return Vec::new() };
        let mut found = tenant.shown_as(kind, value);
        match kind {
            Kind::User => {
                let same = tenant.held_users.iter().filter(|(_, it)| fold_case(&it.spec.user_name) == folded);
                found.extend(same.map(|(id, _)| id.clone()));
            }
            Kind::Team => {
                let same =
                    tenant.held_teams.iter().filter(|(_, it)| fold_case(&it.spec.display_name) == folded);
                found.extend(same.map(|(id, _)| id.clone()));
            }
        }
        found
    }

    /// Whether one that is not `id` is shown under a name.
    pub(in crate::store) fn shows_another(
        &self,
        kind: Kind,
        tenant: &TenantKey,
        value: &str,
        id: &str,
    ) -> bool {
        self.read().get(tenant).is_some_and(|it| it.shows_another(kind, value, id))
    }
}

impl Tenant {
    pub(super) fn shows_another(&self, kind: Kind, value: &str, id: &str) -> bool {
        self.shown_as(kind, value).iter().any(|it| it.as_ref() != id)
    }

    fn shown_as(&self, kind: Kind, value: &str) -> Vec<Id> {
        let shown = match kind {
            Kind::User => self.users.candidates("userName", value),
            Kind::Team => self.teams.candidates("displayName", value),
        };
        shown.unwrap_or_default()
    }
}
