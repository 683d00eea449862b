//! The dialect of a body: how values, names and operations are spelled in it.

use serde_json::{Map, Value};

use super::{Quirk, Quirks, query};
use crate::scim::path::PatchPath;
use crate::scim::schema::{Attribute, Kind, ResourceSchema, Schema, Target};

/// So many items of a list are looked at: a client spells all 50,000 members of a group alike.
const ENOUGH: usize = 100;

/// The dialect of the body of a POST or PUT.
pub fn of_resource(body: &Value, schema: &ResourceSchema) -> Quirks {
    let mut observer = Observer { schema, in_patch: false, seen: Quirks::new() };
    if let Value::Object(fields) = body {
        if !fields.keys().any(|key| key.eq_ignore_ascii_case("schemas")) {
            observer.saw(Quirk::NoSchemas);
        }
        observer.fields(fields);
    }
    observer.seen
}

/// The dialect of the body of a PATCH.
pub fn of_patch(body: &Value, schema: &ResourceSchema) -> Quirks {
    let mut observer = Observer { schema, in_patch: true, seen: Quirks::new() };
    if field(body, "schemas").is_none() {
        observer.saw(Quirk::NoSchemas);
    }
    let operations = field(body, "operations").and_then(Value::as_array);
    for operation in operations.into_iter().flatten().take(ENOUGH) {
        observer.operation(operation);
    }
    observer.seen
}

struct Observer<'s> {
    schema: &'s ResourceSchema,
    in_patch: bool,
    seen: Quirks,
}

impl Observer<'_> {
    fn saw(&mut self, quirk: Quirk) {
        self.seen.insert(quirk);
    }

    fn operation(&mut self, operation: &Value) {
        let op = field(operation, "op").and_then(Value::as_str).unwrap_or_default();
        if op.bytes().any(|byte| byte.is_ascii_uppercase()) {
            self.saw(Quirk::CapitalisedOperations);
        }
        let value = field(operation, "value").filter(|value| !value.is_null());
        let path = field(operation, "path").and_then(Value::as_str).filter(|path| !path.trim().is_empty());
        match (path, value) {
            (Some(path), value) => {
                if op.eq_ignore_ascii_case("remove") && value.is_some() {
                    self.saw(Quirk::RemovesByValue);
                }
                if let Ok(path) = PatchPath::parse(path) {
                    self.at(&path, value.unwrap_or(&Value::Null));
                }
            }
            (None, Some(Value::Object(fields))) => {
                self.saw(Quirk::PatchesWithoutPath);
                self.fields(fields);
            }
            (None, _) => {}
        }
    }

    fn fields(&mut self, fields: &Map<String, Value>) {
        for (key, value) in fields {
            if self.schema.core.is(key) {
                // JSON is refused beyond a fixed depth, and so is how deep this goes.
                if let Value::Object(fields) = value {
                    self.fields(fields);
                }
                continue;
            }
            match PatchPath::parse(key) {
                Ok(path) => {
                    let qualified = path.attribute.urn.is_some() && self.names_attribute(&path);
                    if qualified || path.attribute.sub.is_some() || path.filter.is_some() {
                        self.saw(Quirk::PathsAsKeys);
                    }
                    self.at(&path, value);
                }
                Err(_) => self.saw(Quirk::UnknownAttributes),
            }
        }
    }

    fn names_attribute(&self, path: &PatchPath) -> bool {
        matches!(self.schema.resolve(&path.attribute), Some(Target::Attribute { .. }))
    }

    /// What stands at a path, or under a key, which may be as much as a path.
    fn at(&mut self, path: &PatchPath, value: &Value) {
        match self.schema.resolve(&path.attribute) {
            None => self.saw(Quirk::UnknownAttributes),
            Some(Target::Extension(extension)) => {
                self.check_urn(extension, &path.attribute.to_string());
                self.extension(extension, value);
            }
            Some(Target::Attribute { extension, attribute, sub }) => {
                match (extension, &path.attribute.urn) {
                    (Some(extension), Some(urn)) => self.check_urn(extension, urn),
                    (Some(_), None) => self.saw(Quirk::BareExtensionAttributes),
                    (None, _) => {}
                }
                if self.in_patch && attribute.is_read_only() {
                    self.saw(Quirk::ReadOnlyAttributes);
                }
                if let Some(filter) = &path.filter {
                    self.seen = self.seen.union(query::of_literals(filter, attribute));
                }
                let behind = path.sub.as_deref().and_then(|name| attribute.sub(name)).or(sub);
                match behind {
                    Some(sub) => self.value(sub, value),
                    None if path.filter.is_some() => self.single(attribute, value),
                    None => self.value(attribute, value),
                }
            }
        }
    }

    fn check_urn(&mut self, extension: &Schema, urn: &str) {
        if !extension.id.eq_ignore_ascii_case(urn) {
            self.saw(Quirk::MisspelledUrns);
        }
    }

    fn extension(&mut self, extension: &Schema, value: &Value) {
        let Value::Object(fields) = value else { return };
        for (key, value) in fields {
            match extension.attribute(key) {
                Some(attribute) => self.value(attribute, value),
                None => self.saw(Quirk::UnknownAttributes),
            }
        }
    }

    fn value(&mut self, attribute: &Attribute, value: &Value) {
        match (attribute.multi_valued, value) {
            (_, Value::Null) => {}
            (true, Value::Array(items)) => {
                let is_primary = |item: &&Value| field(item, "primary").is_some_and(is_true);
                if items.iter().take(ENOUGH).filter(is_primary).count() > 1 {
                    self.saw(Quirk::SeveralPrimaries);
                }
                items.iter().take(ENOUGH).for_each(|item| self.single(attribute, item));
            }
            (false, Value::Array(items)) => {
                self.saw(Quirk::ListsForSingleValues);
                items.iter().take(1).for_each(|item| self.single(attribute, item));
            }
            (true, single) => {
                self.saw(Quirk::SingleValuesForLists);
                self.single(attribute, single);
            }
            (false, single) => self.single(attribute, single),
        }
    }

    fn single(&mut self, attribute: &Attribute, value: &Value) {
        match (attribute.kind, value) {
            (_, Value::String(text)) if text.is_empty() => self.saw(Quirk::EmptyValues),
            (Kind::Boolean, Value::String(_)) => self.saw(Quirk::StringBooleans),
            (Kind::Complex, Value::String(_)) => self.saw(Quirk::PlainReferences),
            (Kind::Complex, Value::Object(fields)) => {
                for (key, value) in fields {
                    match attribute.sub(key) {
                        Some(sub) => self.value(sub, value),
                        None => self.saw(Quirk::UnknownAttributes),
                    }
                }
            }
            (_, Value::String(_)) if attribute.name == "password" => self.saw(Quirk::Passwords),
            _ => {}
        }
    }
}

