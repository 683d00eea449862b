//! The claim protocol as state machines without I/O: what to ask the API server next, given what it has answered.
//!
//! A claim is an object whose name is derived from the value that must be unique, so the API server lets only one
//! exist. It names its holder. The claim comes before the object that uses the value:
//!
//! - *create* ([`Write::create`]): write the claim (holder = the new id), then create the object under that id.
//! - *rename* ([`Write::change`]): write the claim of the new value, note the version of the old claim, compare-and-swap
//!   the object, then delete the old claim in the version that was noted.
//! - *delete* ([`Retire`]): mark the object as deleted, then delete the claim.
//!
//! Where an object has several unique values, all its claims are written before the object, and deleted after it. They
//! are got in the same order by everybody, so that two writers who want the same values don't wait for each other.
//!
//! Whoever stops in between leaves a claim whose holder doesn't use the value. Another may take it over ([`Acquire`]) or
//! sweep it ([`Orphan`]), but must first make sure that the holder can't go on and use the value after all:
//!
//! - the holder doesn't exist (yet): create a placeholder under its id. The late create then fails.
//! - the holder exists with another value: write to it, so that a rename under way fails its compare-and-swap.
//! - the holder is being deleted: nothing; it never comes back.
//! - the holder was declared by people and is gone: nothing; if they declare it again, they have no claim.
//!
//! And a rename always *writes* the claim, even one that it already holds, before it swaps the object: whoever read the
//! claim before that write, to take it over or to delete it, then fails on the claim.
//!
//! `tests/model` runs these machines in every order, with crashes and lost answers.

mod acquire;
mod orphan;
mod retire;
mod write;

use std::sync::Arc;

pub use self::{acquire::Acquire, acquire::Acquired, orphan::Orphan, retire::Retire, write::Write};

/// The id of an object that claims are for, the name of a claim, or a version of one of them.
pub type Text = Arc<str>;

/// A claim that we hold, as we wrote it; proof for the write that follows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Held {
    /// The claim's name.
    pub claim: Text,
    /// The version that our write gave it.
    pub version: Text,
    /// Whether it was ours before, so that a failure afterwards must not give it up.
    pub was_ours: bool,
}

/// What the object is that a claim names as its holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Holder {
    /// It exists and uses the value.
    UsesIt,
    /// It exists and uses another value: a rename is under way, or was left halfway.
    UsesAnother,
    /// It doesn't exist: a create is under way or was left halfway, or a delete was.
    Missing,
    /// A placeholder stands in its place, so it can't come to be.
    Placeholder,
    /// It is being deleted.
    Deleting,
    /// It doesn't exist, and the receiver doesn't create it: people had declared it.
    Gone,
}

/// One call to the API server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Ask {
    /// Read a claim.
    Claim {
        /// Its name.
        claim: Text,
    },
    /// Create a claim, if there is none.
    CreateClaim {
        /// Its name.
        claim: Text,
        /// Whose it is to be.
        holder: Text,
    },
    /// Write a claim, if it is still in this version.
    SwapClaim {
        /// Its name.
        claim: Text,
        /// Whose it is to be.
        holder: Text,
        /// The version that was read.
        version: Text,
    },
    /// Delete a claim, if it is still in this version.
    DeleteClaim {
        /// Its name.
        claim: Text,
        /// The version that was read or written.
        version: Text,
    },
    /// Read an object, as the holder of a claim.
    Holder {
        /// Its id.
        id: Text,
        /// The claim's name.
        claim: Text,
    },
    /// Create an object that only keeps an id from being used.
    Placeholder {
        /// The id.
        id: Text,
    },
    /// Write to an object without changing what it says, if it is still in this version.
    Touch {
        /// Its id.
        id: Text,
        /// The version that was read.
        version: Text,
    },
    /// Write the object that all this is about: create it, swap it or mark it as deleted, in the version that was read
    /// before the first call.
    Write,
    /// Read whether that write was stored, as its answer was lost.
    Look,
    /// Wait a moment. Answered by [`Answer::Waited`].
    Wait,
}

/// What the API server answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// To [`Ask::Claim`]: holder and version, if the claim exists.
    Claim(Option<(Text, Text)>),
    /// To [`Ask::Holder`]: what it is, and its version if it exists.
    Holder(Holder, Option<Text>),
    /// What was to be written is stored, in this version.
    Stored(Text),
    /// Nothing was stored, and it never will be.
    Refused(Refusal),
    /// Nobody knows whether it was stored, or will be in a moment. Also to what is only read, when it can't be.
    Lost,
    /// A moment has passed.
    Waited,
}

/// Why nothing was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// There is something of this name already.
    Exists,
    /// It is in another version, or gone.
    Outdated,
    /// Anything else that the API server is sure of.
    Other,
}

/// What a machine wants.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Next {
    /// To be told the answer to this.
    Ask(Ask),
    /// Nothing more.
    End(Outcome),
}

/// How a write ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It is stored.
    Stored,
    /// Somebody else uses the value of this claim.
    Taken(Text),
    /// The object has changed or gone since it was read, or its id can't be used: try again on a fresh one.
    Outdated,
    /// It could not be done; if an answer was lost, it may be stored nevertheless.
    Failed,
}

/// A write of an object whose value is unique, between two calls to the API server.
pub trait Machine {
    /// The next call.
    fn next(&self) -> Next;

    /// Goes on with the answer to it. `patient` is whether a holder that doesn't use its claim is still waited for.
    #[must_use]
    fn told(self, answer: Answer, patient: bool) -> Self;
}

/// The call that keeps a holder from going on; `None` if it can't anyway.
fn fence(id: &Text, holder: Holder, version: Option<Text>) -> Option<Ask> {
    match (holder, version) {
        (Holder::Missing, _) => Some(Ask::Placeholder { id: id.clone() }),
        (Holder::UsesAnother, Some(version)) => Some(Ask::Touch { id: id.clone(), version }),
        (Holder::UsesIt | Holder::UsesAnother | Holder::Placeholder | Holder::Deleting | Holder::Gone, _) => {
            None
        }
    }
}
