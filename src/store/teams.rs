//! Writing teams: create and delete, each all or nothing, members included; [`super::group_commit`] changes them.
//!
//! New slices are written first; they mean nothing until the Team names them, which one compare-and-swap does.

use std::{collections::HashSet, sync::Arc};

use kube::{Api, ResourceExt};

use super::{
    Store,
    api_error::{CallError, call},
    claims::{
        Claims, Deleted, Moves, PutError,
        protocol::{Answer, Text},
    },
    codec,
    directory::version,
    error::StoreError,
    membership::{Commit, Garbage, Members, Plan, SliceMembers, joining, plan},
    meta::{new_id, new_meta, post_params},
    retry::Attempts,
    slices::name_slices,
    tenant::TenantKey,
    users::{SLOW, check_version},
    view::{TeamView, is_receivers},
    written::Written,
};
use crate::{
    api::{Membership, Team, TeamSpec, names::is_object_name},
    scim::{
        Document, ScimError,
        member::{MemberChange, MemberRef},
        rules::Unique,
        version::Conditions,
    },
};

const KIND: &str = "Group";

impl Store {
    /// Stores a new team and gives it an id.
    pub async fn create_team(
        &self,
        tenant: &TenantKey,
        document: Document,
        members: Vec<MemberRef>,
        unique: &[Unique],
    ) -> Result<TeamView, StoreError> {
        self.check_can_answer()?;
        let changes = [MemberChange::Add(members)];
        self.check_members(tenant, None, &changes).await?;
        let planned = spec(tenant, document, Membership::default())?;
        let claims = Claims::<Team>::new(self.client(), tenant);
        let mut attempts = Attempts::default();
        loop {
            let id = new_id();
            let blank = Team { metadata: new_meta(tenant, &id), spec: planned.clone(), status: None };
            let put = || self.commit(tenant, &blank, plan(&Members::default(), &changes));
            let moves = Moves::between(tenant, unique, None, &blank);
            self.check_gained::<Team>(tenant, &moves, &id).await?;
            // The slices that it names are of this attempt alone, so it is enough that there is a team of this name.
            let is_ours = |stored: &Team| stored.spec.display_name == planned.display_name;
            if let Some(team) = claims.write(&id, &moves, put, is_ours).await? {
                let team = self.took_in_team(tenant, team).await?;
                self.acknowledge(&Written::of(team.outline())).await?;
                return Ok(team);
            }
            attempts.next(&SLOW).await?;
        }
    }

    /// Deletes a team. Downstream apps revoke what they granted before the object goes.
    pub async fn delete_team(
        &self,
        tenant: &TenantKey,
        id: &str,
        conditions: &Conditions,
        unique: &[Unique],
    ) -> Result<(), StoreError> {
        let _turn = self.locks().lock(id).await;
        let claims = Claims::<Team>::new(self.client(), tenant);
        let mut attempts = Attempts::default();
        let mut current = self.team(tenant, id)?;
        loop {
            check_version(conditions, &current.version())?;
            if !is_receivers(current.outline()) {
                return Err(StoreError::Declared { kind: KIND, id: id.to_owned() });
            }
            let Some(deleted) = claims.retire(current.outline(), unique).await? else {
                attempts.next_conflict().await?;
                (current, _) = self.fresh_team(tenant, id).await?;
                continue;
            };
            let written = match deleted {
                Deleted::Marked(team) => {
                    let written = Written::of(&team);
                    self.take_in_team(team).await?;
                    written
                }
                Deleted::Gone => {
                    let end = Written::end_of(current.outline());
                    self.directory().remove_team(tenant, id, end.version);
                    end
                }
            };
            return self.acknowledge(&written).await;
        }
    }

