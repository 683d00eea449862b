//! Rules against documents. The dialogues under `tests/dialogues/rules` show the same from outside.

use serde_json::{Value, json};

use super::*;
use crate::scim::{
    ScimType,
    schema::{Attribute, Mutability},
};

const URN: &str = "urn:example:1.0:Acme";

fn rules() -> ResourceRules {
    let mut site = Attribute::string("site", "").canonical(&["London", "Ockham"]);
    site.closed = true;
    let schema = ResourceSchema::user().with_extension(Schema {
        id: URN.to_owned(),
        name: "Acme".to_owned(),
        description: String::new(),
        required: false,
        attributes: vec![
            Attribute::string("badge", "").exact().unique(),
            Attribute::string("hiredOn", "").mutability(Mutability::Immutable),
            Attribute::string("clearance", "").read_only(),
            site,
        ],
    });
    ResourceRules {
        fill: vec![
            Fill::new("userName", &["emails"]),
            Fill::new("displayName", &["name.givenName", "name.familyName"]),
        ],
        user_name_is_email: true,
        ..ResourceRules::new(schema)
    }
}

fn document(value: Value) -> Document {
    serde_json::from_value(value).unwrap()
}

fn created(body: Value) -> Result<Document, ScimError> {
    rules().create(body, &Limits::default()).map(|read| read.document)
}

fn replaced(before: &Document, body: Value) -> Result<Document, ScimError> {
    let sent = rules().read(body, &Limits::default()).unwrap().document;
    rules().replace(before, &sent)
}

fn patched(before: &Document, operation: &Value) -> Result<Document, ScimError> {
    let request = PatchRequest::parse(json!({ "Operations": [operation] }), &Limits::default()).unwrap();
    rules().patch(&request, before, &Limits::default()).map(|patched| patched.document)
}

fn ada() -> Document {
    created(json!({
        "name": { "givenName": "Ada", "familyName": "Byron" }, "emails": [{ "value": "ada@x.org" }],
        (URN): { "badge": "A7", "hiredOn": "1843", "site": "LONDON" },
    }))
    .unwrap()
}

#[test]
fn what_is_left_out_is_made_from_what_came() {
    let ada = ada();
    assert_eq!((&ada["userName"], &ada["displayName"]), (&json!("ada@x.org"), &json!("Ada Byron")));
}

#[test]
fn what_was_made_follows_until_somebody_sets_it() {
    let married =
        patched(&ada(), &json!({ "op": "replace", "path": "name.familyName", "value": "Lovelace" })).unwrap();
    assert_eq!(married["displayName"], "Ada Lovelace");
    let named =
        patched(&married, &json!({ "op": "add", "path": "displayName", "value": "Countess" })).unwrap();
    let again =
        patched(&named, &json!({ "op": "replace", "path": "name.familyName", "value": "King" })).unwrap();
    assert_eq!(again["displayName"], "Countess");
}

#[test]
fn a_user_name_that_a_put_states_is_never_made_anew() {
    let after =
        replaced(&ada(), json!({ "userName": "ada@x.org", "emails": [{ "value": "new@x.org" }] })).unwrap();
    assert_eq!(after["userName"], "ada@x.org");
}

#[test]
fn a_user_name_that_is_no_address_is_refused_without_being_repeated() {
    for name in ["hunter", "@x.org", "hunter@", "ada@x..org", "a b@x.org", "a@b@x.org", "Ada <ada@x.org>"] {
        let error = created(json!({ "userName": name })).unwrap_err();
        assert_eq!(error.scim_type, Some(ScimType::InvalidValue));
        assert!(!error.detail.contains(name), "{}", error.detail);
    }
}

#[test]
fn a_name_from_before_the_rule_may_stay() {
    let old = document(json!({ "userName": "ada" }));
    assert!(replaced(&old, json!({ "userName": "ada", "active": false })).is_ok());
    assert!(replaced(&old, json!({ "userName": "bob" })).is_err());
}

#[test]
fn what_was_missing_before_it_was_required_is_not_held_against_a_deactivation() {
    let mut rules = rules();
    rules.schema.core.attributes.iter_mut().find(|it| it.name == "title").unwrap().required = true;
    let before = document(json!({ "userName": "ada@x.org" }));
    let sent = document(json!({ "userName": "ada@x.org", "active": false }));
    assert!(rules.replace(&before, &sent).is_ok());
    let had = document(json!({ "userName": "ada@x.org", "title": "Countess" }));
    assert!(rules.replace(&had, &sent).unwrap_err().detail.starts_with("title is required"));
    assert!(rules.create(Value::Object(sent), &Limits::default()).is_err());
}

#[test]
fn an_immutable_attribute_is_kept_by_a_put_that_leaves_it_out_and_refused_another_value() {
    let after = replaced(&ada(), json!({ "userName": "ada@x.org" })).unwrap();
    assert_eq!(after[URN], json!({ "hiredOn": "1843" }));
    let error =
        replaced(&ada(), json!({ "userName": "ada@x.org", (URN): { "hiredOn": "1844" } })).unwrap_err();
    assert_eq!(error.scim_type, Some(ScimType::Mutability));
}

#[test]
fn a_read_only_attribute_is_neither_set_nor_cleared_by_a_client() {
    let created = created(json!({ "userName": "a@x.org", (URN): { "clearance": "top" } })).unwrap();
    assert!(!created.contains_key(URN));
    let mut stored = ada();
    stored[URN]["clearance"] = "low".into();
    let after = replaced(&stored, json!({ "userName": "ada@x.org", (URN): { "clearance": "top" } })).unwrap();
    assert_eq!(after[URN]["clearance"], "low");
    let error = patched(&stored, &json!({ "op": "remove", "path": format!("{URN}:clearance") })).unwrap_err();
    assert_eq!(error.scim_type, Some(ScimType::Mutability));
}

#[test]
fn only_canonical_values_are_taken_in_the_spelling_of_the_schema() {
    assert_eq!(ada()[URN]["site"], "London");
    let error = created(json!({ "userName": "a@x.org", (URN): { "site": "Rome" } })).unwrap_err();
    assert_eq!((error.scim_type, error.status), (Some(ScimType::InvalidValue), 400));
}

#[test]
fn the_values_to_keep_apart_are_folded_unless_case_counts() {
    let exact = rules().unique[0].values(&ada());
    assert_eq!(exact.into_iter().collect::<Vec<_>>(), ["A7"]);
    let emails = Unique::new("emails.value", false).unwrap();
    let two = document(
        json!({ "emails": [{ "value": "B@x.org" }, { "value": "b@X.org" }, { "value": "a@x.org" }] }),
    );
    assert_eq!(emails.values(&two).into_iter().collect::<Vec<_>>(), ["a@x.org", "b@x.org"]);
}
