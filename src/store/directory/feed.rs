//! What comes into the directory, from watches and from this process's own writes.

use std::sync::Arc;

use kube::ResourceExt;

use super::{Change, Directory, Tenant, is_gone, standing::is_held, teams::Moves, version};
use crate::{
    api::{Team, User},
    store::{
        membership::{Id, SliceMembers},
        tenant::TenantKey,
        view::UserView,
        written::Kind,
    },
};

impl Directory {
    /// Takes a version of a user in, as the API server or an own write tells it.
    pub fn put_user(&self, user: User) {
        let tenant = TenantKey::of(&user, &user.spec.tenant_ref);
        // Most of what a watch tells was written here, and is here in that version.
        if !is_gone(&user) && self.knows_user(&tenant, &user) {
            return;
        }
        let view = UserView::of(&user);
        self.put_packed_user(&tenant, user, view);
    }

    /// The same for an own write; gives back what the next reader sees of it.
    pub(in crate::store) fn put_written_user(&self, user: User) -> UserView {
        let (tenant, view) = (TenantKey::of(&user, &user.spec.tenant_ref), UserView::of(&user));
        self.put_packed_user(&tenant, user, view.clone());
        view
    }

    /// It comes packed, so that nobody waits for that who wants to read meanwhile.
    fn put_packed_user(&self, tenant: &TenantKey, user: User, view: UserView) {
        let id = view.shared_id().clone();
        let passed = self.passed.get(Kind::User, &tenant.namespace);
        let changed = self.write(tenant, |it| {
            if !is_gone(&user) {
                return it.put_user(user, view);
            }
            let news = it.users_graves.bury(&id, version(&user), passed);
            it.held_users.remove(&id);
            if news {
                it.users.remove(&id);
                // Who has a placeholder in their place has left: our watch has yet to say so, or never will, if it begins
                // with a list that has the placeholder.
                it.leaving_users.remove(&id);
                if user.metadata.deletion_timestamp.is_some() {
                    it.leaving_users.insert(id.clone(), view);
                }
            }
            news
        });
        self.waiters.wake(tenant, &id);
        if changed {
            self.tell(Change::User { tenant: tenant.clone(), id });
        }
    }

    /// Whether this version of a user is here, or a later one, or that they are gone.
    fn knows_user(&self, tenant: &TenantKey, user: &User) -> bool {
        let id = user.metadata.name.as_deref().unwrap_or_default();
        self.read().get(tenant).is_some_and(|it| it.knows_user(id, version(user)))
    }

    /// Forgets a user whose object is gone; `version` is the one it had at the end. A later version that is here is
    /// another object of the same name, which people may declare after they deleted the first.
    pub(in crate::store) fn remove_user(&self, tenant: &TenantKey, id: &str, version: u64) {
        let passed = self.passed.get(Kind::User, &tenant.namespace);
        let removed = self.write(tenant, |it| {
            it.users_graves.bury(id, version, passed);
            let is_over = |user: &UserView| user.resource_version() <= version;
            let ended = it.users.get(id).is_some_and(is_over);
            let left = it.leaving_users.get(id).is_some_and(is_over);
            if left {
                it.leaving_users.remove(id);
            }
            let held_is_over =
                it.held_users.get(id).is_some_and(|user| self::version(user.as_ref()) <= version);
            let held = held_is_over && it.held_users.remove(id).is_some();
            (ended && it.users.remove(id)) || left || held
        });
        self.waiters.wake(tenant, id);
        if removed {
            self.tell(Change::User { tenant: tenant.clone(), id: id.into() });
        }
    }

    /// Whether this version of a team is here, or a later one, or that it is gone: most of what a watch tells was written
    /// here.
    pub(in crate::store) fn knows_team(&self, team: &Team) -> bool {
        let (tenant, id) = (TenantKey::of(team, &team.spec.tenant_ref), team.metadata.name.as_deref());
        let version = version(team);
        let knows = |it: &Tenant| {
            let id = id.unwrap_or_default();
            it.team_version(id).is_some_and(|known| version <= known) || it.teams_graves.holds(id, version)
        };
        !is_gone(team) && self.read().get(&tenant).is_some_and(knows)
    }

    pub(in crate::store) fn put_team(&self, team: Arc<Team>, slices: Vec<SliceMembers>) {
        let tenant = TenantKey::of(team.as_ref(), &team.spec.tenant_ref);
        let id: Id = team.name_any().into();
        let passed = self.passed.get(Kind::Team, &tenant.namespace);
        let changed = self.write(&tenant, |it| {
            if !is_gone(team.as_ref()) {
                let known = it.teams_graves.holds(&id, version(team.as_ref()));
                return if known { None } else { it.put_team(&id, team, slices) };
            }
            let news = it.teams_graves.bury(&id, version(team.as_ref()), passed);
            it.held_teams.remove(&id);
            if !news {
                return None;
            }
            // As for a user.
            it.leaving_teams.remove(&id);
            if team.metadata.deletion_timestamp.is_some() {
                it.leaving_teams.insert(id.clone(), team);
            }
            Some(it.teams.remove(&id).unwrap_or_default())
        });
        self.waiters.wake(&tenant, &id);
        if let Some(moves) = changed {
            let moved = moves.joined.into_iter().chain(moves.left).collect();
            self.tell(Change::Team { tenant, id, moved });
        }
    }

