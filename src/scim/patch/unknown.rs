//! Changes to what no schema knows: attributes and extensions of the client's own, and misspelled names.

use serde_json::{Map, Value};

use super::PatchOp;
use super::complex::change_raw;
use crate::scim::Document;
use crate::scim::coerce::describe;
use crate::scim::error::ScimError;
use crate::scim::path::PatchPath;
use crate::scim::schema::ResourceSchema;

/// A path that the schema does not know. It may still name what the client itself put into the document,
/// or a part of an extension that only the client knows; all else is most likely a misspelling.
pub(super) fn change_unknown(
    document: &mut Document,
    schema: &ResourceSchema,
    op: PatchOp,
    path: &PatchPath,
    value: Option<Value>,
) -> Result<(), ScimError> {
    let attribute = &path.attribute;
    let existing =
        |document: &Document, name: &str| document.keys().find(|key| key.eq_ignore_ascii_case(name)).cloned();
    let refuse = || {
        Err(ScimError::invalid_path(format!(
            "{attribute} is no attribute of {}; see /Schemas for those that are",
            schema.name
        )))
    };
    if path.filter.is_some() || schema.core.is(&attribute.to_string()) {
        return refuse();
    }
    let known = existing(document, &attribute.to_string());
    let is_extension = known.as_ref().and_then(|key| document.get(key)).is_some_and(Value::is_object);
    // The URN of an extension ends in what it extends, as those of RFC 7643 do.
    let is_named_so = attribute.sub.is_none() && attribute.name == schema.name;
    if let Some(other) = value.as_ref().filter(|value| !value.is_object() && !value.is_null())
        && op != PatchOp::Remove
        && attribute.urn.is_some()
        && (is_extension || is_named_so)
    {
        let came = describe(other);
        return Err(ScimError::invalid_value(format!(
            "{attribute} must be an object of attributes, not {came}"
        )));
    }
    if known.is_some() || (attribute.urn.is_some() && is_named_so) {
        change_raw(document, &known.unwrap_or_else(|| attribute.to_string()), op, value);
        return Ok(());
    }
    let (holder, name) = match (&attribute.urn, &attribute.sub) {
        (Some(urn), None) if !schema.core.is(urn) && schema.extension(urn).is_none() => {
            (existing(document, urn).unwrap_or_else(|| urn.clone()), &attribute.name)
        }
        (None, Some(sub)) => match existing(document, &attribute.name) {
            Some(key) => (key, sub),
            None => return refuse(),
        },
        _ => return refuse(),
    };
    if op == PatchOp::Remove && !document.contains_key(&holder) {
        return Ok(());
    }
    match document.entry(holder).or_insert_with(|| Value::Object(Map::new())) {
        Value::Object(fields) => {
            change_raw(fields, name, op, value);
            Ok(())
        }
        _ => refuse(),
    }
}

/// Whether a key, in an object of attributes, is one that the client has made up: a name that nothing here begins with,
/// or an extension as a whole.
pub(super) fn is_own(path: &PatchPath, schema: &ResourceSchema, value: &Value) -> bool {
    let attribute = &path.attribute;
    match attribute.urn {
        Some(_) => path.filter.is_none() && value.is_object(),
        None => {
            path.filter.is_none() && (attribute.sub.is_none() || schema.attribute(&attribute.name).is_none())
        }
    }
}
