//! SCIM `Group` documents and [`TeamSpec`], without the members.

use serde_json::{Map, Value, json};

use super::{add_rest, rest_value, schemas, split};
use crate::{
    api::{Membership, TeamSpec, TenantRef},
    scim::Document,
};

const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// The spec that says what `document` says, with the membership beside it.
///
/// # Errors
/// If `displayName` is missing or no string; the protocol's schema has refused that long before.
pub(in crate::store) fn team_spec(
    tenant: &str,
    document: Document,
    membership: Membership,
) -> Result<TeamSpec, serde_json::Error> {
    let base = Map::from_iter([
        ("tenantRef".to_owned(), json!(TenantRef { name: tenant.to_owned() })),
        ("displayName".to_owned(), document.get("displayName").cloned().unwrap_or(Value::Null)),
    ]);
    let (fields, rest) = split::<TeamSpec>(document, &base, str::to_owned);
    let spec: TeamSpec = serde_json::from_value(Value::Object(fields))?;
    Ok(TeamSpec { attributes: rest, membership, ..spec })
}

/// The document that `spec` says, `schemas` first, without members.
pub(in crate::store) fn team_document(spec: &TeamSpec) -> Document {
    let mut fields = Map::from_iter([("displayName".to_owned(), json!(spec.display_name))]);
    if let Some(external_id) = &spec.external_id {
        fields.insert("externalId".to_owned(), json!(external_id));
    }
    add_rest(&mut fields, &spec.attributes);
    let mut document = Document::from_iter([("schemas".to_owned(), schemas(CORE, &fields))]);
    document.extend(fields);
    document
}

/// One attribute of what [`team_document`] gives, without the cost of the others.
pub(in crate::store) fn team_attribute(spec: &TeamSpec, name: &str) -> Option<Value> {
    match name {
        "displayName" => Some(json!(spec.display_name)),
        "externalId" if spec.external_id.is_some() => Some(json!(spec.external_id)),
        "schemas" => team_document(spec).shift_remove("schemas"),
        _ => spec.attributes.get(name).map(|text| rest_value(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_comes_back_as_it_was_without_its_members() {
        let document = json!({"schemas": [CORE], "displayName": "Platform", "externalId": "g1", "colour": {"r": 1},
            "members": [{"value": "7"}]});
        let spec = team_spec("okta", document.as_object().expect("an object").clone(), Membership::default());
        let back = team_document(&spec.expect("a spec"));
        let mut expected = document.as_object().expect("an object").clone();
        expected.shift_remove("members");
        assert_eq!(back, expected);
    }
}
