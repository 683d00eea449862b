//! Every tenant's users and teams in memory: what reads are answered from.
//!
//! It is fed by the API server's watches and, at once, by this process's own writes. Versions only go forward: an
//! older version of an object never replaces a newer one, whichever way it arrives.

mod feed;
mod graves;
mod held;
mod index;
mod memberships;
pub(super) mod standing;
mod teams;
mod users;
mod waiters;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};

use kube::{Resource, ResourceExt};
use tokio::sync::broadcast;

pub(super) use self::users::Window;
use self::{
    graves::{Graves, Passed},
    teams::Teams,
    users::Users,
    waiters::Waiters,
};
use super::{
    membership::{Id, Members},
    page::Page,
    tenant::TenantKey,
    view::{Found, GroupView, MemberView, Placed, TeamView, UserView},
    written::{Kind, Written},
};
use crate::{
    api::{Team, User, names},
    scim::filter::{EqTerm, Literal},
};

/// How many changes a subscriber may lag behind before it must look at everything again.
const CHANGES_KEPT: usize = 16_384;

/// Every tenant's users and teams.
#[derive(Debug)]
pub struct Directory {
    tenants: RwLock<HashMap<TenantKey, Tenant>>,
    changes: broadcast::Sender<Change>,
    waiters: Waiters,
    passed: Passed,
}

#[derive(Debug, Default)]
struct Tenant {
    users: Users,
    teams: Teams,
    // A user and a team that people declare may have the same name.
    users_graves: Graves,
    teams_graves: Graves,
    /// Deleted, and kept by Kubernetes until downstream apps have revoked.
    leaving_users: HashMap<Id, UserView>,
    leaving_teams: HashMap<Id, Arc<Team>>,
    /// Not shown, because others have their names.
    held_users: HashMap<Id, Arc<User>>,
    held_teams: HashMap<Id, Arc<Team>>,
}

/// Something that downstream apps may have to hear of.
#[derive(Clone, Debug)]
pub enum Change {
    /// A user appeared, changed or went.
    User {
        /// The tenant.
        tenant: TenantKey,
        /// The user's id.
        id: Id,
    },
    /// A team appeared, changed or went.
    Team {
        /// The tenant.
        tenant: TenantKey,
        /// The team's id.
        id: Id,
        /// Members who are in it now and were not before, and the other way round.
        moved: Arc<[Id]>,
    },
}

/// How many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Users of the tenant.
    pub users: usize,
    /// Those of them who are active.
    pub active_users: usize,
    /// Teams of the tenant.
    pub teams: usize,
}

impl Default for Directory {
    fn default() -> Self {
        let changes = broadcast::channel(CHANGES_KEPT).0;
        Self { tenants: RwLock::default(), changes, waiters: Waiters::default(), passed: Passed::default() }
    }
}

impl Directory {
    /// Every change from now on. A subscriber that lags too far behind gets an error and must look at everything.
    pub fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    /// A user as of the newest version known here.
    pub fn user(&self, tenant: &TenantKey, id: &str) -> Option<UserView> {
        self.read().get(tenant)?.users.get(id).cloned()
    }

    /// A team as of the newest version known here.
    pub fn team(&self, tenant: &TenantKey, id: &str) -> Option<TeamView> {
        self.read().get(tenant)?.teams.get(id).cloned()
    }

    /// A team and its members, as of one version.
    pub fn team_with_members(&self, tenant: &TenantKey, id: &str) -> Option<(TeamView, Arc<Members>)> {
        let tenants = self.read();
        let teams = &tenants.get(tenant)?.teams;
        Some((teams.get(id)?.clone(), teams.members(id)?.clone()))
    }

    /// A user who was deleted and whose object waits until downstream apps have revoked.
    pub fn leaving_user(&self, tenant: &TenantKey, id: &str) -> Option<UserView> {
        self.read().get(tenant)?.leaving_users.get(id).cloned()
    }

    /// A team that was deleted and whose object waits until downstream apps have revoked.
    pub fn leaving_team(&self, tenant: &TenantKey, id: &str) -> Option<Arc<Team>> {
        self.read().get(tenant)?.leaving_teams.get(id).cloned()
    }

    /// Every user and team of a tenant that was deleted and still waits: their ids.
    pub fn leaving(&self, tenant: &TenantKey) -> (Vec<Id>, Vec<Id>) {
        let tenants = self.read();
        let Some(tenant) = tenants.get(tenant) else { return Default::default() };
        (tenant.leaving_users.keys().cloned().collect(), tenant.leaving_teams.keys().cloned().collect())
    }

    /// Every tenant that has, or had, users or teams.
    pub fn tenants(&self) -> Vec<TenantKey> {
        self.read().keys().cloned().collect()
    }

