//! Reading who is in a team.

use std::sync::Arc;

use super::shard_of;
use crate::api::Membership;

/// The id of a user or team: the name of its object.
pub type Id = Arc<str>;

/// The sorted members of one slice; shared, because slices never change.
pub type SliceMembers = Arc<[Id]>;

/// A team's membership together with the slices that it names, by shard.
#[derive(Clone, Debug, Default)]
pub struct Members {
    membership: Membership,
    slices: Vec<SliceMembers>,
}

impl Members {
    /// Puts a membership and its slices together; `slices` has one entry for each of `membership.slices`, an empty
    /// one where the name is empty.
    pub fn new(membership: Membership, slices: Vec<SliceMembers>) -> Self {
        debug_assert_eq!(membership.slices.len(), slices.len(), "one slice for each name");
        Self { membership, slices }
    }

    /// The membership as the Team has it.
    pub fn membership(&self) -> &Membership {
        &self.membership
    }

    /// The members of one shard's slice.
    pub(super) fn slice(&self, shard: usize) -> &[Id] {
        self.slices.get(shard).map_or(&[], |slice| slice)
    }

    /// Whether `member` is in the team.
    pub fn contains(&self, member: &str) -> bool {
        let Membership { count: _, added, removed, slices: _ } = &self.membership;
        added.iter().any(|it| it == member)
            || (self.in_slice(member) && !removed.iter().any(|it| it == member))
    }

    /// Whether a slice holds `member`, who may have been removed since.
    pub(super) fn in_slice(&self, member: &str) -> bool {
        if self.slices.is_empty() {
            return false;
        }
        let slice = self.slice(shard_of(member, self.slices.len()));
        slice.binary_search_by(|it| it.as_ref().cmp(member)).is_ok()
    }

    /// Every member once, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = Id> {
        let removed: std::collections::HashSet<&str> =
            self.membership.removed.iter().map(String::as_str).collect();
        let held = self.slices.iter().flat_map(|slice| slice.iter());
        held.filter(move |member| !removed.contains(member.as_ref()))
            .cloned()
            .chain(self.membership.added.iter().map(|member| Id::from(member.as_str())))
    }

    /// Who joined and who left between `self` and `new`. The cost follows the difference: slices that both name are
    /// not looked into.
    pub fn difference(&self, new: &Self) -> (Vec<Id>, Vec<Id>) {
        let mut candidates = std::collections::BTreeSet::new();
        for side in [self, new] {
            let Membership { count: _, added, removed, slices: _ } = &side.membership;
            candidates.extend(added.iter().chain(removed).map(|member| Id::from(member.as_str())));
        }
        let same_shards = self.slices.len() == new.slices.len();
        for (side, other) in [(self, new), (new, self)] {
            for (shard, name) in side.membership.slices.iter().enumerate() {
                if !same_shards || other.membership.slices.get(shard) != Some(name) {
                    candidates.extend(side.slice(shard).iter().cloned());
                }
            }
        }
        let changed = candidates.into_iter().filter(|it| self.contains(it) != new.contains(it));
        changed.partition(|it| new.contains(it))
    }
}
