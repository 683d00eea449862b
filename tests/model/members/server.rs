//! As much of an API server as the membership protocol sees: one Team, its slices, compare-and-swap.

use std::{collections::BTreeMap, sync::Arc};

use rollcall::{
    api::Membership,
    scim::member::{MemberChange, MemberRef},
    store::{
        claims::protocol::{Answer, Ask, Holder, Refusal, Text},
        membership::{Id, Limits, Members, Plan, SliceMembers, plan_within},
    },
};

use super::wrong::Wrong;
use crate::check::Known;

/// Members of a set, as bits.
pub type Set = u8;

/// How many members there are. They meet tails, recent changes, folds and several shards within these limits.
pub const MEMBERS: u8 = 3;
const LIMITS: Limits = Limits { tail: 1, recent: 2, slice: 1 };

/// The name of a slice; zero is none.
pub type Slice = u8;

/// A Team, as far as members are concerned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Team {
    pub version: u8,
    pub added: Set,
    pub removed: Set,
    pub recent: Slice,
    pub slices: Vec<Slice>,
}

/// What a slice holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Held {
    members: Set,
    removed: Set,
}

/// What has the Team's name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Object {
    Nothing,
    Placeholder,
    Team(Team),
}

/// The stored state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Server {
    pub object: Object,
    pub slices: BTreeMap<Slice, Held>,
}

/// What a request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    Add(Set),
    Remove(Set),
    Replace(Set),
}

/// A call that production makes for a `Commit` step, or a sweeper's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    CreateSlice(Slice, Held),
    /// Expecting this version; zero creates it.
    PutTeam(u8, Team),
    DeleteSlice(Slice),
    Sweep(Ask),
}

/// A planned change: the next Team, its new slices, and those that it names no more.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Planned {
    pub team: Team,
    pub new: Vec<(Slice, Held)>,
    pub old: Vec<Slice>,
}

impl Change {
    /// What it means, whatever is stored how.
    pub fn apply(self, members: Set) -> Set {
        match self {
            Self::Add(set) => members | set,
            Self::Remove(set) => members & !set,
            Self::Replace(set) => set,
        }
    }

    fn request(self) -> MemberChange {
        let named = |set| ids(set).into_iter().map(|value| MemberRef { value, kind: None }).collect();
        match self {
            Self::Add(set) => MemberChange::Add(named(set)),
            Self::Remove(set) => MemberChange::Remove(ids(set)),
            Self::Replace(0) => MemberChange::Clear,
            Self::Replace(set) => MemberChange::ReplaceAll(named(set)),
        }
    }
}

impl Server {
    /// A version of the Team with its slices; `None` if one of them is gone.
    pub fn load(&self, team: &Team) -> Option<Members> {
        let recent = Some(team.recent).filter(|name| *name != 0);
        let held = team.slices.iter().copied().chain(recent).map(|name| match name {
            0 => Some(Held::default()),
            name => self.slices.get(&name).copied(),
        });
        let held = held.collect::<Option<Vec<_>>>()?;
        let count: i64 = held.iter().map(|it| size(it.members) - size(it.removed)).sum();
        let shared = |set: Set| ids(set).into_iter().map(Id::from).collect::<Arc<[Id]>>();
        let slices = held
            .into_iter()
            .map(|it| SliceMembers { members: shared(it.members), removed: shared(it.removed) })
            .collect();
        let membership = Membership {
            count: count + size(team.added) - size(team.removed),
            added: ids(team.added),
            removed: ids(team.removed),
            recent: name(team.recent),
            slices: team.slices.iter().copied().map(name).collect(),
        };
        Some(Members::new(membership, slices))
    }

    /// Who is in the Team; `None` if that can't be read any more.
    pub fn members(&self) -> Option<Set> {
        static KNOWN: Known<Server, Option<Set>> = Known::nothing();
        KNOWN.or_find_out(self, Self::read_members)
    }

    fn read_members(&self) -> Option<Set> {
        match &self.object {
            Object::Team(team) => Some(set(self.load(team)?.iter().map(|id| id.to_string()))),
            Object::Nothing | Object::Placeholder => Some(0),
        }
    }

    /// The slices that the Team names.
    pub fn named(&self) -> Vec<Slice> {
        let Object::Team(team) = &self.object else { return Vec::new() };
        team.slices.iter().copied().chain([team.recent]).filter(|name| *name != 0).collect()
    }