    /// Namespace and name of every slice that a team names.
    pub(super) fn named_slices(&self) -> HashSet<(Id, Id)> {
        let tenants = self.read();
        let teams = tenants.iter().flat_map(|(key, tenant)| {
            let shown = tenant.teams.iter().flat_map(|team| team.members().slice_names()).cloned();
            let held = tenant.held_teams.values().flat_map(|team| team.spec.membership.slice_names());
            let names = shown.chain(held.map(Id::from));
            names.map(|name| (key.namespace.clone(), name))
        });
        teams.collect()
    }

    /// The teams that name a user or team as a member.
    pub fn teams_naming(&self, tenant: &TenantKey, member: &str) -> Vec<TeamView> {
        let tenants = self.read();
        tenants.get(tenant).map(|it| it.teams.teams_of(member).cloned().collect()).unwrap_or_default()
    }

    /// The users in a team, those of teams within it included, each once, sorted by id.
    pub fn people_of(&self, tenant: &TenantKey, team: &str) -> Vec<UserView> {
        let tenants = self.read();
        let Some(Tenant { users, teams, .. }) = tenants.get(tenant) else { return Vec::new() };
        let mut people: BTreeMap<Id, UserView> = BTreeMap::new();
        let mut seen: HashSet<Id> = HashSet::from([team.into()]);
        let mut next: Vec<Id> = vec![team.into()];
        while let Some(team) = next.pop() {
            for member in teams.members(&team).into_iter().flat_map(|members| members.iter()) {
                if let Some(user) = users.get(&member) {
                    people.insert(member, user.clone());
                } else if teams.get(&member).is_some() && seen.insert(member.clone()) {
                    next.push(member);
                }
            }
        }
        people.into_values().collect()
    }

    /// Those users that can match all of `terms`: narrowed by the most selective index, or all of them.
    pub fn users(&self, tenant: &TenantKey, terms: &[EqTerm]) -> Vec<UserView> {
        let tenants = self.read();
        let Some(Tenant { users, .. }) = tenants.get(tenant) else { return Vec::new() };
        match narrowest(terms, |attribute, value| users.candidates(attribute, value)) {
            Some(ids) => ids.iter().filter_map(|id| users.get(id)).cloned().collect(),
            None => users.iter().cloned().collect(),
        }
    }

    /// Those teams that can match all of `terms`.
    pub fn teams(&self, tenant: &TenantKey, terms: &[EqTerm]) -> Vec<TeamView> {
        let tenants = self.read();
        let Some(Tenant { teams, .. }) = tenants.get(tenant) else { return Vec::new() };
        match narrowest(terms, |attribute, value| teams.candidates(attribute, value)) {
            Some(ids) => ids.iter().filter_map(|id| teams.get(id)).cloned().collect(),
            None => teams.iter().cloned().collect(),
        }
    }

    /// One page of all users, without visiting those who are not on it.
    pub(super) fn users_page(&self, tenant: &TenantKey, window: &Window<'_>) -> Page<Placed> {
        let tenants = self.read();
        let Some(Tenant { users, .. }) = tenants.get(tenant) else { return Page::empty() };
        let page = users.page(window);
        let items = page.items.into_iter().map(|user| Found::User(user).into()).collect();
        Page { total: page.total, items, has_previous: page.has_previous, has_next: page.has_next }
    }

    /// How many users and teams a tenant has.
    pub fn counts(&self, tenant: &TenantKey) -> Counts {
        let tenants = self.read();
        let Some(Tenant { users, teams, .. }) = tenants.get(tenant) else { return Counts::default() };
        Counts { users: users.iter().len(), active_users: users.active(), teams: teams.iter().len() }
    }

    /// What SCIM shows of `members`: users and teams of this tenant that exist, in the order of their ids.
    pub fn describe(&self, tenant: &TenantKey, members: &Members) -> Vec<MemberView> {
        let tenants = self.read();
        let Some(Tenant { users, teams, .. }) = tenants.get(tenant) else { return Vec::new() };
        let mut ids: Vec<Id> = members.iter().collect();
        ids.sort_unstable();
        ids.into_iter().filter_map(|id| describe(users, teams, id)).collect()
    }

