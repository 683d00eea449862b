//! The teams of one tenant in memory: indexes for equality filters, and which teams a member is in.

use std::{collections::BTreeMap, sync::Arc};

use kube::ResourceExt;

use super::{differ_in_status_only, index::Index, is_newer, memberships::Memberships};
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
    memberships: Memberships,
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

    /// The teams that name `member` directly, in no particular order.
    pub(super) fn teams_of(&self, member: &str) -> impl Iterator<Item = &TeamView> {
        self.memberships.teams_of(member).filter_map(|team| self.get(team))
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
                let mut teams: Vec<Id> = self.memberships.teams_of(value).cloned().collect();
                teams.sort_unstable();
                Some(teams)
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
        let moves = self.move_members(&id, old.members(), &Members::default());
        self.memberships.forget(&id);
        Some(moves)
    }

    fn move_members(&mut self, team: &Id, before: &Members, after: &Members) -> Moves {
        let (joined, left) = before.difference(after);
        self.memberships.join(team, &joined);
        self.memberships.leave(team, &left);
        Moves { joined, left }
    }

    fn index(&mut self, id: &Id, spec: &TeamSpec, change: impl Fn(&mut Index, &str, &Id)) {
        change(&mut self.display_names, &fold_case(&spec.display_name), id);
        if let Some(external_id) = &spec.external_id {
            change(&mut self.external_ids, external_id, id);
        }
    }
}
