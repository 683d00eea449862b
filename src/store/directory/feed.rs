//! What comes into the directory, from watches and from this process's own writes.

use std::sync::Arc;

use kube::ResourceExt;

use super::{Change, Directory, Tenant, is_gone, version};
use crate::{
    api::{Team, User},
    store::{
        membership::{Id, SliceMembers},
        tenant::TenantKey,
    },
};

impl Directory {
    pub(in crate::store) fn put_user(&self, user: Arc<User>) {
        let tenant = TenantKey::new(&user.namespace().unwrap_or_default(), &user.spec.tenant_ref.name);
        let id: Id = user.name_any().into();
        let changed = self.write(&tenant, |it| {
            if !is_gone(user.as_ref()) {
                return !it.graves.holds(&id, version(user.as_ref())) && it.users.put(user);
            }
            let news = it.graves.bury(&id, version(user.as_ref()));
            if news && user.metadata.deletion_timestamp.is_some() {
                it.users.remove(&id);
                it.leaving_users.insert(id.clone(), user);
            }
            news
        });
        if changed {
            self.tell(Change::User { tenant, id });
        }
    }

    /// Forgets a user whose object is gone; `version` is the one it had at the end.
    pub(in crate::store) fn remove_user(&self, tenant: &TenantKey, id: &str, version: u64) {
        self.write(tenant, |it| {
            let version = version.max(it.users.get(id).map_or(0, |user| self::version(user.object())));
            it.graves.bury(id, version);
            it.leaving_users.remove(id);
            it.users.remove(id)
        });
        self.tell(Change::User { tenant: tenant.clone(), id: id.into() });
    }

    pub(in crate::store) fn put_team(&self, team: Arc<Team>, slices: Vec<SliceMembers>) {
        let tenant = TenantKey::new(&team.namespace().unwrap_or_default(), &team.spec.tenant_ref.name);
        let id: Id = team.name_any().into();
        let moves = self.write(&tenant, |it| {
            if !is_gone(team.as_ref()) {
                let known = it.graves.holds(&id, version(team.as_ref()));
                return if known { None } else { it.teams.put(team, slices) };
            }
            let news = it.graves.bury(&id, version(team.as_ref()));
            if news && team.metadata.deletion_timestamp.is_some() {
                it.leaving_teams.insert(id.clone(), team);
                return Some(it.teams.remove(&id).unwrap_or_default());
            }
            None
        });
        if let Some(moves) = moves {
            let moved = moves.joined.into_iter().chain(moves.left).collect();
            self.tell(Change::Team { tenant, id, moved });
        }
    }

    /// Forgets a team whose object is gone; `version` is the one it had at the end.
    pub(in crate::store) fn remove_team(&self, tenant: &TenantKey, id: &str, version: u64) {
        let moves = self.write(tenant, |it| {
            let version = version.max(it.teams.get(id).map_or(0, |team| self::version(team.object())));
            it.graves.bury(id, version);
            it.leaving_teams.remove(id);
            it.teams.remove(id)
        });
        let moved = moves.unwrap_or_default().left.into();
        self.tell(Change::Team { tenant: tenant.clone(), id: id.into(), moved });
    }

    /// The users of a namespace (all of them if it is empty) that are here but not listed.
    pub(in crate::store) fn unlisted_users(
        &self,
        namespace: &str,
        listed: impl Fn(&TenantKey, &str) -> bool,
    ) -> Vec<(TenantKey, Id)> {
        self.unlisted(namespace, listed, |it| it.users.iter().map(|user| user.id().into()).collect())
    }

    /// The teams of a namespace (all of them if it is empty) that are here but not listed.
    pub(in crate::store) fn unlisted_teams(
        &self,
        namespace: &str,
        listed: impl Fn(&TenantKey, &str) -> bool,
    ) -> Vec<(TenantKey, Id)> {
        self.unlisted(namespace, listed, |it| it.teams.iter().map(|team| team.id().into()).collect())
    }

    fn unlisted(
        &self,
        namespace: &str,
        listed: impl Fn(&TenantKey, &str) -> bool,
        ids: impl Fn(&Tenant) -> Vec<Id>,
    ) -> Vec<(TenantKey, Id)> {
        let tenants = self.read();
        let here =
            tenants.iter().filter(|(key, _)| namespace.is_empty() || key.namespace.as_ref() == namespace);
        here.flat_map(|(key, tenant)| ids(tenant).into_iter().map(move |id| (key.clone(), id)))
            .filter(|(key, id)| !listed(key, id))
            .collect()
    }
}