    /// The first of `ids` that is neither a user nor a team of this tenant.
    pub fn first_unknown<'a>(
        &self,
        tenant: &TenantKey,
        ids: impl Iterator<Item = &'a str>,
    ) -> Option<&'a str> {
        let tenants = self.read();
        let tenant = tenants.get(tenant);
        let mut ids = ids;
        ids.find(|id| tenant.is_none_or(|it| it.users.get(id).is_none() && it.teams.get(id).is_none()))
    }

    /// The teams that a user or team is in: directly, and through other teams.
    pub fn groups_of(&self, tenant: &TenantKey, member: &str) -> Vec<GroupView> {
        let tenants = self.read();
        let Some(Tenant { teams, .. }) = tenants.get(tenant) else { return Vec::new() };
        let mut found: Vec<GroupView> = Vec::new();
        let mut next: Vec<(Id, bool)> = vec![(member.into(), true)];
        while let Some((member, direct)) = next.pop() {
            for team in teams.teams_of(&member) {
                // A team that is found twice is not followed twice, so teams within each other come to an end.
                if let Some(known) = found.iter_mut().find(|it| it.id.as_ref() == team.id()) {
                    known.direct |= direct;
                    continue;
                }
                let display = team.outline().spec.display_name.clone();
                found.push(GroupView { id: team.id().into(), display, direct });
                next.push((team.id().into(), false));
            }
        }
        found.sort_by(|a, b| a.id.cmp(&b.id));
        found
    }

    /// Others that have the same unique name as an object that is here.
    pub(super) fn rivals(&self, written: &Written) -> Vec<Id> {
        let Written { kind, tenant, id, version: _ } = written;
        let name = match kind {
            Kind::User => self.user(tenant, id).and_then(|it| it.field("userName").map(str::to_owned)),
            Kind::Team => self.team(tenant, id).map(|it| it.outline().spec.display_name.clone()),
        };
        name.map(|name| self.namesakes(*kind, tenant, id, &name)).unwrap_or_default()
    }

    /// Others than `id` with this `userName`, or `displayName`. As those are unique, they are out of date here, unless people
    /// declare two of the same name.
    pub(super) fn namesakes(&self, kind: Kind, tenant: &TenantKey, id: &str, name: &str) -> Vec<Id> {
        let tenants = self.read();
        let Some(Tenant { users, teams, .. }) = tenants.get(tenant) else { return Vec::new() };
        let same = match kind {
            Kind::User => users.candidates("userName", name),
            Kind::Team => teams.candidates("displayName", name),
        };
        same.into_iter().flatten().filter(|it| it.as_ref() != id).collect()
    }

    /// The users with this value, as far as there is an index on the attribute.
    pub(super) fn users_with(&self, tenant: &TenantKey, attribute: &str, value: &str) -> Vec<Id> {
        let tenants = self.read();
        let Some(Tenant { users, .. }) = tenants.get(tenant) else { return Vec::new() };
        users.candidates(attribute, value).unwrap_or_default()
    }

    fn tell(&self, change: Change) {
        // Nobody listening is fine: this replica doesn't run the controllers.
        let _ = self.changes.send(change);
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<TenantKey, Tenant>> {
        self.tenants.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write<T>(&self, tenant: &TenantKey, change: impl FnOnce(&mut Tenant) -> T) -> T {
        let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
        change(tenants.entry(tenant.clone()).or_default())
    }
}

/// The shortest list of candidates that an index has for one of `terms`.
fn narrowest(terms: &[EqTerm], candidates: impl Fn(&str, &str) -> Option<Vec<Id>>) -> Option<Vec<Id>> {
    let indexed = terms.iter().filter_map(|term| match &term.value {
        Literal::Text(value) => candidates(&term.attribute, value),
        Literal::Null | Literal::Bool(_) | Literal::Number(_) => None,
    });
    indexed.min_by_key(Vec::len)
}

fn describe(users: &Users, teams: &Teams, id: Id) -> Option<MemberView> {
    if let Some(user) = users.get(&id) {
        let display = user.field("displayName").map(str::to_owned);
        return Some(MemberView { id, display, is_team: false });
    }
    let display = Some(teams.get(&id)?.outline().spec.display_name.clone());
    Some(MemberView { id, display, is_team: true })
}

/// Whether SCIM must not show it: it is being deleted, or only keeps an id from being used.
pub(super) fn is_gone(object: &impl ResourceExt) -> bool {
    object.meta().deletion_timestamp.is_some()
        || object.labels().get(names::LABEL_ORIGIN).is_some_and(|it| it == names::ORIGIN_PLACEHOLDER)
}

/// Whether `new` is a later version of the same object than `old`.
///
/// Kubernetes promises since 1.35 (KEP-5504) that resource versions of one resource compare as numbers; every
/// storage before it did the same.
fn is_newer<K: Resource>(new: &K, old: &K) -> bool {
    version(new) > version(old)
}

/// Whether only what we say in the status differs, which is most of what a watch tells. The API server counts every
/// change of a spec in `generation`.
fn differ_in_status_only<K: Resource>(one: &K, other: &K) -> bool {
    let (one, other) = (one.meta(), other.meta());
    one.generation.is_some()
        && one.generation == other.generation
        && one.uid == other.uid
        && one.labels == other.labels
        && one.annotations == other.annotations
        && one.finalizers == other.finalizers
        && one.deletion_timestamp == other.deletion_timestamp
}

/// The resource version as the number that it is.
pub(super) fn version<K: Resource>(object: &K) -> u64 {
    object.meta().resource_version.as_deref().map_or(0, number)
}

/// A resource version as the number that it is.
pub(super) fn number(version: &str) -> u64 {
    version.parse().unwrap_or(0)
}
