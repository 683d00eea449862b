//! What an app should have, decided purely from the directory and the app's spec.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::{
    ResourceExt,
    core::{Selector, SelectorExt},
};

use crate::{
    api::{AppliedState, AppliedTo, DownstreamAppSpec, Scope, Team, User},
    downstream,
    scim::{
        filter::{EqTerm, Literal},
        fold::fold_case,
    },
    store::{self, Directory, Offer, TenantKey},
};

/// What to do about one user or team.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Wanted<T> {
    /// The app should have it like this.
    Apply {
        /// As the app should have it.
        view: T,
        /// The generation of our object that says so.
        generation: i64,
    },
    /// The app has it, or may have it, and should not. Where we don't know the app's id of it, `find` describes it
    /// without access, so that the app can be asked whether it has it: a call may have worked whose row was never
    /// written.
    Revoke {
        /// What to look for.
        find: Option<T>,
    },
    /// The app neither has it nor should.
    Nothing,
}

/// Who is in an app's scope: a validated [`Scope`].
#[derive(Debug)]
pub(super) enum InScope {
    Everybody,
    Some { teams: Vec<String>, selector: Option<Selector>, by_grants: bool },
}

impl InScope {
    /// # Errors
    /// If the label selector can't be understood.
    pub(super) fn of(spec: &DownstreamAppSpec) -> Result<Self, String> {
        // An rbac app is about the teams that it grants something to, within the scope if there is one.
        let granted = spec.rbac.as_ref().map(|rbac| rbac.grants.iter().map(|grant| fold_case(&grant.team)));
        match (&spec.scope, granted) {
            (None, None) => Ok(Self::Everybody),
            (None, Some(granted)) => {
                Ok(Self::Some { teams: granted.collect(), selector: None, by_grants: true })
            }
            (Some(Scope { teams, selector }), granted) => {
                let mut teams: Vec<String> = teams.iter().map(|team| fold_case(team)).collect();
                let by_grants = granted.is_some();
                if let Some(granted) = granted {
                    let granted: Vec<String> = granted.collect();
                    teams.retain(|team| granted.contains(team));
                }
                Ok(Self::Some { teams, selector: selector.clone().map(parse).transpose()?, by_grants })
            }
        }
    }

    /// Whether it is about the teams that an rbac app grants something to.
    fn is_by_grants(&self) -> bool {
        matches!(self, Self::Some { by_grants: true, .. })
    }

    /// Whether the scope depends on who is in which team.
    pub(super) fn follows_teams(&self) -> bool {
        matches!(self, Self::Some { .. })
    }

    pub(super) fn has_team(&self, team: &Team) -> bool {
        match self {
            Self::Everybody => true,
            Self::Some { teams, selector, by_grants: _ } => {
                teams.contains(&fold_case(&team.spec.display_name))
                    || selector.as_ref().is_some_and(|it| it.matches(team.labels()))
            }
        }
    }

    pub(super) fn has_user(&self, directory: &Directory, tenant: &TenantKey, user: &User) -> bool {
        match self {
            Self::Everybody => true,
            Self::Some { teams: _, selector, by_grants: _ } => {
                selector.as_ref().is_some_and(|it| it.matches(user.labels()))
                    || directory
                        .groups_of(tenant, &user.name_any())
                        .iter()
                        .filter_map(|group| directory.team(tenant, &group.id))
                        .any(|team| self.has_team(team.outline()))
            }
        }
    }
}

fn parse(selector: LabelSelector) -> Result<Selector, String> {
    Selector::try_from(selector).map_err(|error| format!("spec.scope.selector can't be understood: {error}"))
}

/// What to do about a user, given what the app had.
pub(super) fn user(
    directory: &Directory,
    tenant: &TenantKey,
    scope: &InScope,
    id: &str,
    row: Option<&AppliedTo>,
) -> Wanted<downstream::UserView> {
    if let Some(user) = directory.leaving_user(tenant, id) {
        return match row {
            Some(row) if row.state == AppliedState::Revoked => Wanted::Nothing,
            row => {
                let find = is_unknown(row) && !has_namesake(directory, tenant, scope, &user);
                Wanted::Revoke { find: find.then(|| view(&user, false)) }
            }
        };
    }
    // Another has their name, so that the app may mean the other one by what we would look for, or take away.
    if directory.held_user(tenant, id).is_some() {
        return Wanted::Nothing;
    }
    let Some(user) = directory.user(tenant, id) else { return gone(row, None) };
    let object = &user.object();
    if !scope.has_user(directory, tenant, object) {
        return gone(row, Some(view(&user, false)));
    }
    let generation = object.metadata.generation.unwrap_or_default();
    Wanted::Apply { view: view(&user, object.spec.active), generation }
}

