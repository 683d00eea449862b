//! The right side of a comparison, converted once to the attribute's type, and how values compare with it.

use jiff::Timestamp;
use serde_json::{Map, Value};
use std::cmp::Ordering;

use super::{Literal, Op, Test};
use crate::scim::error::ScimError;
use crate::scim::fold::{fold_case, is_same_folded};
use crate::scim::instant;
use crate::scim::number::Worth;
use crate::scim::path::AttrPath;
use crate::scim::schema::{Attribute, Kind};

/// What a value is compared with.
#[derive(Debug, Clone)]
pub(super) enum Operand {
    Present,
    Absent,
    Exact(Op, String),
    Folded(Op, String),
    Bool(Op, bool),
    Number(Op, Box<Worth>),
    Instant(Op, Timestamp),
}

impl Operand {
    /// Converts the operand to the attribute's type once.
    pub(super) fn new(test: &Test, attribute: &Attribute, path: &AttrPath) -> Result<Self, ScimError> {
        let Test::Compare(op, literal) = test else { return Ok(Self::Present) };
        let op = *op;
        match (op, literal) {
            (Op::Eq, Literal::Null) => return Ok(Self::Absent),
            (Op::Ne, Literal::Null) => return Ok(Self::Present),
            _ => {}
        }
        let wrong =
            |expected: &str| Err(ScimError::invalid_filter(format!("{path} {} {expected}", op.as_str())));
        let ordered = matches!(op, Op::Gt | Op::Ge | Op::Lt | Op::Le);
        match (attribute.kind, literal) {
            // RFC 7644 table 3: "Boolean and Binary attributes SHALL cause a failed response (HTTP status
            // code 400) with "scimType" of "invalidFilter"".
            (Kind::Boolean | Kind::Binary, _) if ordered => {
                wrong("is not defined: the attribute has no order")
            }
            (Kind::Boolean, Literal::Bool(value)) if is_equality(op) => Ok(Self::Bool(op, *value)),
            (Kind::Boolean, Literal::Text(wanted)) if is_equality(op) => {
                match wanted.to_ascii_lowercase().as_str() {
                    // Entra ID sends `roles[primary eq "True"]`.
                    "true" => Ok(Self::Bool(op, true)),
                    "false" => Ok(Self::Bool(op, false)),
                    _ => wrong("takes true or false"),
                }
            }
            (Kind::Boolean, _) => {
                wrong("is not defined: the attribute is a boolean, compare it with eq true or eq false")
            }
            (Kind::Integer | Kind::Decimal, Literal::Number(value)) if is_equality(op) || ordered => {
                Ok(Self::Number(op, Box::new(Worth::of(value))))
            }
            (Kind::Integer | Kind::Decimal, _) => {
                wrong("takes a number, compared with eq, ne, gt, ge, lt or le")
            }
            (Kind::DateTime, Literal::Text(wanted)) if is_equality(op) || ordered => {
                match instant::parse(wanted) {
                    Some(at) => Ok(Self::Instant(op, at)),
                    None => wrong("takes a date and time such as \"2011-05-13T04:42:34Z\""),
                }
            }
            (Kind::String | Kind::Reference | Kind::Binary | Kind::DateTime, Literal::Text(wanted)) => {
                if attribute.case_exact || attribute.kind == Kind::DateTime {
                    Ok(Self::Exact(op, wanted.clone()))
                } else {
                    Ok(Self::Folded(op, fold_case(wanted)))
                }
            }
            (Kind::String | Kind::Reference | Kind::Binary | Kind::DateTime, _) => {
                wrong("takes a string in quotes")
            }
            (Kind::Complex, _) => {
                wrong("is not defined: the attribute is complex, name one of its sub-attributes")
            }
        }
    }

    pub(super) fn holds_without_value(&self) -> bool {
        match self {
            Self::Absent => true,
            Self::Present => false,
            Self::Exact(op, _)
            | Self::Folded(op, _)
            | Self::Bool(op, _)
            | Self::Number(op, _)
            | Self::Instant(op, _) => *op == Op::Ne,
        }
    }

    pub(super) fn holds(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Present, _) => true,
            (Self::Exact(op, wanted), Value::String(found)) => compare_text(*op, found, wanted),
            (Self::Folded(op, wanted), Value::String(found)) => compare_folded(*op, found, wanted),
            (Self::Bool(op, wanted), Value::Bool(found)) => (found == wanted) == (*op == Op::Eq),
            (Self::Number(op, wanted), Value::Number(found)) => {
                ordered(*op, Worth::of(found).cmp(wanted.as_ref()))
            }
            (Self::Instant(op, wanted), Value::String(found)) => {
                instant::parse(found).is_some_and(|found| ordered(*op, found.cmp(wanted)))
            }
            (
                Self::Absent
                | Self::Exact(..)
                | Self::Folded(..)
                | Self::Bool(..)
                | Self::Number(..)
                | Self::Instant(..),
                _,
            ) => false,
        }
    }
}

fn is_equality(op: Op) -> bool {
    matches!(op, Op::Eq | Op::Ne)
}

/// RFC 7644 table 3, `pr`: "If the attribute has a non-empty or non-null value, or if it contains a non-empty
/// node for complex attributes, there is a match."
pub(super) fn is_present(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => is_node_present(fields),
    }
}

fn is_node_present(fields: &Map<String, Value>) -> bool {
    fields.values().any(|field| match field {
        Value::Null => false,
        Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(inner) => !inner.is_empty(),
    })
}

fn compare_folded(op: Op, found: &str, wanted: &str) -> bool {
    // Nearly all comparisons are for equality, and need no new string.
    if op == Op::Eq {
        return is_same_folded(found, wanted);
    }
    compare_text(op, &fold_case(found), wanted)
}

fn compare_text(op: Op, found: &str, wanted: &str) -> bool {
    match op {
        Op::Co => found.contains(wanted),
        Op::Sw => found.starts_with(wanted),
        Op::Ew => found.ends_with(wanted),
        Op::Eq | Op::Ne | Op::Gt | Op::Ge | Op::Lt | Op::Le => ordered(op, found.cmp(wanted)),
    }
}

fn ordered(op: Op, order: Ordering) -> bool {
    match op {
        Op::Eq => order.is_eq(),
        Op::Ne => order.is_ne(),
        Op::Gt => order.is_gt(),
        Op::Ge => order.is_ge(),
        Op::Lt => order.is_lt(),
        Op::Le => order.is_le(),
        Op::Co | Op::Sw | Op::Ew => false,
    }
}
