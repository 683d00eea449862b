//! SCIM `User` documents and [`UserSpec`].

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{add_rest, rest_value, schemas, split};
use crate::{
    api::{TenantRef, UserSpec},
    scim::Document,
    store::packed::Packed,
};

const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// The spec that says what `document` says.
///
/// # Errors
/// If `userName` is missing or no string; the protocol's schema has refused that long before.
pub(in crate::store) fn user_spec(tenant: &str, document: Document) -> Result<UserSpec, serde_json::Error> {
    let base = Map::from_iter([
        ("tenantRef".to_owned(), json!(TenantRef { name: tenant.to_owned() })),
        ("userName".to_owned(), document.get("userName").cloned().unwrap_or(Value::Null)),
        // A user that nobody called inactive is active: identity providers that never disable anyone omit it.
        // One that was removed is null, which is kept among the attributes: it has no say in who has access.
        (
            "active".to_owned(),
            document.get("active").filter(|it| it.is_boolean()).cloned().unwrap_or(Value::Bool(true)),
        ),
    ]);
    let (fields, rest) = split::<UserSpec>(document, &base, |name| {
        if name == ENTERPRISE { "enterprise".to_owned() } else { name.to_owned() }
    });
    let spec: UserSpec = serde_json::from_value(Value::Object(fields))?;
    Ok(UserSpec { attributes: rest, ..spec })
}

/// The document that the JSON of a spec says, `schemas` first.
pub(in crate::store) fn user_document(spec: Value) -> Document {
    let Value::Object(fields) = spec else { return Document::new() };
    let mut document = Document::with_capacity(fields.len() + 4);
    document.insert("schemas".to_owned(), Value::Null);
    let mut rest = BTreeMap::new();
    for (name, value) in fields {
        match name.as_str() {
            "tenantRef" => {}
            "attributes" => rest = serde_json::from_value(value).unwrap_or_default(),
            "enterprise" => drop(document.insert(ENTERPRISE.to_owned(), value)),
            _ => drop(document.insert(name, value)),
        }
    }
    add_rest(&mut document, &rest);
    let schemas = schemas(CORE, &document);
    document.insert("schemas".to_owned(), schemas);
    document
}

/// One attribute of what [`user_document`] gives, without the cost of the others.
pub(in crate::store) fn user_attribute(spec: &Packed, attribute: &str) -> Option<Value> {
    // What a field can't say exactly is in the rest, and then not in the field.
    let rest = spec.get("attributes");
    if let Some(text) = rest.as_ref().and_then(|rest| rest.get(attribute)?.as_str()) {
        return Some(rest_value(text));
    }
    match attribute {
        "schemas" => user_document(spec.value()).shift_remove("schemas"),
        "tenantRef" | "attributes" | "enterprise" => None,
        ENTERPRISE => spec.get("enterprise"),
        _ => spec.get(attribute),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(document: &Value) -> Value {
        let document = document.as_object().expect("an object").clone();
        Value::Object(user_document(json!(user_spec("okta", document).expect("a spec"))))
    }

    #[test]
    fn what_a_field_can_say_is_in_the_field() {
        let document = json!({"userName": "ada", "active": false, "emails": [{"value": "a@b", "type": "work", "primary": true}],
            "name": {"givenName": "Ada"}, (ENTERPRISE): {"department": "Engines", "manager": {"value": "7"}}});
        let spec = user_spec("okta", document.as_object().expect("an object").clone()).expect("a spec");
        assert!(spec.attributes.is_empty(), "{:?}", spec.attributes);
        assert_eq!(spec.emails[0].value.as_deref(), Some("a@b"));
        assert_eq!(spec.enterprise.and_then(|it| it.department).as_deref(), Some("Engines"));
    }

    #[test]
    fn what_no_field_can_say_comes_back_as_it_was() {
        let mut document = json!({"schemas": [CORE, ENTERPRISE, "urn:x:Custom"], "userName": "ada", "active": true,
            "favouriteNumber": 1.50, "tenantRef": "evil", "attributes": {"a": null},
            "emails": [{"value": "a@b", "verified": true}],
            "name": {"givenName": "Ada", "maidenName": null},
            "title": ["not", "a", "string"],
            (ENTERPRISE): {"manager": {"value": "7", "$ref": "../Users/7"}},
            "urn:x:Custom": {"deep": [{"er": 1}]}});
        let back = round_trip(&document);
        document["schemas"] = json!([CORE, ENTERPRISE, "urn:x:Custom"]);
        assert_eq!(back, document);
    }

    #[test]
    fn each_attribute_alone_is_what_it_is_in_the_whole() {
        let plural = json!([{"value": "v", "type": "work"}]);
        let mut document = json!({"userName": "ada", "externalId": "7", "active": false, "displayName": "Ada",
            "name": {"givenName": "Ada"}, "nickName": "A", "profileUrl": "u", "title": "Countess", "userType": "t",
            "preferredLanguage": "en", "locale": "en-GB", "timezone": "Europe/London",
            "addresses": [{"country": "GB"}], (ENTERPRISE): {"department": "Engines"}, "urn:x:Custom": {"a": [1]}});
        for name in ["emails", "phoneNumbers", "ims", "photos", "entitlements", "roles", "x509Certificates"] {
            document[name] = plural.clone();
        }
        let spec = user_spec("okta", document.as_object().expect("an object").clone()).expect("a spec");
        let spec = Packed::of(&json!(spec));
        let whole = user_document(spec.value());
        for (name, value) in &whole {
            assert_eq!(user_attribute(&spec, name).as_ref(), Some(value), "{name}");
        }
        for name in ["emails", "title", "tenantRef", "attributes"] {
            assert_eq!(user_attribute(&Packed::of(&json!(UserSpec::default())), name), None, "{name}");
        }
    }

    #[test]
    fn a_removed_active_is_remembered_as_removed() {
        assert_eq!(round_trip(&json!({"userName": "ada", "active": null}))["active"], Value::Null);
    }

    #[test]
    fn a_user_that_nobody_called_inactive_is_active() {
        assert_eq!(round_trip(&json!({"userName": "ada"}))["active"], json!(true));
    }
}
