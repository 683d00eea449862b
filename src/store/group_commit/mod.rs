//! Changing teams: whatever changes of one team are there when it is written are stored by one write.
//!
//! Identity providers send the members of a group one by one, many at a time. Each change waits in its team's line; one
//! commit at a time takes what has come until then, and answers all of it. A change that comes alone waits for nobody.
//! [`batch`] says which changes go together.

mod batch;
mod line;
mod metrics;

use std::{sync::Arc, time::Duration};

use kube::ResourceExt;
use tracing::Instrument;

use self::{
    batch::{Batch, Fit, TeamChange, Wanted},
    line::{Answer, Line, Waiting},
};
use super::{
    Store,
    by_key::ByKey,
    claims::{Claims, Moves},
    error::StoreError,
    membership::{Id, Members, Plan},
    meta::{adopt, touch},
    retry::Attempts,
    tenant::TenantKey,
    users::check_version,
    view::TeamView,
    written::Written,
};
use crate::{
    api::{Team, TeamSpec},
    scim::{Document, ScimError, member::MemberChange, rules::Unique, version::Conditions},
};

pub(super) use self::metrics::CommitMetrics;

/// The lines of all teams that are being changed.
pub(super) type Lines = ByKey<(TenantKey, Id), Line>;

impl Store {
    /// Changes a team and its members by `change`, which may be called again on a fresher document. A change that
    /// changes nothing writes nothing. One that has begun goes on when nobody waits for it any more.
    pub async fn change_team(
        &self,
        tenant: &TenantKey,
        id: &str,
        conditions: &Conditions,
        unique: &[Unique],
        change: impl Fn(Document) -> Result<(Document, Vec<MemberChange>), ScimError> + Send + Sync + 'static,
    ) -> Result<TeamView, StoreError> {
        self.check_change(tenant, id, conditions, &change).await?;
        let key = (tenant.clone(), Id::from(id));
        let line = self.lines().get(key.clone());
        let answered = line.join(TeamChange {
            conditions: conditions.clone(),
            unique: unique.to_vec(),
            apply: Box::new(change),
            alone: false,
        });
        // There are never fewer commits under way than changes in the line, and each sees to one of them at least.
        let commit = self.clone().commit_next(key, line).in_current_span();
        self.background().spawn(commit);
        answered.await.unwrap_or_else(|_| Err(broken_off()))
    }

    /// Refuses at once what could not be stored anyway, and makes sure that all whom a change names are known here: who
    /// stores it has no time to look for them.
    async fn check_change(
        &self,
        tenant: &TenantKey,
        id: &str,
        conditions: &Conditions,
        change: impl Fn(Document) -> Result<(Document, Vec<MemberChange>), ScimError>,
    ) -> Result<(), StoreError> {
        let current = self.team(tenant, id)?;
        check_version(conditions, &current.version())?;
        let (_, changes) = change(current.document())?;
        self.check_members(tenant, Some(id), &changes).await
    }

    /// Stores what waits in a line, as much of it as one write can, and answers it.
    async fn commit_next(self, (tenant, id): (TenantKey, Id), line: Arc<Line>) {
        let turn = self.locks().lock(&id).await;
        if line.is_empty() {
            return; // Others have stored it all.
        }
        let (batch, stored) = self.store_next(&tenant, &id, &line).await;
        // The next commit may begin while this one becomes known to all.
        drop(turn);
        let answer = match stored {
            // Also of what was so already: another replica may not have heard of it yet.
            Ok(team) => self.acknowledge(&Written::of(team.outline())).await.map(|()| team),
            Err(error) => Err(error),
        };
        for waiting in batch {
            waiting.answer(answer.clone());
        }
    }

    /// The changes at the head of a line, and what has come of them all. A lost compare-and-swap replays them on the
    /// fresh object.
    async fn store_next(&self, tenant: &TenantKey, id: &str, line: &Line) -> (Vec<Waiting>, Answer) {
        let mut attempts = Attempts::default();
        let mut found = self.team_with_members(tenant, id);
        loop {
            let (current, members) = match found {
                Ok(found) => found,
                Err(error) => {
                    line.fail(&error);
                    return (Vec::new(), Err(error));
                }
            };
            let (batch, wanted) = self.gather(tenant, line, &current, &members);
            let Some(wanted) = wanted else { return (batch, Ok(current)) };
            match self.store_wanted(tenant, current.outline(), wanted).await {
                Ok(Some(team)) => return (batch, Ok(team)),
                Ok(None) => {
                    line.put_back(batch.into_iter().filter_map(Waiting::patient));
                    attempts.pause().await;
                    found = self.fresh_team(tenant, id).await;
                }
                // Any of them may be to blame, and the others must not suffer for it.
                Err(StoreError::Rejected(_)) if batch.len() > 1 => {
                    line.put_back(batch.into_iter().map(Waiting::alone));
                    found = Ok((current, members));
                }
                Err(error) => return (batch, Err(error)),
            }
        }
    }

    /// Takes off a line what can be stored together, and answers what can't be stored at all.
    fn gather(
        &self,
        tenant: &TenantKey,
        line: &Line,
        current: &TeamView,
        members: &Members,
    ) -> (Vec<Waiting>, Option<Wanted>) {
        let mut batch = Batch::on(current, members);
        let mut taken = Vec::new();
        while let Some(waiting) = line.next() {
            let check = |changes: &[MemberChange]| self.check_known(tenant, Some(current.id()), changes);
            match batch.add(&waiting.change, check) {
                Fit::Taken => taken.push(waiting),
                Fit::Refused(error) => waiting.answer(Err(error)),
                Fit::Later => {
                    line.put_back(std::iter::once(waiting));
                    break;
                }
            }
        }
        (taken, batch.wanted())
    }

    /// One compare-and-swap, whose outcome is taken in here; `None` if the object has changed since.
    async fn store_wanted(
        &self,
        tenant: &TenantKey,
        current: &Team,
        wanted: Wanted,
    ) -> Result<Option<TeamView>, StoreError> {
        let Wanted { spec, plan, unique, changes } = wanted;
        let Some(team) = self.swap_team(tenant, current, spec, plan, &unique).await? else { return Ok(None) };
        self.commit_metrics().stored(changes);
        self.took_in_team(tenant, team).await.map(Some)
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
        let claims = Claims::<Team>::new(self.client(), tenant);
        let mut team =
            Team { metadata: current.metadata.clone(), spec: wanted, status: current.status.clone() };
        touch(&mut team.metadata);
        adopt(&mut team.metadata, tenant);
        let moves = Moves::between(tenant, unique, Some(current), &team);
        self.check_gained::<Team>(tenant, &moves, &id).await?;
        let put = || self.commit(tenant, &team, plan.clone());
        claims.write(&id, &moves, put, |_| false).await
    }
}

/// The commit that was to answer has ended without: its task has failed, or the process is about to end.
fn broken_off() -> StoreError {
    let reason = "the change may or may not have been stored".to_owned();
    StoreError::Unavailable { reason, retry_after: Duration::from_secs(1) }
}
