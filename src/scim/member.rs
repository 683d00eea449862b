//! Members of a group, which travel beside the document because there may be very many.

use serde_json::Value;
use std::collections::HashSet;

use super::error::{ScimError, excerpt};
use super::json::Limits;

/// One member that a client named.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MemberRef {
    /// The `id` of a user or group; not checked to exist.
    pub value: String,
    /// What the client said it is; `None` if it did not say.
    pub kind: Option<MemberKind>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MemberKind {
    User,
    Group,
}

/// One step of a PATCH on members. Steps are to be done in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberChange {
    /// Add those that are not members yet.
    Add(Vec<MemberRef>),
    /// Remove these ids; one that is no member is no error.
    Remove(Vec<String>),
    /// These are the members now, and nobody else.
    ReplaceAll(Vec<MemberRef>),
    /// Nobody is a member.
    Clear,
}

impl MemberKind {
    fn parse(text: &str) -> Option<Self> {
        match text {
            _ if text.eq_ignore_ascii_case("User") => Some(Self::User),
            _ if text.eq_ignore_ascii_case("Group") => Some(Self::Group),
            _ => None,
        }
    }
}

/// Reads a list of members: an array, or a single one; each an object with `value`, or a plain id.
/// A member that is named twice counts once.
pub(crate) fn parse(value: &Value, limits: &Limits) -> Result<Vec<MemberRef>, ScimError> {
    let items = match value {
        Value::Null => &[],
        Value::Array(items) => items.as_slice(),
        single @ (Value::Object(_) | Value::String(_) | Value::Bool(_) | Value::Number(_)) => {
            std::slice::from_ref(single)
        }
    };
    if items.len() > limits.members {
        let most = limits.members;
        return Err(ScimError::too_many(format!(
            "members has {} values, at most {most} are accepted in one request",
            items.len()
        )));
    }
    let mut seen = HashSet::with_capacity(items.len());
    let mut members = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let (value, kind) = parse_one(item).map_err(|error| error.within(&format!("members[{index}]")))?;
        if seen.insert(value) {
            members.push(MemberRef { value: value.to_owned(), kind });
        }
    }
    Ok(members)
}

fn parse_one(item: &Value) -> Result<(&str, Option<MemberKind>), ScimError> {
    let (mut value, mut kind, mut reference) = (None, None, None);
    match item {
        Value::String(id) => value = Some(id.as_str()),
        Value::Object(fields) => {
            for (key, field) in fields {
                match (key.to_ascii_lowercase().as_str(), field) {
                    ("value", Value::String(id)) => value = Some(id.as_str()),
                    ("value", Value::Null) => {}
                    ("value", _) => return Err(ScimError::invalid_value("value must be a string")),
                    ("type", Value::String(text)) => kind = Some(parse_kind(text)?),
                    ("$ref", Value::String(uri)) => reference = Some(uri.as_str()),
                    // The rest is ours to compute, such as display.
                    _ => {}
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
            return Err(ScimError::invalid_value("a member must be an object with the id as its value"));
        }
    }
    match value {
        Some(value) if !value.is_empty() => Ok((value, kind.or_else(|| kind_of_reference(reference)))),
        _ => Err(ScimError::invalid_value("value is missing, it must be the id of a user or group")),
    }
}

fn parse_kind(text: &str) -> Result<MemberKind, ScimError> {
    MemberKind::parse(text).ok_or_else(|| {
        ScimError::invalid_value(format!("type must be \"User\" or \"Group\", not {}", excerpt(text)))
    })
}

/// A `$ref` such as `https://example.com/v2/Groups/2819c223` tells the kind by its last but one segment.
fn kind_of_reference(reference: Option<&str>) -> Option<MemberKind> {
    match reference?.rsplit('/').nth(1)? {
        "Users" => Some(MemberKind::User),
        "Groups" => Some(MemberKind::Group),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn members_are_read_in_every_shape_clients_send() {
        let value = json!([
            { "value": "a", "display": "Ada" },
            { "Value": "b", "type": "user" },
            { "value": "c", "$ref": "https://x/Groups/c" },
            { "$ref": null, "value": "a" },
            "d"
        ]);
        let members = parse(&value, &Limits::default()).unwrap();
        let kinds: Vec<_> = members.iter().map(|member| (member.value.as_str(), member.kind)).collect();
        assert_eq!(
            kinds,
            [("a", None), ("b", Some(MemberKind::User)), ("c", Some(MemberKind::Group)), ("d", None)]
        );
    }

    #[test]
    fn a_member_without_an_id_is_named_by_its_index() {
        let error = parse(&json!([{ "value": "a" }, { "display": "x" }]), &Limits::default()).unwrap_err();
        assert_eq!(error.detail, "members[1]: value is missing, it must be the id of a user or group");
    }
}
