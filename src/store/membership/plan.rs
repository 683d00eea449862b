//! Planning a change of members: what the Team says next, and which slices have to be written before.

use std::collections::{BTreeMap, BTreeSet};

use super::{Id, Members, Pending, SliceMembers, shard::shards_for, shard_of};
use crate::{
    api::Membership,
    scim::member::{MemberChange, MemberRef},
};

/// How large things may become before they are split. Stored teams follow [`Limits::REAL`]; the model checker uses
/// smaller ones, so that a few members meet all cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// `added` and `removed` together may grow this long before they become part of a slice.
    pub tail: usize,
    /// The slice of recent changes may hold this many before they are folded into the shards' slices.
    pub recent: usize,
    /// A slice holds about this many members before the team gets twice as many shards.
    pub slice: usize,
}

impl Limits {
    /// A longer tail costs more at each write of the Team; a shorter one, more slices of recent changes. Fewer recent
    /// changes are more folds, which write nearly all slices.
    pub const REAL: Self = Self { tail: 32, recent: 2_000, slice: 2_000 };
}

/// What has to be written for a change of members.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// What the Team says of its members afterwards; the names of new slices are still empty.
    pub membership: Membership,
    /// New slices by shard, with their sorted members, none of them empty.
    pub slices: BTreeMap<usize, Vec<Id>>,
    /// What a new slice of recent changes holds, if there is to be one.
    pub recent: Option<SliceMembers>,
    /// Names of slices that the Team no longer names.
    pub dropped: Vec<String>,
}

/// Plans `changes`, one after the other, on a team as it is. Changes that change nothing plan nothing.
pub(in crate::store) fn plan(now: &Members, changes: &[MemberChange]) -> Plan {
    plan_within(Limits::REAL, now, changes)
}

/// The same within other limits.
pub fn plan_within(limits: Limits, now: &Members, changes: &[MemberChange]) -> Plan {
    let mut pending = Pending::on(now);
    for change in changes {
        pending.make(change);
    }
    pending.plan(limits)
}

impl Pending<'_> {
    /// What has to be written for all changes together.
    pub fn plan(&self, limits: Limits) -> Plan {
        let now = self.now();
        let mut membership = now.membership();
        let mut tail = Tail::of(now);
        let mut moves = self.moves().peekable();
        if moves.peek().is_none() {
            return Plan { membership, ..Plan::default() };
        }
        for (member, present) in moves {
            tail.set(member, present, now.in_slice(member));
            membership.count += if present { 1 } else { -1 };
        }
        if tail.len() <= limits.tail {
            tail.put_into(&mut membership);
            return Plan { membership, ..Plan::default() };
        }
        membership.added.clear();
        membership.removed.clear();
        let old_recent = std::mem::take(&mut membership.recent);
        let tail = tail.after(now);
        let shards = shards_for(limits.slice, membership.count, membership.slices.len());
        // One slice alone is as soon written anew.
        let is_worth_it = membership.slices.len() > 1 && shards == membership.slices.len();
        let mut plan = if is_worth_it && tail.len() <= limits.recent {
            Plan { membership, recent: tail.stored(), ..Plan::default() }
        } else {
            fold(shards, now, membership, &tail)
        };
        plan.dropped.extend(Some(old_recent).filter(|name| !name.is_empty()));
        plan
    }
}

/// Whom a change names as members.
pub(in crate::store) fn joining(change: &MemberChange) -> &[MemberRef] {
    match change {
        MemberChange::Add(members) | MemberChange::ReplaceAll(members) => members,
        MemberChange::Remove(_) | MemberChange::Clear => &[],
    }
}

/// `added` and `removed` while they are being changed.
struct Tail {
    added: BTreeSet<Id>,
    removed: BTreeSet<Id>,
}

