//! SCIM `User` documents and [`UserSpec`].

use serde_json::{Map, Value, json};

use super::{add_rest, schemas, split};
use crate::{
    api::{TenantRef, UserSpec},
    scim::Document,
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
        ("active".to_owned(), document.get("active").cloned().unwrap_or(Value::Bool(true))),
    ]);
    let (fields, rest) = split::<UserSpec>(document, &base, |name| {
        if name == ENTERPRISE { "enterprise".to_owned() } else { name.to_owned() }
    });
    let spec: UserSpec = serde_json::from_value(Value::Object(fields))?;
    Ok(UserSpec { attributes: rest, ..spec })
}

/// The document that `spec` says, `schemas` first.
pub(in crate::store) fn user_document(spec: &UserSpec) -> Document {
    let Ok(Value::Object(mut fields)) = serde_json::to_value(spec) else { return Document::new() };
    fields.shift_remove("tenantRef");
    fields.shift_remove("attributes");
    if let Some(enterprise) = fields.shift_remove("enterprise") {
        fields.insert(ENTERPRISE.to_owned(), enterprise);
    }
    add_rest(&mut fields, &spec.attributes);
    let mut document = Document::from_iter([("schemas".to_owned(), schemas(CORE, &fields))]);
    document.extend(fields);
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(document: &Value) -> Value {
        let document = document.as_object().expect("an object").clone();
        Value::Object(user_document(&user_spec("okta", document).expect("a spec")))
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
    fn a_user_that_nobody_called_inactive_is_active() {
        assert_eq!(round_trip(&json!({"userName": "ada"}))["active"], json!(true));
    }
}