fn is_true(value: &Value) -> bool {
    value == &Value::Bool(true) || value.as_str().is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

/// The field of this lower-case name, whatever its spelling.
fn field<'v>(object: &'v Value, name: &str) -> Option<&'v Value> {
    object.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn names(quirks: Quirks) -> Vec<&'static str> {
        quirks.iter().map(Quirk::name).collect()
    }

    fn resource(body: &Value) -> Vec<&'static str> {
        names(of_resource(body, &ResourceSchema::user()))
    }

    fn patch(operation: &Value, schema: &ResourceSchema) -> Vec<&'static str> {
        names(of_patch(&json!({ "schemas": [], "Operations": [operation] }), schema))
    }

    #[test]
    fn a_body_as_the_rfc_has_it_shows_nothing() {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": "ada", "active": true, "name": { "givenName": "Ada" },
            "emails": [{ "value": "ada@example.com", "type": "work", "primary": true }],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "manager": { "value": "1" } },
            "addresses": null
        });
        assert_eq!(resource(&body), [""; 0]);
        let operation = json!({ "op": "replace", "path": "emails[type eq \"work\"].value", "value": "a@b" });
        assert_eq!(patch(&operation, &ResourceSchema::user()), [""; 0]);
        let operation = json!({ "op": "add", "path": "members", "value": [{ "value": "1" }] });
        assert_eq!(patch(&operation, &ResourceSchema::group()), [""; 0]);
    }

    #[test]
    fn spellings_of_values_are_seen() {
        for (body, quirk) in [
            (json!({ "schemas": [], "active": "True" }), "stringBooleans"),
            (json!({ "schemas": [], "roles": [{ "primary": "True", "value": "x" }] }), "stringBooleans"),
            (json!({ "schemas": [], "emails": ["a@b"] }), "plainReferences"),
            (json!({ "schemas": [], "emails": { "value": "a@b" } }), "singleValuesForLists"),
            (json!({ "schemas": [], "title": ["Dr"] }), "listsForSingleValues"),
            (json!({ "schemas": [], "title": "" }), "emptyValues"),
            (
                json!({ "schemas": [], "emails": [{ "primary": true }, { "primary": "true" }] }),
                "severalPrimaries",
            ),
            (json!({ "schemas": [], "password": "secret" }), "passwords"),
            (json!({ "schemas": [], "department": "x" }), "bareExtensionAttributes"),
            (json!({ "schemas": [], "name.givenName": "x" }), "pathsAsKeys"),
            (json!({ "schemas": [], "favouriteColour": "x" }), "unknownAttributes"),
            (json!({ "userName": "x" }), "noSchemas"),
            (
                json!({ "schemas": [], "urn:ietf:params:scim:schemas:extension:enterprise:2.0User": {} }),
                "misspelledUrns",
            ),
        ] {
            assert!(resource(&body).contains(&quirk), "{body}: {:?}", resource(&body));
        }
    }

    #[test]
    fn spellings_of_operations_are_seen() {
        let (user, group) = (ResourceSchema::user(), ResourceSchema::group());
        for (schema, operation, quirks) in [
            (&user, json!({ "op": "Replace", "path": "title", "value": "x" }), vec!["capitalisedOperations"]),
            (&user, json!({ "op": "replace", "path": "active", "value": "False" }), vec!["stringBooleans"]),
            (&user, json!({ "op": "replace", "value": { "active": false } }), vec!["patchesWithoutPath"]),
            (
                &user,
                json!({ "op": "replace", "path": "roles[primary eq \"True\"].value", "value": "x" }),
                vec!["stringBooleans"],
            ),
            (
                &user,
                json!({ "op": "add", "path": "manager", "value": [{ "value": "1" }] }),
                vec!["listsForSingleValues", "bareExtensionAttributes"],
            ),
            (
                &user,
                json!({ "op": "replace", "value": { "emails[type eq \"work\"].value": "a@b" } }),
                vec!["patchesWithoutPath", "pathsAsKeys"],
            ),
            (
                &group,
                json!({ "op": "remove", "path": "members", "value": [{ "$ref": null, "value": "1" }] }),
                vec!["removesByValue"],
            ),
            (
                &group,
                json!({ "op": "replace", "value": { "id": "1", "displayName": "x" } }),
                vec!["patchesWithoutPath", "readOnlyAttributes"],
            ),
        ] {
            assert_eq!(patch(&operation, schema), quirks, "{operation}");
        }
    }
}