    /// Takes members who are gone out of a team.
    pub async fn remove_members(
        &self,
        tenant: &TenantKey,
        team: &str,
        members: &[String],
    ) -> Result<(), StoreError> {
        // What people declare is theirs to change; these are left out of every answer meanwhile.
        if self.directory().team(tenant, team).is_none_or(|team| !is_receivers(team.outline())) {
            return Ok(());
        }
        let gone = vec![MemberChange::Remove(members.to_vec())];
        match self
            .change_team(tenant, team, &Conditions::default(), &[], move |document| {
                Ok((document, gone.clone()))
            })
            .await
        {
            Ok(_) | Err(StoreError::NotFound { .. } | StoreError::Declared { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Writes a plan's new slices, then the team that names them, then deletes what nobody names any more.
    pub(super) async fn commit(&self, tenant: &TenantKey, team: &Team, plan: Plan) -> Result<Team, PutError> {
        let old = plan.dropped.clone();
        let (membership, slices) = name_slices(tenant, &team.name_any(), plan);
        let staged = slices.iter().map(ResourceExt::name_any).collect();
        let mut team = team.clone();
        team.spec.membership = membership;
        let staging = self.post_slices(slices).await.map_err(PutError::Before);
        let mut commit = Commit::default().told(&answer(&staging));
        let result = match staging {
            Ok(()) => {
                let swapped = self.put_team(tenant, &team).await.map_err(PutError::Call);
                commit = commit.told(&answer(&swapped));
                swapped
            }
            Err(error) => Err(error),
        };
        match commit {
            Commit::Drop(Garbage::Old) => self.drop_slices(tenant, old),
            Commit::Drop(Garbage::Staged) => self.drop_slices(tenant, staged),
            Commit::Stage | Commit::Swap | Commit::Done => {}
        }
        result
    }

    /// Creates a team that has no version yet, or swaps the version that it has.
    async fn put_team(&self, tenant: &TenantKey, team: &Team) -> Result<Team, CallError> {
        let api = self.teams_api(tenant);
        if team.metadata.resource_version.is_some() {
            call(api.replace(&team.name_any(), &post_params(), team)).await
        } else {
            call(api.create(&post_params(), team)).await
        }
    }

    /// A team as the API server has it now, with its members, taken in.
    pub(super) async fn fresh_team(
        &self,
        tenant: &TenantKey,
        id: &str,
    ) -> Result<(TeamView, Arc<Members>), StoreError> {
        let mut attempts = Attempts::default();
        loop {
            let team = self.read_team(tenant, id).await?;
            self.make_room(&team).await?;
            if self.take_in_team(team).await? {
                return self.directory().team_with_members(tenant, id).ok_or_else(|| not_found(id));
            }
            attempts.next_conflict().await?;
        }
    }

    /// A team as the API server has it now. One that is gone is forgotten here.
    pub(super) async fn read_team(&self, tenant: &TenantKey, id: &str) -> Result<Team, StoreError> {
        let shown = self.directory().team(tenant, id).map(|team| version(team.outline()));
        let held = || self.directory().held_team(tenant, id).map(|team| version(team.as_ref()));
        let known = shown.or_else(held);
        let team = call(self.teams_api(tenant).get_opt(id)).await?;
        let Some(team) = team.filter(|team| team.spec.tenant_ref.name == tenant.name.as_ref()) else {
            if let Some(version) = known {
                self.directory().remove_team(tenant, id, version);
            }
            return Err(not_found(id));
        };
        Ok(team)
    }

    /// Members must exist in this tenant, and a team can't be in itself. Who is not known here may have been created on
    /// another replica a moment ago, so they are looked for.
    pub(super) async fn check_members(
        &self,
        tenant: &TenantKey,
        team: Option<&str>,
        changes: &[MemberChange],
    ) -> Result<(), StoreError> {
        let mut looked_for = HashSet::new();
        loop {
            let news = named(changes).filter(|id| !looked_for.contains(id));
            let Some(unknown) = self.directory().first_unknown(tenant, news) else { break };
            self.look_for_member(tenant, unknown).await?;
            looked_for.insert(unknown);
        }
        Ok(self.check_known(tenant, team, changes)?)
    }

    /// The same as far as it is known here.
    pub(super) fn check_known(
        &self,
        tenant: &TenantKey,
        team: Option<&str>,
        changes: &[MemberChange],
    ) -> Result<(), ScimError> {
        if team.is_some_and(|team| named(changes).any(|member| member == team)) {
            return Err(ScimError::invalid_value("members: a group can't be a member of itself"));
        }
        let Some(unknown) = self.directory().first_unknown(tenant, named(changes)) else { return Ok(()) };
        let shown: String = unknown.chars().take(64).collect();
        let detail = format!("members: there is no user or group with id \"{shown}\" in this tenant");
        Err(ScimError::invalid_value(detail))
    }

    /// Takes a user or a team in that is stored and not known here. That there is none is for others to say. What
    /// can't be a name is not looked for: it would be part of a path.
    async fn look_for_member(&self, tenant: &TenantKey, id: &str) -> Result<(), StoreError> {
        if !is_object_name(id) {
            return Ok(());
        }
        match self.fresh_user(tenant, id).await {
            Err(StoreError::NotFound { .. }) => {}
            found => return found.map(drop),
        }
        match self.fresh_team(tenant, id).await {
            Ok(_) | Err(StoreError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// What was just stored, as the next reader here sees it.
    pub(super) async fn took_in_team(&self, tenant: &TenantKey, team: Team) -> Result<TeamView, StoreError> {
        let id = team.name_any();
        // What is given back tells of the object; who is in it is asked of the directory.
        let slices = team.spec.membership.slice_names().map(|_| SliceMembers::default()).collect();
        let view = TeamView::new(team.clone(), slices);
        self.make_room(&team).await?;
        if !self.take_in_team(team).await? {
            // Somebody has changed it since, and its slices are gone: then that newer version is to be known here.
            self.fresh_team(tenant, &id).await?;
        }
        Ok(view)
    }

    pub(super) fn teams_api(&self, tenant: &TenantKey) -> Api<Team> {
        Api::namespaced(self.client().clone(), &tenant.namespace)
    }
}

fn not_found(id: &str) -> StoreError {
    StoreError::NotFound { kind: KIND, id: id.to_owned() }
}

/// What has come of a step, to a [`Commit`].
fn answer<T>(result: &Result<T, PutError>) -> Answer {
    result.as_ref().map_or_else(PutError::answer, |_| Answer::Stored(Text::default()))
}

/// Whom changes name as members.
fn named(changes: &[MemberChange]) -> impl Iterator<Item = &str> {
    changes.iter().flat_map(joining).map(|member| member.value.as_str())
}

fn spec(tenant: &TenantKey, document: Document, membership: Membership) -> Result<TeamSpec, StoreError> {
    codec::team_spec(&tenant.name, document, membership)
        .map_err(|error| StoreError::Rejected(error.to_string()))
}
