//! Between SCIM documents and the specs of `User` and `Team`, without loss.
//!
//! A spec has typed fields for what RFC 7643 defines, so that `kubectl`, CEL rules and Git see them. An attribute
//! that has no field, or whose value its field can't say exactly (an unknown sub-attribute, say), goes to
//! `spec.attributes` as JSON text. So decoding what was encoded gives back every value.

mod team;
mod user;

use std::collections::BTreeMap;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

pub(super) use team::{team_attribute, team_document, team_spec};
pub(super) use user::{user_attribute, user_document, user_spec};

use crate::scim::json;

/// `schemas` and attributes that the store keeps elsewhere, or that are computed for each answer.
const NOT_STORED: [&str; 5] = ["schemas", "id", "meta", "groups", "members"];

/// Splits a document's attributes into those that `T`'s fields say exactly, and the rest as JSON text.
///
/// `base` holds the fields without which `T` doesn't parse; `field` gives the field's name for an attribute.
fn split<T: Serialize + DeserializeOwned>(
    mut document: Map<String, Value>,
    base: &Map<String, Value>,
    field: impl Fn(&str) -> String,
) -> (Map<String, Value>, BTreeMap<String, String>) {
    document.retain(|name, _| !NOT_STORED.contains(&name.as_str()));
    let all: Vec<(String, &Value)> = document.iter().map(|(name, value)| (field(name), value)).collect();
    // Mostly they say all of it, which is seen at once; what they don't say is found by looking at each alone.
    if says_exactly::<T>(base, &all) {
        let mut fields = base.clone();
        fields.extend(document.into_iter().map(|(name, value)| (field(&name), value)));
        return (fields, BTreeMap::new());
    }
    let mut fields = base.clone();
    let mut rest = BTreeMap::new();
    for (name, value) in document {
        let field = field(&name);
        if says_exactly::<T>(base, &[(field.clone(), &value)]) {
            fields.insert(field, value);
        } else {
            rest.insert(name, value.to_string());
        }
    }
    (fields, rest)
}

/// Whether the fields of `T` hold these values, none of them changed.
fn says_exactly<T: Serialize + DeserializeOwned>(
    base: &Map<String, Value>,
    values: &[(String, &Value)],
) -> bool {
    // These are the store's own, not SCIM's, so an attribute of the same name is an unknown one.
    if values.iter().any(|(field, _)| ["tenantRef", "attributes", "membership"].contains(&field.as_str())) {
        return false;
    }
    let mut trial = base.clone();
    trial.extend(values.iter().map(|(field, value)| (field.clone(), (*value).clone())));
    let parsed = serde_json::from_value::<T>(Value::Object(trial));
    let back = parsed.and_then(serde_json::to_value);
    back.is_ok_and(|back| values.iter().all(|(field, value)| back.get(field) == Some(*value)))
}

/// Adds what `spec.attributes` holds.
fn add_rest(document: &mut Map<String, Value>, rest: &BTreeMap<String, String>) {
    document.extend(rest.iter().map(|(name, text)| (name.clone(), rest_value(text))));
}

/// One attribute that `spec.attributes` holds. Text that is no JSON (people may declare anything) is shown as a string.
fn rest_value(text: &str) -> Value {
    json::read(text.as_bytes()).unwrap_or_else(|_| Value::String(text.to_owned()))
}

/// RFC 7643 section 3: "schemas" lists the URIs of every schema that the document uses.
fn schemas(core: &str, document: &Map<String, Value>) -> Value {
    let is_urn = |name: &str| name.get(..4).is_some_and(|it| it.eq_ignore_ascii_case("urn:"));
    let extensions = document.iter().filter(|(name, value)| is_urn(name) && value.is_object());
    std::iter::once(core).chain(extensions.map(|(name, _)| name.as_str())).map(Value::from).collect()
}
