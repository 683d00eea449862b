//! Which changes of one team are stored together, and what they make of it. Pure.
//!
//! A batch holds changes of members only. What changes the team itself, or depends on its version, is stored alone: so
//! whether a change is refused never depends on another one of its batch, claims move for one request at a time, and
//! whoever says `If-Match` gets the version that is theirs alone.

use crate::{
    api::{Membership, TeamSpec},
    scim::{Document, ScimError, member::MemberChange, rules::Unique, version::Conditions},
    store::{
        codec,
        error::StoreError,
        membership::{Limits, Members, Pending, Plan},
        users::check_version,
        view::{TeamView, may_be_written},
    },
};

/// How many changes one write of a team stores at most.
const MOST_CHANGES: usize = 256;

/// How many members the changes of a batch name at most. A single one may name more.
const MOST_MEMBERS: usize = 2048;

/// A change of a team, which may be made again on a fresher document.
pub(super) type Apply =
    Box<dyn Fn(Document) -> Result<(Document, Vec<MemberChange>), ScimError> + Send + Sync>;

/// What one request wants.
pub(super) struct TeamChange {
    pub(super) conditions: Conditions,
    pub(super) unique: Vec<Unique>,
    pub(super) apply: Apply,
    /// Whether it has to be stored without others: the API server has refused it together with some.
    pub(super) alone: bool,
}

/// What becomes of a change that was to be part of a batch.
#[derive(Debug)]
pub(super) enum Fit {
    /// It is part of it.
    Taken,
    /// It can't be made, for a reason of its own.
    Refused(StoreError),
    /// It has to wait for the next batch, and so do those behind it.
    Later,
}

/// Changes that are stored by one write.
#[derive(Debug)]
pub(super) struct Batch<'a> {
    team: &'a TeamView,
    members: &'a Members,
    pending: Pending<'a>,
    /// What the team says, except of its members.
    spec: TeamSpec,
    unique: Vec<Unique>,
    holds: Holds,
    /// How many changes are part of it, and how many of those change anything.
    taken: usize,
    effective: usize,
    named: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    Nothing,
    /// Changes of members, or what changes nothing.
    Moves,
    /// One change that is stored alone.
    One,
}

/// What has to be stored for a batch.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) spec: TeamSpec,
    pub(super) plan: Plan,
    /// What the tenant of the one change that changes the team itself calls unique.
    pub(super) unique: Vec<Unique>,
    /// How many changes it makes.
    pub(super) changes: usize,
}

impl TeamChange {
    fn is_alone(&self) -> bool {
        self.alone || self.conditions != Conditions::default()
    }
}

impl<'a> Batch<'a> {
    /// An empty one, on a team as it is stored.
    pub(super) fn on(team: &'a TeamView, members: &'a Members) -> Self {
        let spec = team.outline().spec.clone();
        let (unique, holds, pending) = (Vec::new(), Holds::Nothing, Pending::on(members));
        Self { team, members, pending, spec, unique, holds, taken: 0, effective: 0, named: 0 }
    }

    /// Makes a change part of it, if that is possible. `check` says whether those may be members whom it names.
    pub(super) fn add(
        &mut self,
        change: &TeamChange,
        check: impl FnOnce(&[MemberChange]) -> Result<(), ScimError>,
    ) -> Fit {
        let is_full = match self.holds {
            Holds::Nothing => false,
            Holds::Moves => change.is_alone(),
            Holds::One => true,
        };
        if is_full || self.taken == MOST_CHANGES {
            return Fit::Later;
        }
        match self.try_add(change, check) {
            Ok(true) => {
                self.taken += 1;
                Fit::Taken
            }
            Ok(false) => Fit::Later,
            Err(error) => Fit::Refused(error),
        }
    }

    /// What has to be stored; `None` if everything is so already.
    pub(super) fn wanted(self) -> Option<Wanted> {
        let is_new = self.pending.moves().next().is_some() || self.spec != self.team.outline().spec;
        if !is_new {
            return None;
        }
        let plan = self.pending.plan(Limits::REAL);
        let spec = TeamSpec { membership: plan.membership.clone(), ..self.spec };
        Some(Wanted { spec, plan, unique: self.unique, changes: self.effective })
    }

    /// False if it does not fit in any more.
    fn try_add(
        &mut self,
        change: &TeamChange,
        check: impl FnOnce(&[MemberChange]) -> Result<(), ScimError>,
    ) -> Result<bool, StoreError> {
        check_version(&change.conditions, &self.team.version())?;
        let (document, changes) = (change.apply)(self.team.document())?;
        let named = changes.iter().map(|it| self.named_by(it)).sum::<usize>();
        let spec = spec(&self.spec, document)?;
        let changes_team = spec != self.spec;
        if self.holds == Holds::Moves && (changes_team || self.named + named > MOST_MEMBERS) {
            return Ok(false);
        }
        check(&changes)?;
        let mut is_effective = changes_team;
        for change in &changes {
            is_effective |= self.pending.make(change);
        }
        if is_effective && !may_be_written(self.team.outline()) {
            // Nothing before it has changed anything either, so nothing else is lost.
            self.pending = Pending::on(self.members);
            return Err(StoreError::Declared { kind: "Group", id: self.team.id().to_owned() });
        }
        self.holds = if changes_team || change.is_alone() { Holds::One } else { Holds::Moves };
        if changes_team {
            self.spec = spec;
            self.unique.clone_from(&change.unique);
        }
        self.effective += usize::from(is_effective);
        self.named += named;
        Ok(true)
    }

    /// How many members a change looks at.
    fn named_by(&self, change: &MemberChange) -> usize {
        let now = self.members.count();
        match change {
            MemberChange::Add(members) => members.len(),
            MemberChange::Remove(members) => members.len(),
            MemberChange::ReplaceAll(members) => now + members.len(),
            MemberChange::Clear => now,
        }
    }
}

/// The spec that a changed document says, without members.
fn spec(before: &TeamSpec, document: Document) -> Result<TeamSpec, StoreError> {
    codec::team_spec(&before.tenant_ref.name, document, Membership::default())
        .map_err(|error| StoreError::Rejected(error.to_string()))
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
