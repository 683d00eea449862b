//! The teams of one tenant in memory: indexes for equality filters, and which teams a member is in.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use kube::ResourceExt;

use super::{differ_in_status_only, index::Index, is_newer};
use crate::{
    api::{Team, TeamSpec},
    scim::fold::fold_case,
    store::{
        membership::{Id, Members, SliceMembers, shared},
        view::TeamView,
    },
};

/// The teams of one tenant that SCIM shows.
#[derive(Debug, Default)]
pub(super) struct Teams {
    by_id: BTreeMap<Id, TeamView>,
    display_names: Index,
    external_ids: Index,
    /// For each member, the teams that name it directly, sorted.
    memberships: HashMap<Id, Vec<Id>>,
}

/// How a team's members changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Moves {
    pub(super) joined: Vec<Id>,
    pub(super) left: Vec<Id>,
}

impl Teams {
    pub(super) fn get(&self, id: &str) -> Option<&TeamView> {
        self.by_id.get(id)
    }

    /// Who is in a team, as of the version that [`Self::get`] shows.
    pub(super) fn members(&self, id: &str) -> Option<&Arc<Members>> {
        self.by_id.get(id).map(TeamView::members)
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &TeamView> {
        self.by_id.values()
    }

    /// The teams that name `member` directly.
    pub(super) fn teams_of(&self, member: &str) -> impl Iterator<Item = &TeamView> {
        self.memberships.get(member).into_iter().flatten().filter_map(|team| self.get(team))
    }

    /// The ids that can match `attribute eq value`, if that attribute is indexed. The filter decides.
    pub(super) fn candidates(&self, attribute: &str, value: &str) -> Option<Vec<Id>> {
        match attribute.to_ascii_lowercase().as_str() {
            "id" => Some(self.by_id.get_key_value(value).map(|(id, _)| id.clone()).into_iter().collect()),
            "displayname" => {
                let folded = fold_case(value);
                Some(self.having(&self.display_names, &folded, |it| fold_case(&it.display_name) == folded))
            }
            "externalid" => {
                Some(self.having(&self.external_ids, value, |it| it.external_id.as_deref() == Some(value)))
            }
            "members" | "members.value" => {
                Some(self.memberships.get(value).into_iter().flatten().cloned().collect())
            }
            _ => None,
        }
    }

    /// Those whom an index has under a value, and who have it.
    fn having(&self, index: &Index, value: &str, has: impl Fn(&TeamSpec) -> bool) -> Vec<Id> {
        let has = |id: &&Id| self.get(id).is_some_and(|team| has(&team.outline().spec));
        index.get(value).iter().filter(has).cloned().collect()
    }

    /// Takes a version of a team in, with the slices that it names, unless a newer one is here. `None` if no more than
    /// the status has changed.
    pub(super) fn put(&mut self, team: Arc<Team>, slices: Vec<SliceMembers>) -> Option<Moves> {
        let id = shared(&team.name_any());
        if let Some(old) = self.by_id.get_mut(&id) {
            if !is_newer(team.as_ref(), old.outline()) {
                return None;
            }
            if differ_in_status_only(team.as_ref(), old.outline()) {
                *old = old.with_status_of(Arc::unwrap_or_clone(team));
                return None;
            }
        }
        let team = TeamView::new(Arc::unwrap_or_clone(team), slices);
        let old = self.by_id.remove(&id);
        if let Some(old) = &old {
            self.index(&id, &old.outline().spec, Index::remove);
        }
        let before = old.map(|old| old.members().clone()).unwrap_or_default();
        let moves = self.move_members(&id, &before, team.members());
        self.index(&id, &team.outline().spec, Index::insert);
        self.by_id.insert(id, team);
        Some(moves)
    }

    /// Forgets a team; gives back who was in it.
    pub(super) fn remove(&mut self, id: &str) -> Option<Moves> {
        let (id, old) = self.by_id.remove_entry(id)?;
        self.index(&id, &old.outline().spec, Index::remove);
        Some(self.move_members(&id, old.members(), &Members::default()))
    }

    fn move_members(&mut self, team: &Id, before: &Members, after: &Members) -> Moves {
        let (joined, left) = before.difference(after);
        for member in &joined {
            let teams = self.memberships.entry(member.clone()).or_default();
            if let Err(place) = teams.binary_search(team) {
                // There are very many of these lists, so none has more room than it needs.
                teams.reserve_exact(1);
                teams.insert(place, team.clone());
            }
        }
        for member in &left {
            if let Some(teams) = self.memberships.get_mut(member) {
                teams.retain(|it| it != team);
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