    /// Does a call.
    pub fn call(&mut self, call: &Call, wrong: Wrong) -> Answer {
        match call {
            Call::CreateSlice(name, set) => {
                self.slices.insert(*name, *set);
                stored()
            }
            Call::PutTeam(seen, team) => {
                let fits = match &self.object {
                    Object::Nothing => *seen == 0,
                    Object::Placeholder => false,
                    Object::Team(now) => {
                        now.version == *seen || (*seen > 0 && wrong == Wrong::TeamWithoutVersion)
                    }
                };
                if !fits {
                    return Answer::Refused(if *seen == 0 { Refusal::Exists } else { Refusal::Outdated });
                }
                let version = self.version() + 1;
                self.object = Object::Team(Team { version, ..team.clone() });
                stored()
            }
            Call::DeleteSlice(name) => match self.slices.remove(name) {
                Some(_) => stored(),
                None => Answer::Refused(Refusal::Outdated),
            },
            Call::Sweep(ask) => self.sweep(ask, wrong),
        }
    }

    fn sweep(&mut self, ask: &Ask, wrong: Wrong) -> Answer {
        match (ask, &mut self.object) {
            (Ask::Holder { id: _, claim }, object) => {
                let slice: Slice = claim.parse().unwrap();
                let holder = match object {
                    Object::Nothing if wrong == Wrong::NoPlaceholder => Holder::Gone,
                    Object::Nothing => Holder::Missing,
                    Object::Placeholder => Holder::Placeholder,
                    Object::Team(team) if team.recent == slice || team.slices.contains(&slice) => {
                        Holder::UsesIt
                    }
                    Object::Team(_) => Holder::UsesAnother,
                };
                Answer::Holder(holder, Some(self.version().to_string().into()))
            }
            (Ask::Placeholder { .. }, object @ Object::Nothing) => {
                *object = Object::Placeholder;
                stored()
            }
            (Ask::Placeholder { .. }, _) => Answer::Refused(Refusal::Exists),
            (Ask::Touch { version, .. }, Object::Team(team)) if *version == text(team.version) => {
                if wrong != Wrong::TeamsAreNotTouched {
                    team.version += 1;
                }
                stored()
            }
            (Ask::DeleteClaim { claim, .. }, _) => {
                self.call(&Call::DeleteSlice(claim.parse().unwrap()), wrong)
            }
            (_, _) => Answer::Refused(Refusal::Outdated),
        }
    }

    fn version(&self) -> u8 {
        match &self.object {
            Object::Team(team) => team.version,
            Object::Nothing | Object::Placeholder => 0,
        }
    }
}

/// Plans a change as production does; new slices get names from `next` on. `None` if it changes nothing.
pub fn plan(now: &Members, change: Change, next: Slice, wrong: Wrong) -> Option<Planned> {
    let Plan { membership, slices, recent, dropped } = plan_within(LIMITS, now, &[change.request()]);
    if recent.is_none() && membership == now.membership() {
        return None;
    }
    let number = |name: &String| if name.is_empty() { 0 } else { name.parse().unwrap() };
    let before = now.membership();
    let Membership { count: _, added, removed, recent: kept, slices: names } = membership;
    let mut names: Vec<Slice> = names.iter().map(number).collect();
    let mut new = Vec::new();
    let mut write = |before: Option<&String>, members: &[Id], removed: &[Id]| {
        let reused = before.map(number).filter(|it| *it != 0 && wrong == Wrong::SlicesChange);
        let name = reused.unwrap_or(next + new.len() as Slice);
        let set = |ids: &[Id]| set(ids.iter().map(ToString::to_string));
        new.push((name, Held { members: set(members), removed: set(removed) }));
        name
    };
    for (shard, members) in slices {
        names[shard] = write(before.slices.get(shard), &members, &[]);
    }
    let recent = match recent {
        Some(SliceMembers { members, removed }) => write(Some(&before.recent), &members, &removed),
        None => number(&kept),
    };
    let old = dropped.iter().map(number).filter(|it| *it != recent && !names.contains(it)).collect();
    let team = Team { version: 0, added: set(added), removed: set(removed), recent, slices: names };
    Some(Planned { team, new, old })
}

pub fn text(number: u8) -> Text {
    number.to_string().into()
}

fn stored() -> Answer {
    Answer::Stored(Text::default())
}

fn size(set: Set) -> i64 {
    set.count_ones().into()
}

fn name(slice: Slice) -> String {
    if slice == 0 { String::new() } else { slice.to_string() }
}

fn ids(set: Set) -> Vec<String> {
    (0..MEMBERS).filter(|member| set & (1 << member) != 0).map(|member| format!("m{member}")).collect()
}

fn set(ids: impl IntoIterator<Item = String>) -> Set {
    ids.into_iter().fold(0, |set, id| set | 1 << id[1..].parse::<u8>().unwrap())
}
