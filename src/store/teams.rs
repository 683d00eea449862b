//! Writing teams: create, change, delete, each all or nothing, members included.
//!
//! New slices are written first; they mean nothing until the Team names them, which one compare-and-swap does.

use std::sync::Arc;

use kube::{Api, ResourceExt};

use super::{
    Store,
    api_error::{CallError, call, is_already_exists, is_ambiguous, is_conflict, is_not_found},
    claims::{Claims, Held},
    codec,
    directory::version,
    error::StoreError,
    membership::{Members, Plan, joining, plan},
    meta::{adopt, new_id, new_meta, post_params, touch},
    retry::Attempts,
    tenant::TenantKey,
    users::{check_version, exactly},
    view::{TeamView, is_receivers, may_be_written},
    written::Written,
};
use crate::{
    api::{Membership, Team, TeamSpec},
    scim::{
        Document, ScimError,
        fold::fold_case,
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
        let api = self.teams_api(tenant);
        let claims = Claims::<Team>::new(self.client(), &tenant.namespace);
        let mut attempts = Attempts::default();
        let planned = spec(tenant, document, Membership::default())?;
        self.check_unused::<Team>(tenant, &planned.display_name, None).await?;
        loop {
            let id = new_id();
            let held = claims.acquire(tenant, &planned.display_name, &id).await?;
            let (membership, _) = match self.stage(tenant, &id, plan(&Members::default(), &changes)).await {
                Ok(staged) => staged,
                Err(error) => {
                    claims.give_up(held).await;
                    return Err(error);
                }
            };
            let spec = TeamSpec { membership, ..planned.clone() };
            let team = Team { metadata: new_meta(tenant, &id), spec, status: None };
            let gained = match self.gain(tenant, unique, None, &team).await {
                Ok(gained) => gained,
                Err(error) => {
                    self.drop_slices(tenant, team.spec.membership.slices);
                    claims.give_up(held).await;
                    return Err(error);
                }
            };
            match self.post_team(&api, &team, &id).await {
                Ok(team) => {
                    let team = self.took_in_team(tenant, team).await?;
                    self.acknowledge(&Written::of(team.object())).await?;
                    return Ok(team);
                }
                Err(error) => {
                    if is_ambiguous(&error) {
                        return Err(error.into());
                    }
                    self.drop_slices(tenant, team.spec.membership.slices);
                    // A placeholder stands there: our claim was taken over, because we were too slow.
                    if is_already_exists(&error) {
                        attempts.next(&error).await?;
                    } else {
                        claims.give_up(held).await;
                        gained.give_up().await;
                        return Err(error.into());
                    }
                }
            }
        }
    }

    /// Changes a team and its members by `change`, which may be called again on a fresher document. A change that
    /// changes nothing writes nothing.
    pub async fn change_team(
        &self,
        tenant: &TenantKey,
        id: &str,
        conditions: &Conditions,
        unique: &[Unique],
        change: impl Fn(Document) -> Result<(Document, Vec<MemberChange>), ScimError> + Send + Sync,
    ) -> Result<TeamView, StoreError> {
        let turn = self.locks().lock(id).await;
        let mut attempts = Attempts::default();
        let (mut current, mut members) = self.team_with_members(tenant, id)?;
        loop {
            check_version(conditions, &current.version())?;
            let (document, changes) = change(current.document())?;
            self.check_members(tenant, Some(id), &changes).await?;
            let plan = plan(&members, &changes);
            let wanted = spec(tenant, document, plan.membership.clone())?;
            if wanted == current.0.spec {
                drop(turn);
                // Our answer says that it is so; another replica may not have heard of it yet.
                self.acknowledge(&Written::of(current.object())).await?;
                return Ok(current);
            }
            if !may_be_written(current.object()) {
                return Err(StoreError::Declared { kind: KIND, id: id.to_owned() });
            }
            if let Some(team) = self.swap_team(tenant, &current.0, wanted, plan, unique).await? {
                let team = self.took_in_team(tenant, team).await?;
                drop(turn);
                self.acknowledge(&Written::of(team.object())).await?;
                return Ok(team);
            }
            attempts.next_conflict().await?;
            (current, members) = self.fresh_team(tenant, id).await?;
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
        let api = self.teams_api(tenant);
        let mut attempts = Attempts::default();
        let mut current = self.team(tenant, id)?;
        loop {
            check_version(conditions, &current.version())?;
            if !is_receivers(current.object()) {
                return Err(StoreError::Declared { kind: KIND, id: id.to_owned() });
            }
            match call(api.delete(id, &exactly(&current.0.metadata))).await {
                Ok(deleted) => {
                    let name = &current.0.spec.display_name;
                    Claims::<Team>::new(self.client(), &tenant.namespace).release(tenant, name, id).await;
                    self.release(tenant, unique, current.object()).await;
                    let written = if let Some(team) = deleted.left() {
                        let written = Written::of(&team);
                        self.take_in_team(team).await?;
                        written
                    } else {
                        let end = Written::end_of(current.object());
                        self.directory().remove_team(tenant, id, end.version);
                        end
                    };
                    return self.acknowledge(&written).await;
                }
                Err(error) if is_not_found(&error) => {
                    return Err(StoreError::NotFound { kind: KIND, id: id.to_owned() });
                }
                Err(error) if is_conflict(&error) => {
                    attempts.next_conflict().await?;
                    (current, _) = self.fresh_team(tenant, id).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Takes a member who is gone out of a team.
    pub async fn remove_member(
        &self,
        tenant: &TenantKey,
        team: &str,
        member: &str,
    ) -> Result<(), StoreError> {
        // What people declare is theirs to change; the member is left out of every answer meanwhile.
        if self.directory().team(tenant, team).is_none_or(|team| !is_receivers(team.object())) {
            return Ok(());
        }
        let gone = vec![MemberChange::Remove(vec![member.to_owned()])];
        match self
            .change_team(tenant, team, &Conditions::default(), &[], |document| Ok((document, gone.clone())))
            .await
        {
            Ok(_) | Err(StoreError::NotFound { .. } | StoreError::Declared { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// One compare-and-swap, after the new slices are there; `None` if the object has changed since.
    async fn swap_team(
        &self,
        tenant: &TenantKey,
        current: &Team,
        wanted: TeamSpec,
        plan: Plan,
        unique: &[Unique],
    ) -> Result<Option<Team>, StoreError> {
        let id = current.name_any();
        let claims = Claims::<Team>::new(self.client(), &tenant.namespace);
        let renamed = fold_case(&wanted.display_name) != fold_case(&current.spec.display_name);
        if renamed {
            self.check_unused::<Team>(tenant, &wanted.display_name, Some(&id)).await?;
        }
        let held: Option<Held> =
            if renamed { Some(claims.acquire(tenant, &wanted.display_name, &id).await?) } else { None };
        let dropped = plan.dropped.clone();
        let (membership, staged) = match self.stage(tenant, &id, plan).await {
            Ok(staged) => staged,
            Err(error) => {
                if let Some(held) = held {
                    claims.give_up(held).await;
                }
                return Err(error);
            }
        };
        let spec = TeamSpec { membership, ..wanted };
        let mut team = Team { metadata: current.metadata.clone(), spec, status: current.status.clone() };
        touch(&mut team.metadata);
        adopt(&mut team.metadata, tenant);
        let gained = match self.gain(tenant, unique, Some(current), &team).await {
            Ok(gained) => gained,
            Err(error) => {
                self.drop_slices(tenant, staged);
                if let Some(held) = held {
                    claims.give_up(held).await;
                }
                return Err(error);
            }
        };
        let old = if renamed { claims.note(tenant, &current.spec.display_name, &id).await } else { None };
        let losing = self.losing(tenant, unique, current, &team).await;
        match call(self.teams_api(tenant).replace(&id, &post_params(), &team)).await {
            Ok(stored) => {
                self.drop_slices(tenant, dropped);
                if let Some(old) = old {
                    claims.give_up(old).await;
                }
                losing.give_up().await;
                Ok(Some(stored))
            }
            Err(error) => {
                if !is_ambiguous(&error) {
                    self.drop_slices(tenant, staged);
                    if let Some(held) = held {
                        claims.give_up(held).await;
                    }
                    gained.give_up().await;
                }
                if is_conflict(&error) || is_not_found(&error) { Ok(None) } else { Err(error.into()) }
            }
        }
    }

    /// A team as the API server has it now, with its members.
    pub(super) async fn fresh_team(
        &self,
        tenant: &TenantKey,
        id: &str,
    ) -> Result<(TeamView, Arc<Members>), StoreError> {
        let not_found = || StoreError::NotFound { kind: KIND, id: id.to_owned() };
        let mut attempts = Attempts::default();
        loop {
            let shown = self.directory().team(tenant, id).map(|team| team.0);
            let known =
                shown.or_else(|| self.directory().held_team(tenant, id)).map(|team| version(team.as_ref()));
            let team = call(self.teams_api(tenant).get_opt(id)).await?;
            let Some(team) = team.filter(|team| team.spec.tenant_ref.name == tenant.name.as_ref()) else {
                if let Some(version) = known {
                    self.directory().remove_team(tenant, id, version);
                }
                return Err(not_found());
            };
            if self.take_in_team(team).await? {
                return self.directory().team_with_members(tenant, id).ok_or_else(not_found);
            }
            attempts.next_conflict().await?;
        }
    }

    async fn post_team(&self, api: &Api<Team>, team: &Team, id: &str) -> Result<Team, CallError> {
        match call(api.create(&post_params(), team)).await {
            Err(error) if is_ambiguous(&error) || is_already_exists(&error) => {
                match call(api.get_opt(id)).await {
                    Ok(Some(stored)) if stored.spec == team.spec => Ok(stored),
                    Ok(_) | Err(_) => Err(error),
                }
            }
            result => result,
        }
    }

    /// Members must exist in this tenant, and a team can't be in itself.
    async fn check_members(
        &self,
        tenant: &TenantKey,
        team: Option<&str>,
        changes: &[MemberChange],
    ) -> Result<(), StoreError> {
        let named = || changes.iter().flat_map(joining).map(|member| member.value.as_str());
        if team.is_some_and(|team| named().any(|member| member == team)) {
            return Err(ScimError::invalid_value("members: a group can't be a member of itself").into());
        }
        let mut skip = std::collections::HashSet::new();
        while let Some(unknown) =
            self.directory().first_unknown(tenant, named().filter(|id| !skip.contains(id)))
        {
            // It may have been created on another replica a moment ago.
            if self.fresh_user(tenant, unknown).await.is_err()
                && self.fresh_team(tenant, unknown).await.is_err()
            {
                let shown: String = unknown.chars().take(64).collect();
                let detail = format!("members: there is no user or group with id \"{shown}\" in this tenant");
                return Err(ScimError::invalid_value(detail).into());
            }
            skip.insert(unknown);
        }
        Ok(())
    }

    /// What was just stored, as the next reader here sees it.
    async fn took_in_team(&self, tenant: &TenantKey, team: Team) -> Result<TeamView, StoreError> {
        let id = team.name_any();
        let view = TeamView(Arc::new(team.clone()));
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

fn spec(tenant: &TenantKey, document: Document, membership: Membership) -> Result<TeamSpec, StoreError> {
    codec::team_spec(&tenant.name, document, membership)
        .map_err(|error| StoreError::Rejected(error.to_string()))
}
