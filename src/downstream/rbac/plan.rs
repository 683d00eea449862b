//! What has to be done so that a team has exactly its bindings: pure, from what is granted and what was seen.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use k8s_openapi::api::rbac::v1::Subject;
use sha2::{Digest, Sha256};

use crate::downstream::TeamView;

use super::binding::{Binding, Owner, Place};
use super::observe::Observed;
use super::settings::{Reach, Settings};
use super::subject::Unusable;

/// How many subjects one binding holds. 500 of the longest names stay well below the 1.5 MiB that etcd takes.
const MAX_SUBJECTS: usize = 500;

/// Steps to take, in order, and what could not be planned.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Grants come before revocations, so that nobody loses access in between while subjects move to another binding.
    pub steps: Vec<Step>,
    /// What was left out and why, for people.
    pub problems: Vec<String>,
    /// How many bindings the team has once all steps are taken.
    pub bindings: usize,
}

/// One write.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Make a binding that is not there.
    Create(Binding),
    /// Change the subjects of one that is.
    Replace {
        /// As it was seen.
        seen: Binding,
        /// As it should be, with the metadata of the one that was seen.
        wanted: Binding,
    },
    /// Delete one that grants another role and make it anew, because `roleRef` can't be changed.
    Recreate {
        /// As it was seen.
        seen: Binding,
        /// As it should be.
        wanted: Binding,
    },
    /// Delete one that should not be there.
    Delete(Binding),
}

/// Plans what makes a team have exactly what it is granted.
pub fn plan(settings: &Settings, reach: &Reach, owner: &Owner, team: &TeamView, observed: Observed) -> Plan {
    let shards = Shards::of(settings, team);
    let mut problems = shards.problems();
    problems.extend(blind_spots(&observed));
    let mut wanted = BTreeMap::new();
    for (role, place) in settings.granted(&team.display_name) {
        if let Some(problem) = out_of_reach(place, reach, &observed.unreadable) {
            problems.push(problem);
            continue;
        }
        if observed.unreadable.contains(place) {
            continue;
        }
        for (shard, subjects) in shards.filled() {
            let binding =
                Binding { subjects: subjects.clone(), ..owner.binding(&team.id, role, place, shard) };
            wanted.insert((place.clone(), binding.name().to_owned()), binding);
        }
    }
    let bindings = wanted.len();
    Plan { steps: steps(wanted, observed.bindings), problems, bindings }
}

/// Plans what takes everything away from a team.
pub fn revoke(observed: Observed) -> Plan {
    let problems = blind_spots(&observed);
    let steps = observed.bindings.into_iter().map(Step::Delete).collect();
    Plan { steps, problems, bindings: 0 }
}

/// Compares what is wanted with what is there.
fn steps(mut wanted: BTreeMap<(Place, String), Binding>, observed: Vec<Binding>) -> Vec<Step> {
    let (mut replaces, mut recreates, mut deletes) = (Vec::new(), Vec::new(), Vec::new());
    for seen in observed {
        match wanted.remove(&(seen.place.clone(), seen.name().to_owned())) {
            None => deletes.push(Step::Delete(seen)),
            Some(wanted) if wanted.role != seen.role => recreates.push(Step::Recreate { seen, wanted }),
            Some(wanted) if differs(&seen, &wanted) => {
                let wanted = onto(&seen, wanted);
                replaces.push(Step::Replace { seen, wanted });
            }
            Some(_) => {}
        }
    }
    let creates = wanted.into_values().map(Step::Create);
    creates.chain(replaces).chain(recreates).chain(deletes).collect()
}

/// Whether the subjects are others, in whatever order, or a label of ours is missing.
fn differs(seen: &Binding, wanted: &Binding) -> bool {
    let labelled = wanted.metadata.labels.as_ref().is_none_or(|labels| seen.has_labels(labels));
    !labelled || sorted(seen.subjects.clone()) != wanted.subjects
}

/// The wanted binding as a change of the one that was seen: what others put into its metadata stays, and its
/// `resourceVersion` makes the API server refuse the change if the binding is no longer the one that was seen.
fn onto(seen: &Binding, wanted: Binding) -> Binding {
    let mut metadata = seen.metadata.clone();
    metadata.labels.get_or_insert_default().extend(wanted.metadata.labels.unwrap_or_default());
    metadata.managed_fields = None;
    Binding { metadata, ..wanted }
}

