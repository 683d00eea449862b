//! A few names and who has them: each one person at most.
//!
//! Only writes are in such a history. What reads show of a name is in the histories of those who have it.

use std::{collections::BTreeMap, fmt};

use super::{Event, Kind, Object};

/// Who has which name.
#[derive(Debug)]
pub struct Ownership;

/// What can be done to names, and what was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamesOp {
    Create {
        who: String,
        name: String,
    },
    Rename {
        who: String,
        name: String,
    },
    Delete {
        who: String,
    },
    /// A write was refused, as somebody else has the name.
    Taken {
        who: String,
        name: String,
    },
}

impl Object for Ownership {
    /// The owner of each name.
    type State = BTreeMap<String, String>;
    type Op = NamesOp;

    fn kind(op: &NamesOp) -> Kind {
        match op {
            NamesOp::Create { .. } | NamesOp::Rename { .. } | NamesOp::Delete { .. } => Kind::Writes,
            NamesOp::Taken { .. } => Kind::Looks,
        }
    }

    fn apply(owners: &Self::State, op: &NamesOp) -> Option<Self::State> {
        let is_there = |who: &String| owners.values().any(|owner| owner == who);
        let others = |name: &String, who: &String| owners.get(name).is_some_and(|owner| owner != who);
        let without =
            |who: &String| owners.clone().into_iter().filter(move |(_, owner)| owner != who).collect();
        match op {
            NamesOp::Taken { who, name } => others(name, who).then(|| owners.clone()),
            NamesOp::Create { who, name } if is_there(who) || others(name, who) => None,
            NamesOp::Rename { who, name } if !is_there(who) || others(name, who) => None,
            NamesOp::Create { who, name } | NamesOp::Rename { who, name } => {
                let mut after: Self::State = without(who);
                after.insert(name.clone(), who.clone());
                Some(after)
            }
            NamesOp::Delete { who } => is_there(who).then(|| without(who)),
        }
    }

    fn leaves_no_trace(_: &NamesOp, _: &[Event<NamesOp>]) -> bool {
        false
    }
}

impl fmt::Display for NamesOp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create { who, name } => write!(formatter, "create {who} as {name}"),
            Self::Rename { who, name } => write!(formatter, "rename {who} to {name}"),
            Self::Delete { who } => write!(formatter, "delete {who}"),
            Self::Taken { who, name } => {
                write!(formatter, "call {who} {name}: refused, another has that name")
            }
        }
    }
}
