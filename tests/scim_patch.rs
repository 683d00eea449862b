//! Replays the PATCH bodies of RFC 7644 and of real identity providers, one data file each.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use rollcall::scim::member::{MemberChange, MemberRef};
use rollcall::scim::normalize::normalize;
use rollcall::scim::patch::{PatchRequest, Patched, apply};
use rollcall::scim::schema::ResourceSchema;
use rollcall::scim::{Document, Limits, ScimError, error};
use serde_json::{Value, json};

const RFC: &str = include_str!("data/scim/patch-rfc7644.json");
const DIALECTS: &str = include_str!("data/scim/patch-dialects.json");

#[test]
fn the_examples_of_rfc_7644_do_what_it_says() {
    replay(RFC);
}

#[test]
fn what_identity_providers_send_does_what_they_mean() {
    replay(DIALECTS);
}

#[test]
fn a_request_can_be_replayed_on_the_document_it_made() {
    for case in cases(DIALECTS).iter().chain(&cases(RFC)) {
        let Ok(once) = run(case) else { continue };
        let again = apply(&request(case), &schema(case), once.document.clone(), &Limits::default());
        if let Ok(again) = again {
            assert_eq!(again.document, once.document, "{}", case["name"]);
        }
    }
}

#[test]
fn a_failed_patch_tells_nothing_of_a_password() {
    let request =
        json!({ "Operations": [{ "op": "add", "path": "password", "value": { "clear": "hunter2" } }] });
    let request = PatchRequest::parse(request, &Limits::default()).unwrap();
    let document = document(&json!({ "userName": "ada" }), &ResourceSchema::user());
    let error = apply(&request, &ResourceSchema::user(), document, &Limits::default()).unwrap_err();
    assert!(!error.body().to_string().contains("hunter2"));
}

#[test]
fn an_immutable_attribute_can_be_set_once() {
    use rollcall::scim::schema::{Attribute, Mutability, Schema};
    let badge = Attribute::string("badge", "A badge.").mutability(Mutability::Immutable);
    let extension = Schema {
        id: "urn:example:1.0:Badge".to_owned(),
        name: "Badge".to_owned(),
        description: "Badges".to_owned(),
        required: false,
        attributes: vec![badge],
    };
    let schema = ResourceSchema::user().with_extension(extension);
    let set = |document: Document, badge: &str| {
        let path = "urn:example:1.0:Badge:badge";
        let body = json!({ "Operations": [{ "op": "add", "path": path, "value": badge }] });
        let request = PatchRequest::parse(body, &Limits::default()).unwrap();
        apply(&request, &schema, document, &Limits::default())
    };
    let once = set(document(&json!({ "userName": "ada" }), &schema), "7").unwrap().document;
    assert_eq!(set(once.clone(), "7").unwrap().document, once);
    assert_eq!(set(once, "8").unwrap_err().scim_type, Some(error::ScimType::Mutability));
}

fn replay(file: &str) {
    for case in cases(file) {
        let name = &case["name"];
        match (run(&case), case["error"].as_str()) {
            (Ok(patched), None) => check(&case, &patched),
            (Err(error), Some(expected)) => {
                let found = error.scim_type.map(error::ScimType::as_str);
                assert_eq!(found, Some(expected), "{name}: {error}");
                if let Some(detail) = case["detail"].as_str() {
                    assert_eq!(error.detail, detail, "{name}");
                }
            }
            (Ok(patched), Some(expected)) => panic!("{name}: expected {expected}, got {patched:?}"),
            (Err(error), None) => panic!("{name}: {error}"),
        }
    }
}

fn check(case: &Value, patched: &Patched) {
    let name = &case["name"];
    let mut document = patched.document.clone();
    document.remove("schemas").unwrap();
    assert_eq!(Value::Object(document), case["expect"], "{name}");
    let members: Vec<String> = patched.members.iter().map(show).collect();
    assert_eq!(json!(members), case.get("members").cloned().unwrap_or(json!([])), "{name}");
    assert_eq!(
        patched.password.as_ref().map(rollcall::scim::password::Password::expose),
        case["password"].as_str(),
        "{name}"
    );
}

fn run(case: &Value) -> Result<Patched, ScimError> {
    let schema = schema(case);
    let body = json!({ "Operations": case["operations"] });
    let request = PatchRequest::parse(body, &Limits::default())?;
    apply(&request, &schema, document(&case["document"], &schema), &Limits::default())
}

fn request(case: &Value) -> PatchRequest {
    PatchRequest::parse(json!({ "Operations": case["operations"] }), &Limits::default()).unwrap()
}

fn cases(file: &str) -> Vec<Value> {
    serde_json::from_str(file).unwrap()
}

fn schema(case: &Value) -> ResourceSchema {
    if case["resource"] == "Group" { ResourceSchema::group() } else { ResourceSchema::user() }
}

fn document(value: &Value, schema: &ResourceSchema) -> Document {
    normalize(value.clone(), schema, &Limits::default()).unwrap().document
}

fn show(change: &MemberChange) -> String {
    let member = |member: &MemberRef| {
        let kind = member.kind.map_or("?".to_owned(), |kind| format!("{kind:?}"));
        format!("{kind} {}", member.value)
    };
    let all = |members: &[MemberRef]| members.iter().map(member).collect::<Vec<_>>().join(", ");
    match change {
        MemberChange::Add(members) => format!("add {}", all(members)),
        MemberChange::Remove(ids) => format!("remove {}", ids.join(", ")),
        MemberChange::ReplaceAll(members) => format!("replace {}", all(members)),
        MemberChange::Clear => "clear".to_owned(),
    }
}