impl Tail {
    fn of(now: &Members) -> Self {
        let ids = |ids: &[Id]| ids.iter().cloned().collect();
        Self { added: ids(now.added()), removed: ids(now.removed()) }
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

    /// What changes the shards' slices into what this makes of them and of the recent changes.
    fn after(self, now: &Members) -> Self {
        let ids = |ids: &[Id]| ids.iter().cloned().collect();
        let SliceMembers { members, removed } = now.recent();
        let mut whole = Self { added: ids(members), removed: ids(removed) };
        for (members, present) in [(&self.added, true), (&self.removed, false)] {
            for member in members {
                whole.set(member, present, now.in_shard(member));
            }
        }
        whole
    }

    /// As a slice of recent changes; none if nothing is left of them.
    fn stored(self) -> Option<SliceMembers> {
        let ids = |ids: BTreeSet<Id>| ids.into_iter().collect();
        (self.len() > 0).then(|| SliceMembers { members: ids(self.added), removed: ids(self.removed) })
    }

    fn put_into(self, membership: &mut Membership) {
        membership.added = self.added.iter().map(ToString::to_string).collect();
        membership.removed = self.removed.iter().map(ToString::to_string).collect();
    }
}

/// Folds a tail into new slices: only the shards that it touches, or all of them when their number changes.
fn fold(shards: usize, now: &Members, mut membership: Membership, tail: &Tail) -> Plan {
    let old_shards = membership.slices.len();
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
    Plan {
        membership,
        slices: slices
            .into_iter()
            .filter(|(_, members)| !members.is_empty())
            .map(|(shard, members)| (shard, members.into_iter().collect()))
            .collect(),
        recent: None,
        dropped: dropped.into_iter().filter(|name| !name.is_empty()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::store::membership::SliceMembers;

    /// Smaller than the real ones, so that few members meet all cases.
    const SMALL: Limits = Limits { tail: 16, recent: 100, slice: 100 };

    /// A team and its stored slices, as the API server would have them.
    struct Stored {
        limits: Limits,
        membership: Membership,
        slices: HashMap<String, SliceMembers>,
        written: usize,
    }

    impl Stored {
        fn nothing(limits: Limits) -> Self {
            Self { limits, membership: Membership::default(), slices: HashMap::new(), written: 0 }
        }

        fn members(&self) -> Members {
            let slices = self.membership.slice_names().map(|name| {
                if name.is_empty() { SliceMembers::default() } else { self.slices[name].clone() }
            });
            Members::new(self.membership.clone(), slices.collect())
        }

        fn write(&mut self, slice: SliceMembers) -> String {
            self.written += 1;
            let name = format!("slice-{}", self.written);
            self.slices.insert(name.clone(), slice);
            name
        }

        /// What the store does with a plan; gives back how many slices it wrote.
        fn change(&mut self, change: &MemberChange) -> usize {
            let before = self.members();
            let Plan { mut membership, slices, recent, dropped } =
                plan_within(self.limits, &before, std::slice::from_ref(change));
            let writes = slices.len() + usize::from(recent.is_some());
            for (shard, members) in slices {
                membership.slices[shard] =
                    self.write(SliceMembers { members: members.into(), ..SliceMembers::default() });
            }
            if let Some(recent) = recent {
                membership.recent = self.write(recent);
            }
            for name in dropped {
                assert!(self.slices.remove(&name).is_some(), "{name} was not there to be dropped");
            }
            self.membership = membership;
            let named = self.membership.slice_names().filter(|name| !name.is_empty()).count();
            assert_eq!(named, self.slices.len(), "every stored slice is named, and the other way round");
            let (joined, left) = before.difference(&self.members());
            let (old, new): (BTreeSet<Id>, BTreeSet<Id>) =
                (before.iter().collect(), self.members().iter().collect());
            assert_eq!(joined.into_iter().collect::<BTreeSet<_>>(), new.difference(&old).cloned().collect());
            assert_eq!(left.into_iter().collect::<BTreeSet<_>>(), old.difference(&new).cloned().collect());
            writes
        }
    }

    fn refs(numbers: impl IntoIterator<Item = u16>) -> Vec<MemberRef> {
        numbers.into_iter().map(|number| MemberRef { value: format!("m{number:05}"), kind: None }).collect()
    }

    fn any_change() -> impl Strategy<Value = MemberChange> {
        let some = || vec(0..600_u16, 0..120);
        prop_oneof![
            4 => vec(0..600_u16, 0..5).prop_map(|it| MemberChange::Add(refs(it))),
            4 => vec(0..600_u16, 0..5).prop_map(|it| MemberChange::Remove(refs(it).into_iter().map(|it| it.value).collect())),
            2 => some().prop_map(|it| MemberChange::Add(refs(it))),
            2 => some().prop_map(|it| MemberChange::Remove(refs(it).into_iter().map(|it| it.value).collect())),
            1 => some().prop_map(|it| MemberChange::ReplaceAll(refs(it))),
            1 => Just(MemberChange::Clear),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_team_has_exactly_the_members_that_its_changes_say(changes in vec(any_change(), 1..40)) {
            let mut stored = Stored::nothing(SMALL);
            let mut model: BTreeSet<String> = BTreeSet::new();
            for change in changes {
                match &change {
                    MemberChange::Add(members) => model.extend(members.iter().map(|it| it.value.clone())),
                    MemberChange::Remove(members) => members.iter().for_each(|it| { model.remove(it); }),
                    MemberChange::ReplaceAll(members) => model = members.iter().map(|it| it.value.clone()).collect(),
                    MemberChange::Clear => model.clear(),
                }
                stored.change(&change);
                let members: Vec<String> = stored.members().iter().map(|it| it.to_string()).collect();
                prop_assert_eq!(members.len(), model.len(), "nobody twice");
                prop_assert_eq!(members.into_iter().collect::<BTreeSet<_>>(), model.clone());
                prop_assert_eq!(stored.membership.count, i64::try_from(model.len()).unwrap());
                prop_assert!(stored.membership.added.len() + stored.membership.removed.len() <= SMALL.tail);
            }
        }
    }

    #[test]
    fn one_more_member_of_a_large_team_writes_no_slice() {
        let mut stored = Stored::nothing(Limits::REAL);
        stored.change(&MemberChange::ReplaceAll(refs(0..50_000)));
        assert_eq!(stored.membership.slices.len(), 32);
        assert_eq!(stored.change(&MemberChange::Add(refs([50_001]))), 0);
        assert_eq!(stored.membership.added, ["m50001"]);
    }

    #[test]
    fn a_change_of_many_members_writes_no_more_slices_than_there_are() {
        let mut stored = Stored::nothing(Limits::REAL);
        stored.change(&MemberChange::ReplaceAll(refs(0..50_000)));
        assert_eq!(stored.change(&MemberChange::Add(refs(50_000..51_000))), 1, "they are recent");
        assert_eq!(stored.change(&MemberChange::Add(refs(51_000..53_000))), 32, "too many to be recent");
        assert!(stored.membership.recent.is_empty());
    }

    #[test]
    fn a_hundred_changes_of_one_member_each_write_few_slices() {
        let mut stored = Stored::nothing(SMALL);
        stored.change(&MemberChange::ReplaceAll(refs(0..700)));
        let writes: usize = (700..800).map(|it| stored.change(&MemberChange::Add(refs([it])))).sum();
        assert_eq!(writes, 100 / (SMALL.tail + 1), "the tail becomes recent whenever it is full");
    }

    #[test]
    fn who_comes_and_goes_leaves_nothing_recent() {
        let mut stored = Stored::nothing(Limits::REAL);
        stored.change(&MemberChange::ReplaceAll(refs(0..50_000)));
        let before = stored.membership.clone();
        stored.change(&MemberChange::Add(refs(50_000..50_100)));
        assert!(!stored.membership.recent.is_empty());
        stored.change(&MemberChange::Remove(refs(50_000..50_100).into_iter().map(|it| it.value).collect()));
        assert_eq!(stored.membership, before);
    }

    #[test]
    fn replacing_all_members_by_nearly_the_same_writes_only_the_difference() {
        let mut stored = Stored::nothing(Limits::REAL);
        stored.change(&MemberChange::ReplaceAll(refs(0..2_000)));
        assert_eq!(stored.change(&MemberChange::ReplaceAll(refs(1..2_001))), 0);
        assert_eq!((stored.membership.added.len(), stored.membership.removed.len()), (1, 1));
    }

    #[test]
    fn a_change_that_changes_nothing_plans_nothing() {
        let mut stored = Stored::nothing(Limits::REAL);
        stored.change(&MemberChange::Add(refs([1, 2])));
        let before = stored.membership.clone();
        stored.change(&MemberChange::Add(refs([2, 1])));
        stored.change(&MemberChange::Remove(vec!["m00009".to_owned()]));
        assert_eq!(stored.membership, before);
    }
}
