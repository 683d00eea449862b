//! Changes to attributes that have a single value, and to those that the schema does not know.

use serde_json::{Map, Value};

use super::PatchOp;
use crate::scim::coerce::{coerce, is_blank};
use crate::scim::error::ScimError;
use crate::scim::json::Limits;
use crate::scim::schema::{Attribute, Kind};

/// The new value of an attribute with a single value, or `None` if it has none any more.
pub(super) fn change_single(
    attribute: &Attribute,
    at: &str,
    limits: &Limits,
    op: PatchOp,
    sub: Option<&Attribute>,
    old: Option<Value>,
    value: Option<Value>,
) -> Result<Option<Value>, ScimError> {
    match (op, sub) {
        (PatchOp::Remove, None) => Ok(None),
        (PatchOp::Remove, Some(sub)) => Ok(without(old, &sub.name)),
        (PatchOp::Add | PatchOp::Replace, Some(sub)) => {
            let part = Map::from_iter([(sub.name.clone(), value.unwrap_or_default())]);
            merge(attribute, at, limits, old, Value::Object(part))
        }
        (PatchOp::Add | PatchOp::Replace, None) if attribute.kind == Kind::Complex => {
            merge(attribute, at, limits, old, value.unwrap_or_default())
        }
        (PatchOp::Add | PatchOp::Replace, None) => coerce(attribute, value.unwrap_or_default(), at, limits),
    }
}

/// Sets the sub-attributes that are given and keeps the others.
///
/// RFC 7644 section 3.5.2.3: "Sub-attributes that are not specified in the "value" parameter are left
/// unchanged." What is given as null is removed; a manager whose `value` is given empty is no manager any
/// more, which is how Entra ID removes one.
fn merge(
    attribute: &Attribute,
    at: &str,
    limits: &Limits,
    old: Option<Value>,
    value: Value,
) -> Result<Option<Value>, ScimError> {
    let mut merged = match old {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    let clears_all = match &value {
        Value::Object(fields) => {
            let mut clears_all = false;
            for (key, part) in fields {
                let name = attribute.sub(key).map_or(key.as_str(), |sub| sub.name.as_str());
                if part.is_null() {
                    merged.shift_remove(name);
                }
                clears_all |= name == "value" && is_blank(part);
            }
            clears_all
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => true,
    };
    match coerce(attribute, value, at, limits)? {
        Some(Value::Object(new)) => overwrite(&mut merged, new),
        _ if clears_all => return Ok(None),
        _ => {}
    }
    Ok(if merged.is_empty() { None } else { Some(Value::Object(merged)) })
}

/// Takes over all fields of `new`. A `$ref` that belonged to another `value` goes with it.
pub(super) fn overwrite(object: &mut Map<String, Value>, new: Map<String, Value>) {
    let moved = new.get("value").is_some_and(|value| object.get("value") != Some(value));
    if moved && !new.contains_key("$ref") {
        object.shift_remove("$ref");
    }
    object.extend(new);
}

fn without(old: Option<Value>, name: &str) -> Option<Value> {
    let Some(Value::Object(mut fields)) = old else { return None };
    fields.shift_remove(name);
    if fields.is_empty() { None } else { Some(Value::Object(fields)) }
}

/// A change to something that the schema does not know, kept as it comes: objects are merged, arrays added
/// to, null removes.
pub(super) fn change_raw(fields: &mut Map<String, Value>, key: &str, op: PatchOp, value: Option<Value>) {
    let Some(value) = value.filter(|value| op != PatchOp::Remove && !value.is_null()) else {
        fields.shift_remove(key);
        return;
    };
    match (fields.get_mut(key), value) {
        (Some(Value::Object(old)), Value::Object(new)) => old.extend(new),
        (Some(Value::Array(old)), Value::Array(new)) if op == PatchOp::Add => {
            for item in new {
                if !old.contains(&item) {
                    old.push(item);
                }
            }
        }
        (_, value) => {
            fields.insert(key.to_owned(), value);
        }
    }
}
