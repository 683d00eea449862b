//! What a writer does, call by call.

use rollcall::store::{
    claims::protocol::{Answer, Machine, Next, Orphan, Outcome},
    membership::{Commit, Garbage},
};

use super::{
    server::{Call, Change, Object, Planned, Server, Slice, Team, plan, text},
    wrong::Wrong,
};

/// An operation under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Writer {
    /// It has a version of the Team, and reads its slices. `was_so` is whether it has been true, since it was asked for,
    /// that the change changes nothing.
    Load {
        change: Change,
        team: Team,
        was_so: bool,
    },
    Commit(Committing),
    Sweep(Orphan),
}

/// A commit under way, call by call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Committing {
    commit: Commit,
    change: Change,
    planned: Planned,
    pub seen: u8,
    /// How many slices of this step are done.
    done: usize,
    /// Whether the swap has taken effect, and whether it was answered that it has.
    pub swapped: bool,
    stored: bool,
}

/// What a step of a writer comes to.
pub enum Turn {
    Call(Call, Option<Change>),
    /// It is over; whether success is said, and of what: a swap, or that there was nothing to do.
    End {
        stored: bool,
        swapped: bool,
    },
}

impl Committing {
    fn new(change: Change, planned: Planned, seen: u8, wrong: Wrong) -> Self {
        let commit = match wrong {
            Wrong::TeamBeforeSlices => Commit::Swap,
            Wrong::OldSlicesGoFirst => Commit::Drop(Garbage::Old),
            _ => Commit::Stage,
        };
        Self { commit, change, planned, seen, done: 0, swapped: false, stored: false }.skip(wrong)
    }

    /// Goes past steps that have no (more) calls to make.
    fn skip(mut self, wrong: Wrong) -> Self {
        loop {
            let calls = match self.commit {
                Commit::Stage | Commit::Drop(Garbage::Staged) => self.planned.new.len(),
                Commit::Drop(Garbage::Old) => self.planned.old.len(),
                Commit::Swap | Commit::Done => return self,
            };
            if self.done < calls {
                return self;
            }
            (self.commit, self.done) = (self.after(&Answer::Stored(text(0)), wrong), 0);
        }
    }

    /// The step after one that ended like this: production's order, or one of the wrong ones.
    fn after(&self, answer: &Answer, wrong: Wrong) -> Commit {
        let stored = matches!(answer, Answer::Stored(_));
        match (wrong, &self.commit) {
            (Wrong::TeamBeforeSlices, Commit::Swap) if stored => Commit::Stage,
            (Wrong::TeamBeforeSlices, Commit::Stage) => Commit::Drop(Garbage::Old),
            (Wrong::OldSlicesGoFirst, Commit::Drop(Garbage::Old)) if !self.stored => Commit::Stage,
            (_, commit) => commit.clone().told(answer),
        }
    }

    fn call(&self) -> Option<Call> {
        Some(match self.commit {
            Commit::Stage => {
                let (name, set) = self.planned.new[self.done];
                Call::CreateSlice(name, set)
            }
            Commit::Swap => Call::PutTeam(self.seen, self.planned.team.clone()),
            Commit::Drop(Garbage::Old) => Call::DeleteSlice(self.planned.old[self.done]),
            Commit::Drop(Garbage::Staged) => Call::DeleteSlice(self.planned.new[self.done].0),
            Commit::Done => return None,
        })
    }

    fn told(mut self, answer: &Answer, wrong: Wrong) -> Self {
        let stored = matches!(answer, Answer::Stored(_));
        match self.commit {
            Commit::Swap => {
                self.stored = stored;
                self.commit = self.after(answer, wrong);
            }
            Commit::Stage if !stored => (self.commit, self.done) = (self.after(answer, wrong), 0),
            Commit::Stage | Commit::Drop(_) | Commit::Done => self.done += 1,
        }
        self.skip(wrong)
    }
}

impl Writer {
    pub fn sweep(slice: Slice) -> Self {
        Self::Sweep(Orphan::new(text(slice), text(0), text(0)))
    }

    /// The next call. Reading slices is none that could do harm; it is done at once.
    pub fn turn(&self) -> Turn {
        match self {
            Self::Load { was_so, .. } => Turn::End { stored: true, swapped: *was_so },
            Self::Commit(it) => match it.call() {
                Some(call) => Turn::Call(call, (it.commit == Commit::Swap).then_some(it.change)),
                None => Turn::End { stored: it.stored, swapped: it.swapped },
            },
            Self::Sweep(orphan) => match orphan.next() {
                Next::Ask(ask) => Turn::Call(Call::Sweep(ask), None),
                Next::End(outcome) => Turn::End { stored: false, swapped: outcome == Outcome::Stored },
            },
        }
    }

    /// Reads slices and plans. A slice that is gone means that the Team has changed: that is read again.
    pub fn load(self, server: &Server, next_slice: &mut Slice, wrong: Wrong) -> Self {
        let Self::Load { change, team, was_so } = self else { return self };
        let Some(members) = server.load(&team) else {
            let Object::Team(team) = &server.object else { return Self::Load { change, team, was_so } };
            return Self::Load { change, team: team.clone(), was_so };
        };
        match plan(&members, change, *next_slice, wrong) {
            Some(planned) => {
                *next_slice += planned.new.len() as Slice;
                Self::Commit(Committing::new(change, planned, team.version, wrong))
            }
            None => Self::Load { change, team, was_so },
        }
    }

    pub fn told(self, answer: Answer, wrong: Wrong) -> Self {
        match self {
            Self::Commit(it) => Self::Commit(it.told(&answer, wrong)),
            Self::Sweep(orphan) => Self::Sweep(orphan.told(answer, false)),
            load @ Self::Load { .. } => load,
        }
    }
}
