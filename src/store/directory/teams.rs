//! The teams of one tenant in memory: indexes for equality filters, and which teams a member is in.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use kube::ResourceExt;

use super::{differ_in_status_only, index::Index, is_newer};
use crate::{
    api::{Team, TeamSpec},
    scim::fold::fold_case,
    store::{
        membership::{Id, Members, SliceMembers},
        view::TeamView,
    },
};

/// The teams of one tenant that SCIM shows.
#[derive(Debug, Default)]
pub(super) struct Teams {
    by_id: BTreeMap<Id, Entry>,
    display_names: Index,
    external_ids: Index,
    /// For each member, the teams that name it directly.
    memberships: HashMap<Id, BTreeSet<Id>>,
}

#[derive(Debug)]
struct Entry {
    view: TeamView,
    members: Arc<Members>,
}

/// How a team's members changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Moves {
    pub(super) joined: Vec<Id>,
    pub(super) left: Vec<Id>,
}

impl Teams {
    pub(super) fn get(&self, id: &str) -> Option<&TeamView> {
        self.by_id.get(id).map(|entry| &entry.view)
    }

    /// Who is in a team, as of the version that [`Self::get`] shows.
    pub(super) fn members(&self, id: &str) -> Option<&Arc<Members>> {
        self.by_id.get(id).map(|entry| &entry.members)
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &TeamView> {
        self.by_id.values().map(|entry| &entry.view)
    }

    /// The teams that name `member` directly.
    pub(super) fn teams_of(&self, member: &str) -> impl Iterator<Item = &TeamView> {
        self.memberships.get(member).into_iter().flatten().filter_map(|team| self.get(team))
    }

    /// The ids that can match `attribute eq value`, if that attribute is indexed. The filter decides.
    pub(super) fn candidates(&self, attribute: &str, value: &str) -> Option<Vec<Id>> {
        match attribute.to_ascii_lowercase().as_str() {
            "id" => Some(self.by_id.get_key_value(value).map(|(id, _)| id.clone()).into_iter().collect()),
            "displayname" => Some(self.display_names.get(&fold_case(value)).to_vec()),
            "externalid" => Some(self.external_ids.get(value).to_vec()),
            "members" | "members.value" => {
                Some(self.memberships.get(value).into_iter().flatten().cloned().collect())
            }
            _ => None,
        }
    }

    /// Takes a version of a team in, with the slices that it names, unless a newer one is here. `None` if no more than
    /// the status has changed.
    pub(super) fn put(&mut self, team: Arc<Team>, slices: Vec<SliceMembers>) -> Option<Moves> {
        let id: Id = team.name_any().into();
        if let Some(old) = self.by_id.get_mut(&id) {
            if !is_newer(team.as_ref(), old.view.object()) {
                return None;
            }
            if differ_in_status_only(team.as_ref(), old.view.object()) {
                old.view = TeamView(team);
                return None;
            }
        }
        let members = Arc::new(Members::new(team.spec.membership.clone(), slices));
        let old = self.by_id.remove(&id);
        if let Some(old) = &old {
            self.index(&id, &old.view.object().spec, |index, value, id| index.remove(value, id));
        }
        let before = old.map(|entry| entry.members).unwrap_or_default();
        let moves = self.move_members(&id, &before, &members);
        self.index(&id, &team.spec, super::index::Index::insert);
        self.by_id.insert(id, Entry { view: TeamView(team), members });
        Some(moves)
    }

    /// Forgets a team; gives back who was in it.
    pub(super) fn remove(&mut self, id: &str) -> Option<Moves> {
        let (id, old) = self.by_id.remove_entry(id)?;
        self.index(&id, &old.view.object().spec, |index, value, id| index.remove(value, id));
        Some(self.move_members(&id, &old.members, &Members::default()))
    }

    fn move_members(&mut self, team: &Id, before: &Members, after: &Members) -> Moves {
        let (joined, left) = before.difference(after);
        for member in &joined {
            self.memberships.entry(member.clone()).or_default().insert(team.clone());
        }
        for member in &left {
            if let Some(teams) = self.memberships.get_mut(member) {
                teams.remove(team);
                if teams.is_empty() {
                    self.memberships.remove(member);
                }
            }
        }
        Moves { joined, left }
    }

    fn index(&mut self, id: &Id, spec: &TeamSpec, change: impl Fn(&mut Index, &str, &Id)) {
        change(&mut self.display_names, &fold_case(&spec.display_name), id);
        if let Some(external_id) = &spec.external_id {
            change(&mut self.external_ids, external_id, id);
        }
    }
}
