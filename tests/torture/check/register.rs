//! One thing that has one value at a time: a title, a name, being in a group or not.

use std::fmt;

use super::{Event, Kind, Object};

/// A value of somebody who comes once, and goes once.
#[derive(Debug)]
pub struct Register;

/// How it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Standing {
    #[default]
    Unborn,
    Is(String),
    Gone,
}

/// What can be done to it, and what was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegisterOp {
    Create(String),
    Write(String),
    Delete,
    /// A write was answered that there is nobody.
    Missed,
    /// Somebody was there with this value, or nobody was there.
    Read(Option<String>),
    /// Whoever was there had another value.
    ReadOther(String),
}

impl Object for Register {
    type State = Standing;
    type Op = RegisterOp;

    fn kind(op: &RegisterOp) -> Kind {
        match op {
            RegisterOp::Create(_) | RegisterOp::Write(_) | RegisterOp::Delete => Kind::Writes,
            RegisterOp::Missed => Kind::Looks,
            RegisterOp::Read(_) | RegisterOp::ReadOther(_) => Kind::Reads,
        }
    }

    fn apply(state: &Standing, op: &RegisterOp) -> Option<Standing> {
        match (op, state) {
            (RegisterOp::Create(value), Standing::Unborn) | (RegisterOp::Write(value), Standing::Is(_)) => {
                Some(Standing::Is(value.clone()))
            }
            (RegisterOp::Delete, Standing::Is(_)) => Some(Standing::Gone),
            (RegisterOp::Missed | RegisterOp::Read(None), Standing::Unborn | Standing::Gone) => {
                Some(state.clone())
            }
            (RegisterOp::Read(Some(read)), Standing::Is(value)) => (read == value).then(|| state.clone()),
            (RegisterOp::Create(_) | RegisterOp::Missed | RegisterOp::Read(None), Standing::Is(_))
            | (
                RegisterOp::Write(_) | RegisterOp::Delete | RegisterOp::Read(Some(_)),
                Standing::Unborn | Standing::Gone,
            )
            | (RegisterOp::Create(_), Standing::Gone) => None,
            (RegisterOp::ReadOther(read), state) => {
                (*state != Standing::Is(read.clone())).then(|| state.clone())
            }
        }
    }

    /// A value that nobody read was followed by another at once, for all that is known.
    fn leaves_no_trace(op: &RegisterOp, events: &[Event<RegisterOp>]) -> bool {
        let RegisterOp::Write(value) = op else { return false };
        let tells = |event: &Event<RegisterOp>| match &event.op {
            RegisterOp::Read(read) => read.as_ref() == Some(value),
            RegisterOp::ReadOther(_) => true,
            RegisterOp::Create(_) | RegisterOp::Write(_) | RegisterOp::Delete | RegisterOp::Missed => false,
        };
        !events.iter().any(tells)
    }
}

impl fmt::Display for RegisterOp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create(value) => write!(formatter, "create as {value}"),
            Self::Write(value) => write!(formatter, "write {value}"),
            Self::Delete => formatter.write_str("delete"),
            Self::Missed => formatter.write_str("write, and find nobody"),
            Self::Read(Some(value)) => write!(formatter, "read {value}"),
            Self::Read(None) => formatter.write_str("read, and find nobody"),
            Self::ReadOther(value) => write!(formatter, "read who is {value}: not this one"),
        }
    }
}
