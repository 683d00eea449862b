//! Planning a change of members: what the Team says next, and which slices have to be written before.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::{Id, Members, shard::shards_for, shard_of};
use crate::{api::Membership, scim::member::{MemberChange, MemberRef}};

/// `added` and `removed` together may grow this long before they are folded into slices. It bounds what each write
/// of the Team costs (40 bytes an entry).
const MAX_TAIL: usize = 256;

/// What has to be written for a change of members.
#[derive(Debug, Default, PartialEq)]
pub(in crate::store) struct Plan {
    /// What the Team says of its members afterwards; the names of new slices are still empty.
    pub membership: Membership,
    /// New slices by shard, with their sorted members, none of them empty.
    pub slices: BTreeMap<usize, Vec<Id>>,
    /// Names of slices that the Team no longer names.
    pub dropped: Vec<String>,
}

/// Plans `changes`, one after the other, on a team as it is. Changes that change nothing plan nothing.
pub(in crate::store) fn plan(now: &Members, changes: &[MemberChange]) -> Plan {
    let wanted = effective(now, changes);
    if wanted.is_empty() {
        return Plan { membership: now.membership().clone(), ..Plan::default() };
    }
    let mut membership = now.membership().clone();
    let mut tail = Tail::of(&membership);
    for (member, present) in &wanted {
        tail.set(member, *present, now.in_slice(member));
        membership.count += if *present { 1 } else { -1 };
    }
    if tail.len() <= MAX_TAIL {
        tail.put_into(&mut membership);
        return Plan { membership, slices: BTreeMap::new(), dropped: Vec::new() };
    }
    fold(now, membership, &tail)
}

/// Whom a change names as members.
pub(in crate::store) fn joining(change: &MemberChange) -> &[MemberRef] {
    match change {
        MemberChange::Add(members) | MemberChange::ReplaceAll(members) => members,
        MemberChange::Remove(_) | MemberChange::Clear => &[],
    }
}

/// For every member whose presence really changes, whether they are in the team afterwards.
fn effective(now: &Members, changes: &[MemberChange]) -> BTreeMap<Id, bool> {
    let mut wanted: BTreeMap<Id, bool> = BTreeMap::new();
    for change in changes {
        match change {
            MemberChange::Add(members) => {
                wanted.extend(members.iter().map(|member| (Id::from(member.value.as_str()), true)));
            }
            MemberChange::Remove(members) => {
                wanted.extend(members.iter().map(|member| (Id::from(member.as_str()), false)));
            }
            MemberChange::Clear => replace_all(now, &mut wanted, []),
            MemberChange::ReplaceAll(members) => {
                replace_all(now, &mut wanted, members.iter().map(|member| Id::from(member.value.as_str())));
            }
        }
    }
    let lookup: HashSet<Id> = if wanted.len() > MAX_TAIL { now.iter().collect() } else { HashSet::new() };
    let is_member = |id: &Id| if lookup.is_empty() { now.contains(id) } else { lookup.contains(id) };
    wanted.retain(|member, present| is_member(member) != *present);
    wanted
}

fn replace_all(now: &Members, wanted: &mut BTreeMap<Id, bool>, members: impl IntoIterator<Item = Id>) {
    // Members that an earlier change of the same request added are gone again, too.
    wanted.values_mut().for_each(|present| *present = false);
    wanted.extend(now.iter().map(|member| (member, false)));
    wanted.extend(members.into_iter().map(|member| (member, true)));
}

/// `added` and `removed` while they are being changed.
struct Tail {
    added: BTreeSet<Id>,
    removed: BTreeSet<Id>,
}

impl Tail {
    fn of(membership: &Membership) -> Self {
        let ids = |names: &[String]| names.iter().map(|name| Id::from(name.as_str())).collect();
        Self { added: ids(&membership.added), removed: ids(&membership.removed) }
    }

    fn set(&mut self, member: &Id, present: bool, in_slice: bool) {
        match (present, in_slice) {
            (true, true) => self.removed.remove(member),
            (true, false) => self.added.insert(member.clone()),
            (false, true) => self.removed.insert(member.clone()),
            (false, false) => self.added.remove(member),
        };
    }

    fn len(&self) -> usize {
        self.added.len() + self.removed.len()
    }

    fn put_into(self, membership: &mut Membership) {
        membership.added = self.added.iter().map(ToString::to_string).collect();
        membership.removed = self.removed.iter().map(ToString::to_string).collect();
    }
}

/// Folds the tail into new slices: only the shards that it touches, or all of them when their number changes.
fn fold(now: &Members, mut membership: Membership, tail: &Tail) -> Plan {
    let old_shards = membership.slices.len();
    let shards = shards_for(usize::try_from(membership.count).unwrap_or(0), old_shards);
    let mut slices: BTreeMap<usize, BTreeSet<Id>> = BTreeMap::new();
    if shards == old_shards {
        for shard in tail.added.iter().chain(&tail.removed).map(|member| shard_of(member, shards)) {
            slices.entry(shard).or_insert_with(|| now.slice(shard).iter().cloned().collect());
        }
    } else {
        for member in (0..old_shards).flat_map(|shard| now.slice(shard)) {
            slices.entry(shard_of(member, shards)).or_default().insert(member.clone());
        }
    }
    for member in &tail.removed {
        slices.entry(shard_of(member, shards)).or_default().remove(member);
    }
    for member in &tail.added {
        slices.entry(shard_of(member, shards)).or_default().insert(member.clone());
    }
    let dropped = if shards == old_shards {
        slices.keys().filter_map(|shard| membership.slices.get(*shard).cloned()).collect()
    } else {
        std::mem::replace(&mut membership.slices, vec![String::new(); shards])
    };
    for shard in slices.keys() {
        membership.slices[*shard] = String::new();
    }
    membership.added.clear();
    membership.removed.clear();
    Plan {
        membership,
        slices: slices
            .into_iter()
            .filter(|(_, members)| !members.is_empty())
            .map(|(shard, members)| (shard, members.into_iter().collect()))
            .collect(),
        dropped: dropped.into_iter().filter(|name| !name.is_empty()).collect(),
    }
}