/// Namespaces that could not be looked into. Without knowing what is there, nothing can be called granted or revoked.
fn blind_spots(observed: &Observed) -> Vec<String> {
    let blind = |place: &Place| match place {
        Place::Namespace(namespace) => Some(format!(
            "namespace {namespace} does not exist, or the installation does not let Rollcall bind roles there"
        )),
        // Not being allowed to look there is the usual case, and matters only to a grant that is clusterWide.
        Place::Cluster => None,
    };
    observed.unreadable.iter().filter_map(blind).collect()
}

fn out_of_reach(place: &Place, reach: &Reach, unreadable: &BTreeSet<Place>) -> Option<String> {
    match (place, reach) {
        (Place::Namespace(namespace), Reach::Namespaces(reached)) if !reached.contains(namespace) => {
            Some(format!(
                "the installation does not let Rollcall bind roles in namespace {namespace}: add it to rbac.namespaces"
            ))
        }
        (Place::Cluster, _) if unreadable.contains(place) => Some(
            "the installation does not let Rollcall bind roles in the whole cluster: set rbac.clusterWide"
                .to_owned(),
        ),
        (Place::Cluster | Place::Namespace(_), Reach::Cluster | Reach::Namespaces(_)) => None,
    }
}

/// The subjects of a team, spread over as many bindings as they need. A member's place follows from the hash of
/// their id, so that one member more or less changes one binding of each grant.
struct Shards {
    subjects: Vec<Vec<Subject>>,
    candidates: usize,
    unusable: BTreeMap<Unusable, usize>,
}

impl Shards {
    fn of(settings: &Settings, team: &TeamView) -> Self {
        let mut unusable: BTreeMap<Unusable, usize> = BTreeMap::new();
        let mut hashed: Vec<(u64, Subject)> = Vec::new();
        let members = team.members.iter().map(|member| (hash(&member.id), settings.naming.member(member)));
        for (hash, subject) in std::iter::once((0, settings.naming.team(team))).chain(members) {
            match subject {
                None => {}
                Some(Ok(subject)) => hashed.push((hash, subject)),
                Some(Err(reason)) => *unusable.entry(reason).or_default() += 1,
            }
        }
        let candidates = hashed.len() + unusable.values().sum::<usize>();
        Self { subjects: spread(&hashed), candidates, unusable }
    }

    /// A binding without subjects grants nothing, so there is none.
    fn filled(&self) -> impl Iterator<Item = (usize, &Vec<Subject>)> {
        self.subjects.iter().enumerate().filter(|(_, subjects)| !subjects.is_empty())
    }

    fn problems(&self) -> Vec<String> {
        let of = self.candidates;
        let report =
            |(reason, count): (&Unusable, &usize)| format!("{count} of {of} subjects left out: {reason}");
        self.unusable.iter().map(report).collect()
    }
}

/// Doubles the number of shards until each holds no more than one binding can. A doubling splits every shard in
/// two, of which one keeps its number.
fn spread(hashed: &[(u64, Subject)]) -> Vec<Vec<Subject>> {
    let mut bits = 0;
    loop {
        let mut shards = vec![Vec::new(); 1 << bits];
        for (hash, subject) in hashed {
            let shard = usize::try_from(hash & ((1 << bits) - 1)).unwrap_or_default();
            shards[shard].push(subject.clone());
        }
        // Members may share a name (an e-mail address, say), and 16 bits hold thirty million.
        let shards: Vec<_> = shards.into_iter().map(sorted).collect();
        if bits == 16 || shards.iter().all(|subjects| subjects.len() <= MAX_SUBJECTS) {
            return shards;
        }
        bits += 1;
    }
}

/// Each subject once, in order.
fn sorted(mut subjects: Vec<Subject>) -> Vec<Subject> {
    subjects.sort_by(|a, b| {
        let key = |subject: &Subject| (subject.kind.clone(), subject.namespace.clone(), subject.name.clone());
        key(a).cmp(&key(b))
    });
    subjects.dedup();
    subjects
}

fn hash(id: &str) -> u64 {
    Sha256::digest(id).iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            writeln!(f, "{step}")?;
        }
        self.problems.iter().try_for_each(|problem| writeln!(f, "leave out: {problem}"))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create(wanted) => {
                write!(f, "create {wanted}: {} for {} subjects", wanted.role_name(), wanted.subjects.len())
            }
            Self::Replace { seen, wanted } => {
                write!(f, "replace {seen}: {} subjects become {}", seen.subjects.len(), wanted.subjects.len())
            }
            Self::Recreate { seen, wanted } => {
                write!(f, "recreate {seen}: {} becomes {}", seen.role_name(), wanted.role_name())
            }
            Self::Delete(seen) => write!(f, "delete {seen}: {}", seen.role_name()),
        }
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
