//! Attributes that take only their canonical values. Which spelling is meant was settled when the value was read; here
//! what is none of them is refused, unless it was there before.

use serde_json::Value;

use super::in_extension;
use crate::scim::{
    Document,
    coerce::describe,
    error::ScimError,
    schema::{Attribute, ResourceSchema, Schema, Target},
};

/// Refuses the first value that is new and not canonical.
pub(super) fn check(before: &Document, after: &Document, schema: &ResourceSchema) -> Result<(), ScimError> {
    for (extension, attribute) in schema.all_attributes() {
        let whole = attribute.closed.then_some(None);
        let parts = attribute.sub_attributes.iter().filter(|sub| sub.closed).map(Some);
        for sub in whole.into_iter().chain(parts) {
            let old = values(before, extension, attribute, sub);
            let closed = sub.unwrap_or(attribute);
            let is_new = |value: &&Value| !is_canonical(closed, value) && !old.contains(value);
            if let Some(value) = values(after, extension, attribute, sub).into_iter().find(is_new) {
                let path = Target::Attribute { extension, attribute, sub }.canonical();
                let known = closed.canonical_values.join(", ");
                let came = if closed.is_hidden() { "something else".to_owned() } else { describe(value) };
                return Err(ScimError::invalid_value(format!("{path} must be one of {known}, not {came}")));
            }
        }
    }
    Ok(())
}

fn is_canonical(attribute: &Attribute, value: &Value) -> bool {
    value.as_str().is_some_and(|text| attribute.canonical_values.iter().any(|known| known == text))
}

/// The values of an attribute, or of one part of it.
fn values<'d>(
    document: &'d Document,
    extension: Option<&Schema>,
    attribute: &Attribute,
    sub: Option<&Attribute>,
) -> Vec<&'d Value> {
    let flat = |value: &'d Value| match value {
        Value::Array(items) => items.iter().collect(),
        single => vec![single],
    };
    let whole = in_extension(document, extension).and_then(|fields| fields.get(&attribute.name));
    let items = whole.map(flat).unwrap_or_default();
    match sub {
        None => items,
        Some(sub) => items.into_iter().filter_map(|item| item.get(&sub.name)).flat_map(flat).collect(),
    }
}