    /// Forgets a team whose object is gone; `version` is the one it had at the end, as for a user.
    pub(in crate::store) fn remove_team(&self, tenant: &TenantKey, id: &str, version: u64) {
        let passed = self.passed.get(Kind::Team, &tenant.namespace);
        let changed = self.write(tenant, |it| {
            it.teams_graves.bury(id, version, passed);
            let ended = it.teams.get(id).is_some_and(|team| self::version(team.outline()) <= version);
            let is_over = |team: &Arc<Team>| self::version(team.as_ref()) <= version;
            let left = it.leaving_teams.get(id).is_some_and(is_over);
            if left {
                it.leaving_teams.remove(id);
            }
            let held = it.held_teams.get(id).is_some_and(is_over) && it.held_teams.remove(id).is_some();
            let moves = if ended { it.teams.remove(id) } else { None };
            if left || held { Some(moves.unwrap_or_default()) } else { moves }
        });
        self.waiters.wake(tenant, id);
        if let Some(moves) = changed {
            self.tell(Change::Team { tenant: tenant.clone(), id: id.into(), moved: moves.left.into() });
        }
    }

    /// The watch of a kind in a namespace (in all of them if it is empty) has told everything up to a version.
    pub(in crate::store) fn passed(&self, kind: Kind, namespace: &str, version: u64) {
        self.passed.set(kind, namespace, version);
    }

    /// The users of a namespace (all of them if it is empty) that are here, leaving or not, but not listed, with
    /// their versions.
    pub(in crate::store) fn unlisted_users(
        &self,
        namespace: &str,
        listed: impl Fn(&TenantKey, &str) -> bool,
    ) -> Vec<(TenantKey, Id, u64)> {
        let users = |it: &Tenant| {
            let shown = it.users.iter().chain(it.leaving_users.values());
            let here = shown.map(|it| (it.shared_id().clone(), it.resource_version()));
            let held = it.held_users.iter().map(|(id, it)| (id.clone(), version(it.as_ref())));
            here.chain(held).collect()
        };
        self.unlisted(namespace, listed, users)
    }

    /// The teams of a namespace (all of them if it is empty) that are here, leaving or not, but not listed, with
    /// their versions.
    pub(in crate::store) fn unlisted_teams(
        &self,
        namespace: &str,
        listed: impl Fn(&TenantKey, &str) -> bool,
    ) -> Vec<(TenantKey, Id, u64)> {
        let teams = |it: &Tenant| {
            let here = it.teams.iter().map(|it| (it.id().into(), version(it.outline())));
            let leaving = it.leaving_teams.iter().map(|(id, it)| (id.clone(), version(it.as_ref())));
            let held = it.held_teams.iter().map(|(id, it)| (id.clone(), version(it.as_ref())));
            here.chain(leaving).chain(held).collect()
        };
        self.unlisted(namespace, listed, teams)
    }

    fn unlisted(
        &self,
        namespace: &str,
        listed: impl Fn(&TenantKey, &str) -> bool,
        all: impl Fn(&Tenant) -> Vec<(Id, u64)>,
    ) -> Vec<(TenantKey, Id, u64)> {
        let tenants = self.read();
        let here =
            tenants.iter().filter(|(key, _)| namespace.is_empty() || key.namespace.as_ref() == namespace);
        here.flat_map(|(key, tenant)| all(tenant).into_iter().map(|(id, version)| (key.clone(), id, version)))
            .filter(|(key, id, _)| !listed(key, id))
            .collect()
    }
}

impl Tenant {
    /// Whether this version of a user is here, or a later one, or that they are gone.
    fn knows_user(&self, id: &str, version: u64) -> bool {
        let shown = self.users.get(id).map(UserView::resource_version);
        let held = self.held_users.get(id).map(|it| self::version(it.as_ref()));
        shown.max(held).is_some_and(|known| version <= known) || self.users_graves.holds(id, version)
    }

    /// Shows a user, or keeps them back. False if this or a newer version is here.
    fn put_user(&mut self, user: User, view: UserView) -> bool {
        let id = view.shared_id().clone();
        if self.knows_user(&id, view.resource_version()) {
            return false;
        }
        if is_held(&user, || self.shows_another(Kind::User, &user.spec.user_name, &id)) {
            self.users.remove(&id);
            self.held_users.insert(id, Arc::new(user));
            return true;
        }
        self.held_users.remove(&id);
        self.users.put(view)
    }

