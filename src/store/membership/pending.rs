//! Changes of members that are to be stored together, one after the other.

use std::collections::{BTreeMap, HashSet};

use super::{Id, Members};
use crate::scim::member::{MemberChange, MemberRef};

/// What changes make of a team's members. Each is made on what the ones before it have made.
#[derive(Debug)]
pub struct Pending<'a> {
    now: &'a Members,
    /// The tail as it is stored, to be looked up in.
    added: HashSet<&'a str>,
    removed: HashSet<&'a str>,
    /// Whether those are in the team who have moved so far; who moved there and back is as stored.
    wanted: BTreeMap<Id, bool>,
}

impl<'a> Pending<'a> {
    /// Nothing yet, on a team as it is stored.
    pub fn on(now: &'a Members) -> Self {
        Self {
            now,
            added: now.added().iter().map(AsRef::as_ref).collect(),
            removed: now.removed().iter().map(AsRef::as_ref).collect(),
            wanted: BTreeMap::new(),
        }
    }

    /// Makes one more change. False if it moves nobody.
    pub fn make(&mut self, change: &MemberChange) -> bool {
        match change {
            MemberChange::Add(members) => self.move_all(values(members), true),
            MemberChange::Remove(members) => self.move_all(members.iter().map(String::as_str), false),
            MemberChange::ReplaceAll(members) => self.replace_all(&values(members).collect()),
            MemberChange::Clear => self.replace_all(&HashSet::new()),
        }
    }

    /// The team as it is stored.
    pub(super) fn now(&self) -> &'a Members {
        self.now
    }

    /// For every member whose presence changes in the end, whether they are in the team then.
    pub(in crate::store) fn moves(&self) -> impl Iterator<Item = (&Id, bool)> {
        let moved = self.wanted.iter().filter(|(member, present)| self.is_stored(member) != **present);
        moved.map(|(member, present)| (member, *present))
    }

    fn move_all<'m>(&mut self, members: impl IntoIterator<Item = &'m str>, present: bool) -> bool {
        let mut moved = false;
        for member in members {
            if self.has(member) != present {
                self.wanted.insert(member.into(), present);
                moved = true;
            }
        }
        moved
    }

    fn replace_all(&mut self, members: &HashSet<&str>) -> bool {
        let mut moved = false;
        // Members that an earlier change added are gone again, too.
        for (member, present) in &mut self.wanted {
            if *present && !members.contains(member.as_ref()) {
                (*present, moved) = (false, true);
            }
        }
        for member in self.now.iter().filter(|member| !members.contains(member.as_ref())) {
            self.wanted.entry(member).or_insert_with(|| {
                moved = true;
                false
            });
        }
        self.move_all(members.iter().copied(), true) || moved
    }

    fn has(&self, member: &str) -> bool {
        self.wanted.get(member).copied().unwrap_or_else(|| self.is_stored(member))
    }

    fn is_stored(&self, member: &str) -> bool {
        self.added.contains(member) || (self.now.in_slice(member) && !self.removed.contains(member))
    }
}

fn values(members: &[MemberRef]) -> impl Iterator<Item = &str> {
    members.iter().map(|member| member.value.as_str())
}
