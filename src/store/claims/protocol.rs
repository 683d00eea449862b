//! The decisions of the claim protocol, as pure functions: what to do next, given what was read.
//!
//! A claim is an object whose name is derived from the value that must be unique, so the API server lets only one
//! exist. It names its holder. The claim comes before the object that uses the value:
//!
//! - *create*: write the claim (holder = the new id), then create the object under that id.
//! - *rename*: write the claim of the new value, then compare-and-swap the object, then delete the old claim.
//! - *delete*: mark the object as deleted, then delete the claim.
//!
//! Whoever stops in between leaves a claim whose holder doesn't use the value. Another may take it over, but must first
//! make sure that the holder can't go on and use the value after all:
//!
//! - the holder doesn't exist (yet): create a placeholder under its id. The late create then fails.
//! - the holder exists with another value: write to it, so that a rename under way fails its compare-and-swap.
//! - the holder is being deleted: nothing; it never comes back.
//! - the holder was declared by people and is gone: nothing; if they declare it again, they have no claim.
//!
//! And a rename always *writes* the claim, even one that it already holds, before it swaps the object: a taker who read
//! the claim before that write then fails on the claim.

/// What a claim says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// There is none.
    Free,
    /// It names us.
    Ours,
    /// It names somebody else.
    Others,
}

/// What the object is that a claim of somebody else names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
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

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Create the claim. If somebody else was faster, look again.
    Create,
    /// Write our own claim again, expecting the version that was read.
    Refresh,
    /// Make sure that the holder can't go on, by a write to it; then look again.
    Fence,
    /// Wait a moment and look again: the holder may be about to use it.
    Wait,
    /// Write the claim with ourselves as the holder, expecting the version that was read.
    TakeOver,
    /// Give up: the value is in use.
    Taken,
}

/// What to do about a claim before we use its value. `patient` is whether we can still wait for a holder that
/// doesn't use it yet; `fenced` is whether we have just fenced this holder and read the claim before.
pub(super) fn acquire(claim: Claim, holder: Option<Holder>, patient: bool, fenced: bool) -> Step {
    match (claim, holder) {
        (Claim::Free, _) => Step::Create,
        (Claim::Ours, _) => Step::Refresh,
        (Claim::Others, Some(Holder::UsesIt)) => Step::Taken,
        (Claim::Others, Some(Holder::Placeholder | Holder::Deleting | Holder::Gone)) => Step::TakeOver,
        (Claim::Others, Some(Holder::UsesAnother)) if fenced => Step::TakeOver,
        (Claim::Others, Some(Holder::UsesAnother | Holder::Missing)) if patient => Step::Wait,
        (Claim::Others, Some(Holder::UsesAnother | Holder::Missing)) => Step::Fence,
        // The claim was read, and the holder has not been looked at: that is the next thing to do.
        (Claim::Others, None) => Step::Wait,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_in_use_is_never_taken_over() {
        for patient in [true, false] {
            for fenced in [true, false] {
                assert_eq!(acquire(Claim::Others, Some(Holder::UsesIt), patient, fenced), Step::Taken);
            }
        }
    }

    #[test]
    fn nobody_is_taken_over_who_could_still_go_on() {
        assert_eq!(acquire(Claim::Others, Some(Holder::Missing), false, true), Step::Fence);
        assert_eq!(acquire(Claim::Others, Some(Holder::Missing), false, false), Step::Fence);
        assert_eq!(acquire(Claim::Others, Some(Holder::UsesAnother), false, false), Step::Fence);
    }

    #[test]
    fn a_claim_we_hold_is_written_again() {
        assert_eq!(acquire(Claim::Ours, None, true, false), Step::Refresh);
    }
}
