//! Protocols that are nearly right. The checker must see what is wrong with each.

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wrong {
    /// Nothing: what production runs.
    Nothing,
    /// The Team is written whatever version it has.
    TeamWithoutVersion,
    /// The Team is swapped before the slices that it names are written.
    TeamBeforeSlices,
    /// Old slices are deleted before the Team is swapped.
    OldSlicesGoFirst,
    /// Slices keep their names, and change.
    SlicesChange,
    /// A swap whose answer was lost counts as one that did not happen.
    LostMeansRefused,
    /// A slice that nobody names is swept without a write to its team.
    TeamsAreNotTouched,
    /// A slice whose team doesn't exist is swept without a placeholder.
    NoPlaceholder,
    /// A change is acknowledged before all replicas know of it.
    OthersAreNotWaitedFor,
}
