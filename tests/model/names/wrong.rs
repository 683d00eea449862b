//! Protocols that are nearly right. The checker must see what is wrong with each.

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wrong {
    /// Nothing: what production runs.
    Nothing,
    /// A claim is taken over from a holder that doesn't exist, although its create may be under way.
    NoPlaceholder,
    /// A claim is taken over from a holder that uses another value, without a write to it.
    HoldersAreNotTouched,
    /// Claims are written whatever version they have.
    ClaimsWithoutVersion,
    /// Objects are written whatever version they have.
    ObjectsWithoutVersion,
    /// A rename doesn't write the claim that its object holds already.
    HeldClaimIsNotWritten,
    /// A delete gives the name up, and marks the object afterwards.
    ClaimGoesBeforeItsObject,
    /// A rename deletes the claim of the old value in whatever version it finds after the swap.
    OldClaimIsReadAfterTheSwap,
    /// A write whose answer was lost counts as one that did not happen.
    LostMeansRefused,
}
