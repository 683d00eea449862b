//! PATCH, RFC 7644 section 3.5.2: parsed once, applied all or nothing, and again after a conflict.

mod apply;
mod complex;
mod elements;
mod members;
mod unknown;

use serde_json::{Map, Value};
use std::fmt;

pub use apply::apply;

use super::Document;
use super::coerce::{describe, given_twice};
use super::error::{ScimError, excerpt};
use super::json::{self, Limits};
use super::member::MemberChange;
use super::password::Password;
use super::path::PatchPath;

/// The URN of a PATCH body.
pub const PATCH_URN: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// The body of a PATCH. It can be applied again and again, to replay it on a fresh document.
#[derive(Debug, Clone, PartialEq)]
pub struct PatchRequest {
    pub operations: Vec<Operation>,
}

/// One change. Its `Debug` leaves the value out, which may be a password.
#[derive(Clone, PartialEq)]
pub struct Operation {
    pub op: PatchOp,
    pub path: Option<PatchPath>,
    pub value: Option<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchOp {
    Add,
    Remove,
    Replace,
}

/// What a PATCH made of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Patched {
    pub document: Document,
    pub password: Option<Password>,
    /// A Group's changes of members, in their order; empty for every other resource.
    pub members: Vec<MemberChange>,
}

impl PatchRequest {
    /// Reads the body. Keys and operations are accepted in any case, as Entra ID capitalises them.
    pub fn parse(body: Value, limits: &Limits) -> Result<Self, ScimError> {
        json::check(&body, limits)?;
        let Value::Object(fields) = body else {
            return Err(ScimError::invalid_syntax(format!(
                "the body must be a JSON object with Operations, not {}",
                describe(&body)
            )));
        };
        let operations = match take(fields, ["operations"])? {
            [Some(Value::Array(operations))] => operations,
            [Some(other)] => {
                return Err(ScimError::invalid_syntax(format!(
                    "Operations must be an array, not {}",
                    describe(&other)
                )));
            }
            [None] => return Err(ScimError::invalid_syntax("Operations is missing, it must be an array")),
        };
        if operations.is_empty() {
            return Err(ScimError::invalid_value("Operations is empty, it must hold at least one operation"));
        }
        if operations.len() > limits.operations {
            let (found, most) = (operations.len(), limits.operations);
            return Err(ScimError::too_many(format!("{found} operations, at most {most} are accepted")));
        }
        let parse_one = |(index, operation): (usize, Value)| {
            Operation::parse(operation).map_err(|error| error.within(&format!("operation {}", index + 1)))
        };
        let operations = operations.into_iter().enumerate().map(parse_one).collect::<Result<_, _>>()?;
        Ok(Self { operations })
    }
}

impl Operation {
    fn parse(operation: Value) -> Result<Self, ScimError> {
        let Value::Object(fields) = operation else {
            return Err(ScimError::invalid_syntax(format!(
                "must be an object, not {}",
                describe(&operation)
            )));
        };
        let [op, path, value] = take(fields, ["op", "path", "value"])?;
        let op = match op {
            Some(Value::String(text)) => PatchOp::parse(&text)?,
            Some(other) => {
                return Err(ScimError::invalid_syntax(format!(
                    "op must be a string, not {}",
                    describe(&other)
                )));
            }
            None => {
                return Err(ScimError::invalid_syntax("op is missing, it must be add, remove or replace"));
            }
        };
        let path = match path {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.trim().is_empty() => None,
            Some(Value::String(text)) => Some(PatchPath::parse(&text)?),
            Some(other) => {
                return Err(ScimError::invalid_path(format!(
                    "path must be a string, not {}",
                    describe(&other)
                )));
            }
        };
        // RFC 7644 section 3.5.2.2: "If "path" is unspecified, the operation fails with HTTP status code 400
        // and a "scimType" error code of "noTarget"."
        if op == PatchOp::Remove && path.is_none() {
            return Err(ScimError::no_target("remove needs a path that says what to remove"));
        }
        if op != PatchOp::Remove && value.is_none() {
            return Err(ScimError::invalid_value(format!("{} needs a value", op.as_str())));
        }
        Ok(Self { op, path, value })
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { op, path, value: _ } = self;
        f.debug_struct("Operation").field("op", op).field("path", path).finish_non_exhaustive()
    }
}

impl PatchOp {
    /// RFC 7644 section 3.5.2: "op" is "one of "add", "remove", or "replace"", here in any case.
    fn parse(text: &str) -> Result<Self, ScimError> {
        match text.to_ascii_lowercase().as_str() {
            "add" => Ok(Self::Add),
            "remove" => Ok(Self::Remove),
            "replace" => Ok(Self::Replace),
            _ => Err(ScimError::invalid_value(format!(
                "op must be add, remove or replace, not {}",
                excerpt(text)
            ))),
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Remove => "remove",
            Self::Replace => "replace",
        }
    }
}

/// Takes the fields of these lower-case names, whatever their spelling.
fn take<const N: usize>(
    fields: Map<String, Value>,
    names: [&str; N],
) -> Result<[Option<Value>; N], ScimError> {
    let mut taken = [const { None }; N];
    for (key, value) in fields {
        let Some(index) = names.iter().position(|name| key.eq_ignore_ascii_case(name)) else { continue };
        if taken[index].replace(value).is_some() {
            return Err(given_twice(names[index]));
        }
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::ScimType;
    use serde_json::json;

    #[test]
    fn an_incomplete_request_says_what_it_lacks() {
        for (body, scim_type, part) in [
            (json!([]), ScimType::InvalidSyntax, "an array of 0 values"),
            (json!({}), ScimType::InvalidSyntax, "Operations is missing"),
            (json!({ "Operations": [] }), ScimType::InvalidValue, "Operations is empty"),
            (json!({ "Operations": [1] }), ScimType::InvalidSyntax, "operation 1: must be an object"),
            (
                json!({ "Operations": [{ "path": "a" }] }),
                ScimType::InvalidSyntax,
                "operation 1: op is missing",
            ),
            (json!({ "Operations": [{ "op": "move" }] }), ScimType::InvalidValue, "not \"move\""),
            (json!({ "Operations": [{ "op": "remove" }] }), ScimType::NoTarget, "needs a path"),
            (
                json!({ "Operations": [{ "op": "add", "path": "title" }] }),
                ScimType::InvalidValue,
                "needs a value",
            ),
            (
                json!({ "Operations": [{ "op": "add", "path": 5 }] }),
                ScimType::InvalidPath,
                "path must be a string",
            ),
        ] {
            let error = PatchRequest::parse(body, &Limits::default()).unwrap_err();
            assert_eq!(error.scim_type, Some(scim_type), "{}", error.detail);
            assert!(error.detail.contains(part), "{}", error.detail);
        }
    }

    #[test]
    fn more_operations_than_the_limit_are_too_many() {
        let limits = Limits { operations: 1, ..Limits::default() };
        let operation = json!({ "op": "Replace", "path": "active", "value": false });
        let body = json!({ "operations": [operation, operation] });
        assert_eq!(PatchRequest::parse(body, &limits).unwrap_err().scim_type, Some(ScimType::TooMany));
    }
}
