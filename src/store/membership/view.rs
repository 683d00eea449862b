//! Reading who is in a team.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use super::{shard_of, shared};
use crate::api::Membership;

/// The id of a user or team: the name of its object.
pub type Id = Arc<str>;

/// What one slice holds, both sorted; shared, because slices never change.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SliceMembers {
    /// Those who are in the team.
    pub members: Arc<[Id]>,
    /// Those whom another slice holds, but who are no longer in the team.
    pub removed: Arc<[Id]>,
}

/// A team's membership together with the slices that it names, by shard.
#[derive(Clone, Debug, Default)]
pub struct Members {
    count: i64,
    added: Vec<Id>,
    removed: Vec<Id>,
    slice_names: Vec<Id>,
    slices: Vec<SliceMembers>,
    /// The name of the slice of recent changes; empty if there is none.
    recent_name: Id,
    recent: SliceMembers,
}

impl Members {
    /// Puts a membership and its slices together; `slices` has one entry for each of [`Membership::slice_names`], an
    /// empty one where the name is empty.
    pub fn new(membership: Membership, mut slices: Vec<SliceMembers>) -> Self {
        debug_assert_eq!(membership.slice_names().count(), slices.len(), "one slice for each name");
        let Membership { count, added, removed, recent: recent_name, slices: slice_names } = membership;
        let recent = if recent_name.is_empty() { None } else { slices.pop() }.unwrap_or_default();
        let ids = |names: Vec<String>| names.iter().map(|name| shared(name)).collect();
        let slice_names = slice_names.into_iter().map(Id::from).collect();
        let (added, removed, recent_name) = (ids(added), ids(removed), recent_name.into());
        Self { count, added, removed, slice_names, slices, recent_name, recent }
    }

    /// The membership as the Team has it.
    pub fn membership(&self) -> Membership {
        let names = |ids: &[Id]| ids.iter().map(ToString::to_string).collect();
        Membership {
            count: self.count,
            added: names(&self.added),
            removed: names(&self.removed),
            recent: self.recent_name.to_string(),
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

    /// Names of all slices.
    pub(in crate::store) fn slice_names(&self) -> impl Iterator<Item = &Id> {
        self.slice_names.iter().chain([&self.recent_name]).filter(|name| !name.is_empty())
    }

    /// The members of one shard's slice.
    pub(super) fn slice(&self, shard: usize) -> &[Id] {
        self.slices.get(shard).map_or(&[], |slice| &slice.members)
    }

    /// What has changed since the shards' slices were written, but for the tail.
    pub(super) fn recent(&self) -> &SliceMembers {
        &self.recent
    }

    /// Whether `member` is in the team.
    pub fn contains(&self, member: &str) -> bool {
        let names = |ids: &[Id]| ids.iter().any(|it| it.as_ref() == member);
        names(&self.added) || (self.in_slice(member) && !names(&self.removed))
    }

    /// Whether slices have `member` in the team, who may have been removed since.
    pub(super) fn in_slice(&self, member: &str) -> bool {
        holds(&self.recent.members, member) || (self.in_shard(member) && !holds(&self.recent.removed, member))
    }

    /// Whether a shard's slice holds `member`.
    pub(super) fn in_shard(&self, member: &str) -> bool {
        !self.slices.is_empty() && holds(self.slice(shard_of(member, self.slices.len())), member)
    }

    /// Every member once, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = Id> {
        let removed: HashSet<&str> = self.removed.iter().map(AsRef::as_ref).collect();
        let in_shards = self.slices.iter().flat_map(|slice| slice.members.iter());
        let held = in_shards.filter(|member| !holds(&self.recent.removed, member));
        let held = held.chain(self.recent.members.iter());
        held.filter(move |member| !removed.contains(member.as_ref())).chain(&self.added).cloned()
    }

    /// Who joined and who left between `self` and `new`. The cost follows the difference: slices that both name are
    /// not looked into.
    pub fn difference(&self, new: &Self) -> (Vec<Id>, Vec<Id>) {
        let mut candidates = BTreeSet::new();
        for side in [self, new] {
            candidates.extend(side.added.iter().chain(&side.removed).cloned());
        }
        if self.recent_name != new.recent_name {
            for SliceMembers { members, removed } in [&self.recent, &new.recent] {
                candidates.extend(members.iter().chain(removed.iter()).cloned());
            }
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

/// Whether a sorted list has `member`.
fn holds(sorted: &[Id], member: &str) -> bool {
    sorted.binary_search_by(|it| it.as_ref().cmp(member)).is_ok()
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
