//! Reading who is in a team.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use super::{shard_of, shared};
use crate::api::Membership;

/// The id of a user or team: the name of its object.
pub type Id = Arc<str>;

/// The sorted members of one slice; shared, because slices never change.
pub type SliceMembers = Arc<[Id]>;

/// A team's membership together with the slices that it names, by shard.
#[derive(Clone, Debug, Default)]
pub struct Members {
    count: i64,
    added: Vec<Id>,
    removed: Vec<Id>,
    slice_names: Vec<Id>,
    slices: Vec<SliceMembers>,
}

impl Members {
    /// Puts a membership and its slices together; `slices` has one entry for each of `membership.slices`, an empty
    /// one where the name is empty.
    pub fn new(membership: Membership, slices: Vec<SliceMembers>) -> Self {
        let Membership { count, added, removed, slices: slice_names } = membership;
        debug_assert_eq!(slice_names.len(), slices.len(), "one slice for each name");
        let ids = |names: Vec<String>| names.iter().map(|name| shared(name)).collect();
        let slice_names = slice_names.into_iter().map(Id::from).collect();
        Self { count, added: ids(added), removed: ids(removed), slice_names, slices }
    }

    /// The membership as the Team has it.
    pub fn membership(&self) -> Membership {
        let names = |ids: &[Id]| ids.iter().map(ToString::to_string).collect();
        Membership {
            count: self.count,
            added: names(&self.added),
            removed: names(&self.removed),
            slices: names(&self.slice_names),
        }
    }

    /// How many members there are.
    pub(in crate::store) fn count(&self) -> usize {
        usize::try_from(self.count).unwrap_or(0)
    }

    /// Members that no slice holds (yet).
    pub(super) fn added(&self) -> &[Id] {
        &self.added
    }

    /// Those whom a slice still holds, but who are no longer in the team.
    pub(super) fn removed(&self) -> &[Id] {
        &self.removed
    }

    /// Names of the slices, by shard.
    pub(in crate::store) fn slice_names(&self) -> &[Id] {
        &self.slice_names
    }

    /// The members of one shard's slice.
    pub(super) fn slice(&self, shard: usize) -> &[Id] {
        self.slices.get(shard).map_or(&[], |slice| slice)
    }

    /// Whether `member` is in the team.
    pub fn contains(&self, member: &str) -> bool {
        let names = |ids: &[Id]| ids.iter().any(|it| it.as_ref() == member);
        names(&self.added) || (self.in_slice(member) && !names(&self.removed))
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
        let removed: HashSet<&str> = self.removed.iter().map(AsRef::as_ref).collect();
        let held = self.slices.iter().flat_map(|slice| slice.iter());
        held.filter(move |member| !removed.contains(member.as_ref())).chain(&self.added).cloned()
    }

    /// Who joined and who left between `self` and `new`. The cost follows the difference: slices that both name are
    /// not looked into.
    pub fn difference(&self, new: &Self) -> (Vec<Id>, Vec<Id>) {
        let mut candidates = BTreeSet::new();
        for side in [self, new] {
            candidates.extend(side.added.iter().chain(&side.removed).cloned());
        }
        let same_shards = self.slices.len() == new.slices.len();
        for (side, other) in [(self, new), (new, self)] {
            for (shard, name) in side.slice_names.iter().enumerate() {
                if !same_shards || other.slice_names.get(shard) != Some(name) {
                    candidates.extend(side.slice(shard).iter().cloned());
                }
            }
        }
        let (before, after) = (Lookup::of(self), Lookup::of(new));
        let changed = candidates.into_iter().filter(|it| before.contains(it) != after.contains(it));
        changed.partition(|it| after.contains(it))
    }
}

/// The same as [`Members::contains`], for asking about many: looking through `added` for each who was added would take
/// the square of their number.
struct Lookup<'a> {
    members: &'a Members,
    added: HashSet<&'a str>,
    removed: HashSet<&'a str>,
}

impl<'a> Lookup<'a> {
    fn of(members: &'a Members) -> Self {
        let set = |ids: &'a [Id]| ids.iter().map(AsRef::as_ref).collect();
        Self { members, added: set(&members.added), removed: set(&members.removed) }
    }

    fn contains(&self, member: &str) -> bool {
        self.added.contains(member) || (self.members.in_slice(member) && !self.removed.contains(member))
    }
}
