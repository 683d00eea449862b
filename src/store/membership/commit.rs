//! Committing a plan: in which order slices and the Team are written, and what is deleted afterwards.

use crate::store::claims::protocol::{Answer, Refusal};

/// A commit, between two steps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Commit {
    /// Write all new slices. Answered by [`Answer::Stored`] if every one of them is there.
    #[default]
    Stage,
    /// Compare-and-swap the Team that names them. This is what makes the change visible, at once.
    Swap,
    /// Delete what nobody names any more.
    Drop(Garbage),
    /// Nothing more.
    Done,
}

/// Slices that can go after a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Garbage {
    /// Those that the Team named before.
    Old,
    /// The new ones, as the Team will never name them.
    Staged,
}

impl Commit {
    /// Goes on with what has come of a step.
    #[must_use]
    pub fn told(self, answer: &Answer) -> Self {
        match (self, answer) {
            (Self::Stage, Answer::Stored(_)) => Self::Swap,
            (Self::Stage, _) | (Self::Swap, Answer::Refused(Refusal::Outdated | Refusal::Other)) => {
                Self::Drop(Garbage::Staged)
            }
            (Self::Swap, Answer::Stored(_)) => Self::Drop(Garbage::Old),
            // The Team may name either: what it doesn't name is swept later.
            (Self::Swap | Self::Drop(_) | Self::Done, _) => Self::Done,
        }
    }
}