    /// The version of a team that is here, shown or not.
    fn team_version(&self, id: &str) -> Option<u64> {
        let shown = self.teams.get(id).map(|it| version(it.outline()));
        shown.max(self.held_teams.get(id).map(|it| version(it.as_ref())))
    }

    /// Shows a team, or keeps it back, and tells who moved in or out of it. `None` if this or a newer version is here.
    fn put_team(&mut self, id: &Id, team: Arc<Team>, slices: Vec<SliceMembers>) -> Option<Moves> {
        if self.team_version(id).is_some_and(|known| version(team.as_ref()) <= known) {
            return None;
        }
        if is_held(team.as_ref(), || self.shows_another(Kind::Team, &team.spec.display_name, id)) {
            let moves = self.teams.remove(id).unwrap_or_default();
            self.held_teams.insert(id.clone(), team);
            return Some(moves);
        }
        self.held_teams.remove(id);
        self.teams.put(team, slices)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use kube::{Resource, api::ObjectMeta};

    use super::*;
    use crate::api::names;

    const ADA: &str = "01a20a76-ddf0-765b-bd10-d39129b21d24";
    const PLATFORM: &str = "01a20a77-03d2-7120-abc8-432e3865e4da";

    fn tenant() -> TenantKey {
        TenantKey::new("acme", "okta")
    }

    fn stored<K: Resource<DynamicType = ()>>(mut object: K, id: &str, version: u64, origin: &str) -> K {
        let labels = BTreeMap::from([(names::LABEL_ORIGIN.to_owned(), origin.to_owned())]);
        *object.meta_mut() = ObjectMeta {
            name: Some(id.to_owned()),
            namespace: Some("acme".to_owned()),
            resource_version: Some(version.to_string()),
            labels: Some(labels),
            ..ObjectMeta::default()
        };
        object
    }

    fn user(version: u64, origin: &str) -> User {
        let mut user = User::default();
        "okta".clone_into(&mut user.spec.tenant_ref.name);
        "ada".clone_into(&mut user.spec.user_name);
        stored(user, ADA, version, origin)
    }

    fn team(version: u64, origin: &str) -> Team {
        let mut team = Team::default();
        "okta".clone_into(&mut team.spec.tenant_ref.name);
        "Platform".clone_into(&mut team.spec.display_name);
        stored(team, PLATFORM, version, origin)
    }

    fn leaving<K: Resource<DynamicType = ()>>(mut object: K) -> K {
        let now = jiff::Timestamp::UNIX_EPOCH;
        object.meta_mut().deletion_timestamp =
            Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(now));
        object
    }

    #[test]
    fn who_has_a_placeholder_in_their_place_is_gone() {
        for seen_leaving in [false, true] {
            let directory = Directory::default();
            directory.put_user(user(1, names::ORIGIN_RECEIVER));
            directory.put_team(Arc::new(team(1, names::ORIGIN_RECEIVER)), Vec::new());
            assert!(
                directory.user(&tenant(), ADA).is_some() && directory.team(&tenant(), PLATFORM).is_some()
            );
            if seen_leaving {
                directory.put_user(leaving(user(2, names::ORIGIN_RECEIVER)));
                directory.put_team(Arc::new(leaving(team(2, names::ORIGIN_RECEIVER))), Vec::new());
                assert!(directory.leaving_user(&tenant(), ADA).is_some());
            }
            directory.put_user(user(3, names::ORIGIN_PLACEHOLDER));
            directory.put_team(Arc::new(team(3, names::ORIGIN_PLACEHOLDER)), Vec::new());
            assert!(
                directory.user(&tenant(), ADA).is_none() && directory.team(&tenant(), PLATFORM).is_none()
            );
            let is_leaving = directory.leaving_user(&tenant(), ADA).is_some();
            assert!(!is_leaving && directory.leaving_team(&tenant(), PLATFORM).is_none());
            for (kind, name) in [(Kind::User, "ada"), (Kind::Team, "Platform")] {
                assert!(directory.having(kind, &tenant(), name).is_empty());
            }
        }
    }

    #[test]
    fn who_is_gone_stays_gone_however_many_are_gone_before_the_watch_says_so() {
        let directory = Directory::default();
        directory.put_user(user(9, names::ORIGIN_RECEIVER));
        directory.remove_user(&tenant(), ADA, 10);
        for other in 0..30_001 {
            directory.remove_user(&tenant(), &format!("other-{other}"), 11 + other);
        }
        directory.put_user(user(9, names::ORIGIN_RECEIVER));
        assert!(directory.user(&tenant(), ADA).is_none());
    }

    #[test]
    fn the_end_of_a_user_is_none_of_a_team_of_the_same_name() {
        let directory = Directory::default();
        directory.remove_user(&tenant(), PLATFORM, 10);
        directory.put_team(Arc::new(team(9, names::ORIGIN_RECEIVER)), Vec::new());
        assert!(directory.team(&tenant(), PLATFORM).is_some());
    }
}