fn view(user: &store::UserView, active: bool) -> downstream::UserView {
    let mut document = user.document();
    document.insert("active".to_owned(), active.into());
    downstream::UserView { id: user.id().to_owned(), active, document, password: None }
}

/// The offer of a password that an app has not answered. Somebody without access needs none.
pub(super) fn password(
    directory: &Directory,
    tenant: &TenantKey,
    id: &str,
    row: Option<&AppliedTo>,
) -> Option<(store::UserView, Offer)> {
    let user = directory.user(tenant, id).filter(store::UserView::is_active)?;
    let offer = Offer::of(&user.object())?;
    let is_due = !offer.is_answered(row.and_then(|row| row.password.as_ref()));
    is_due.then_some((user, offer))
}

/// What to do about a team, given what the app had. `remote_id` tells the app's ids of users.
pub(super) fn team(
    directory: &Directory,
    tenant: &TenantKey,
    scope: &InScope,
    id: &str,
    row: Option<&AppliedTo>,
    remote_id: impl Fn(&str) -> Option<String>,
) -> Wanted<downstream::TeamView> {
    // A role is granted by a team's name, which is another's. A group in an app may be the other's.
    if directory.held_team(tenant, id).is_some() {
        return if scope.is_by_grants() { gone(row, None) } else { Wanted::Nothing };
    }
    let Some(team) = directory.team(tenant, id) else { return gone(row, None) };
    let object = team.outline();
    if !scope.has_team(object) {
        return gone(row, None);
    }
    let members = directory.people_of(tenant, id).into_iter().filter(store::UserView::is_active);
    // There may be very many, so nobody is unpacked as a whole.
    let members = members.map(|user| downstream::MemberView {
        id: user.id().to_owned(),
        remote_id: remote_id(user.id()),
        user_name: user.field("userName").unwrap_or_default().to_owned(),
        email: user.email(),
        external_id: user.field("externalId").map(str::to_owned),
    });
    let view = downstream::TeamView {
        id: id.to_owned(),
        display_name: object.spec.display_name.clone(),
        external_id: object.spec.external_id.clone(),
        members: members.collect(),
    };
    Wanted::Apply { view, generation: object.metadata.generation.unwrap_or_default() }
}

/// What is not wanted (any more) is revoked, if the app may have it: a first attempt that failed may have worked.
pub(super) fn gone<T>(row: Option<&AppliedTo>, find: Option<T>) -> Wanted<T> {
    match row.map(|row| row.state) {
        Some(AppliedState::Granted | AppliedState::Failing) => {
            Wanted::Revoke { find: find.filter(|_| is_unknown(row)) }
        }
        Some(AppliedState::Revoked) | None => Wanted::Nothing,
    }
}

/// What to do about a user when the app is given up. Whom it may have is revoked also where no row says so: a row is
/// written after the call that it is about, and the writer may have died between the two.
pub(super) fn user_of_leaving_app(
    directory: &Directory,
    tenant: &TenantKey,
    scope: &InScope,
    id: &str,
    row: Option<&AppliedTo>,
) -> Wanted<downstream::UserView> {
    let may_have_it = row.is_some_and(|row| row.state != AppliedState::Revoked || row.remote_id.is_some());
    let user = directory.user(tenant, id).or_else(|| directory.leaving_user(tenant, id));
    let user = user.filter(|user| is_unknown(row) && scope.has_user(directory, tenant, &user.object()));
    let find = user.map(|user| view(&user, false));
    if may_have_it || find.is_some() { Wanted::Revoke { find } } else { Wanted::Nothing }
}

/// Whether the app has somebody else by their name, or should: what is found by the name is not theirs then.
fn has_namesake(directory: &Directory, tenant: &TenantKey, scope: &InScope, user: &store::UserView) -> bool {
    let name = user.field("userName").unwrap_or_default();
    let value = Literal::Text(name.to_owned());
    let same = EqTerm { attribute: "userName".to_owned(), value, selectors: Vec::new() };
    directory.users(tenant, &[same]).iter().any(|other| {
        other.id() != user.id()
            && other.field("userName").is_some_and(|it| fold_case(it) == fold_case(name))
            && scope.has_user(directory, tenant, &other.object())
    })
}

/// Whether we don't know by which id the app has it, if it has it.
fn is_unknown(row: Option<&AppliedTo>) -> bool {
    row.is_none_or(|row| row.remote_id.is_none())
}
