//! Laws that the protocol engine obeys for every document, patch, filter and projection that chance makes up.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use proptest::prelude::*;
use rollcall::scim::filter::{Filter, evaluate};
use rollcall::scim::normalize::normalize;
use rollcall::scim::patch::{PatchRequest, apply};
use rollcall::scim::project::Projection;
use rollcall::scim::schema::{ENTERPRISE_USER_URN, ResourceSchema};
use rollcall::scim::{Document, Limits};
use serde_json::{Map, Value, json};

proptest! {
    #[test]
    fn a_patch_that_says_what_a_put_says_makes_the_same_document(before in user(), after in user()) {
        let patched = patch(before.clone(), &difference(&before, &after));
        prop_assert_eq!(comparable(patched), comparable(after));
    }

    #[test]
    fn a_patch_and_then_its_inverse_give_the_document_back(before in user(), operations in operations()) {
        let schema = ResourceSchema::user();
        let request = PatchRequest::parse(json!({ "Operations": operations }), &Limits::default()).unwrap();
        let Ok(patched) = apply(&request, &schema, before.clone(), &Limits::default()) else { return Ok(()) };
        let inverse = difference(&patched.document, &before);
        prop_assert_eq!(comparable(patch(patched.document, &inverse)), comparable(before));
    }

    #[test]
    fn a_patch_that_fails_is_the_same_failure_each_time(before in user(), operations in operations()) {
        let run = || {
            let request = PatchRequest::parse(json!({ "Operations": operations }), &Limits::default()).unwrap();
            apply(&request, &ResourceSchema::user(), before.clone(), &Limits::default())
        };
        match (run(), run()) {
            (Ok(once), Ok(again)) => prop_assert_eq!(once.document, again.document),
            (Err(once), Err(again)) => {
                prop_assert_eq!(once.detail, again.detail);
                prop_assert_eq!(once.status, 400);
            }
            (once, again) => prop_assert!(false, "{:?} and then {:?}", once.is_ok(), again.is_ok()),
        }
    }

    #[test]
    fn what_must_be_returned_is_and_what_is_returned_was_there(
        document in user(), only in names(), without in names(),
    ) {
        let schema = ResourceSchema::user();
        let mut document = document;
        document.insert("id".to_owned(), "1".into());
        document.insert("password".to_owned(), "hunter2".into());
        let projection = Projection::parse(&only, &without, &schema).unwrap();
        let cut = projection.apply(document.clone(), &schema);
        prop_assert_eq!(cut.get("id"), document.get("id"));
        prop_assert_eq!(cut.get("schemas"), document.get("schemas"));
        prop_assert!(!cut.contains_key("password"));
        prop_assert!(is_part(&Value::Object(cut.clone()), &Value::Object(document.clone())));
        for name in cut.keys().filter(|name| !["id", "schemas"].contains(&name.as_str())) {
            prop_assert!(!without.contains(name), "{} was to be left out", name);
            let about = |asked: &String| asked == name || asked.starts_with(&format!("{name}.")) || asked.starts_with(&format!("{name}:"));
            prop_assert!(only.is_empty() || only.iter().any(about), "{} was not asked for", name);
        }
        for name in only.iter().filter(|name| document.contains_key(*name) && *name != "password") {
            let cut_away = without.iter().any(|other| other.starts_with(name.as_str()));
            prop_assert!(cut_away || cut.get(name) == document.get(name), "{} was asked for", name);
        }
        prop_assert_eq!(projection.apply(cut.clone(), &schema), cut);
    }

    #[test]
    fn not_and_and_or_mean_what_they_mean_in_logic(document in user(), left in term(), right in term()) {
        let schema = ResourceSchema::user();
        let holds = |text: &str| evaluate(&Filter::parse(text).unwrap(), &schema, &document).unwrap();
        let (one, other) = (holds(&left), holds(&right));
        prop_assert_eq!(holds(&format!("not ({left})")), !one, "{}", left);
        prop_assert_eq!(holds(&format!("{left} and {right}")), one && other, "{} and {}", left, right);
        prop_assert_eq!(holds(&format!("{left} or {right}")), one || other, "{} or {}", left, right);
        prop_assert_eq!(
            holds(&format!("not ({left} and {right})")),
            holds(&format!("not ({left}) or not ({right})")),
        );
    }

    #[test]
    fn each_operator_has_its_opposite_where_there_is_a_value(document in user(), wanted in "[a-cA-C]{0,2}") {
        let schema = ResourceSchema::user();
        let holds = |op: &str| {
            let filter = Filter::parse(&format!("userName {op} {}", Value::from(wanted.clone()))).unwrap();
            evaluate(&filter, &schema, &document).unwrap()
        };
        prop_assert_ne!(holds("eq"), holds("ne"));
        prop_assert_ne!(holds("gt"), holds("le"));
        prop_assert_ne!(holds("lt"), holds("ge"));
        prop_assert_eq!(holds("ge"), holds("gt") || holds("eq"));
        prop_assert!(!holds("sw") || holds("co"));
        prop_assert!(!holds("ew") || holds("co"));
    }

    #[test]
    fn what_a_patch_path_selects_is_what_the_same_filter_finds(document in user(), kind in "work|home|other") {
        let schema = ResourceSchema::user();
        let found = |document: &Document| {
            let filter = Filter::parse(&format!("emails[type eq \"{kind}\"]")).unwrap();
            evaluate(&filter, &schema, document).unwrap()
        };
        let path = format!("emails[type eq \"{kind}\"]");
        let left = patch(document.clone(), &[json!({ "op": "remove", "path": path })]);
        prop_assert!(!found(&left));
        if !found(&document) {
            prop_assert_eq!(comparable(left), comparable(document));
        }
    }
}

/// The operations that make `after` of `before`, one attribute at a time.
fn difference(before: &Document, after: &Document) -> Vec<Value> {
    let mut operations = Vec::new();
    for name in before.keys().filter(|name| *name != "schemas") {
        // Objects are merged, so what is to be replaced whole is removed first.
        let merged = before[name].is_object() || after.get(name).is_some_and(Value::is_object);
        if after.get(name) != Some(&before[name]) && (merged || !after.contains_key(name)) {
            operations.push(json!({ "op": "remove", "path": name }));
        }
    }
    for (name, value) in after.iter().filter(|(name, _)| *name != "schemas") {
        if before.get(name) != Some(value) {
            operations.push(json!({ "op": "replace", "value": { name: value } }));
        }
    }
    operations
}

fn patch(document: Document, operations: &[Value]) -> Document {
    if operations.is_empty() {
        return document;
    }
    let request = PatchRequest::parse(json!({ "Operations": operations }), &Limits::default()).unwrap();
    let patched = apply(&request, &ResourceSchema::user(), document, &Limits::default());
    patched.unwrap_or_else(|error| panic!("{operations:?}: {error}")).document
}

/// A document in which `schemas`, a set by its meaning, is in the order of the alphabet.
fn comparable(mut document: Document) -> Document {
    if let Some(Value::Array(urns)) = document.get_mut("schemas") {
        urns.sort_by_key(ToString::to_string);
    }
    document
}

/// Whether nothing is in `part` that is not in `whole`.
fn is_part(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => {
            part.iter().all(|(name, value)| whole.get(name).is_some_and(|other| is_part(value, other)))
        }
        (Value::Array(part), Value::Array(whole)) => {
            part.len() == whole.len() && part.iter().zip(whole).all(|(one, other)| is_part(one, other))
        }
        (part, whole) => part == whole,
    }
}

/// A user in canonical form, with attributes of every shape, known and unknown.
fn user() -> impl Strategy<Value = Document> {
    let text = || "[a-cA-C]{1,3}";
    let optional = |name: &'static str, value: BoxedStrategy<Value>| {
        prop::option::of(value).prop_map(move |value| value.map(|value| (name.to_owned(), value)))
    };
    let string = move || text().prop_map(Value::from).boxed();
    let plural = move || {
        let element = (text(), "work|home|other", prop::option::of(any::<bool>())).prop_map(
            |(value, kind, primary)| {
                let mut element = json!({ "value": value, "type": kind });
                if let Some(primary) = primary {
                    element["primary"] = primary.into();
                }
                element
            },
        );
        prop::collection::vec(element, 1..4).prop_map(Value::from).boxed()
    };
    let object = move |fields: &'static [&'static str]| {
        prop::collection::vec((prop::sample::select(fields), text()), 1..3)
            .prop_map(|fields| {
                fields.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
            })
            .prop_map(Value::Object)
            .boxed()
    };
    let enterprise = (object(&["department", "costCenter"]), prop::option::of(text())).prop_map(
        |(mut fields, manager)| {
            if let Some(manager) = manager {
                fields["manager"] = json!({ "value": manager });
            }
            fields
        },
    );
    let attributes = (
        optional("title", string()),
        optional("externalId", string()),
        optional("active", any::<bool>().prop_map(Value::from).boxed()),
        optional("name", object(&["givenName", "familyName", "formatted"])),
        optional("emails", plural()),
        optional("roles", plural()),
        optional("addresses", object(&["country", "locality"]).prop_map(|one| json!([one])).boxed()),
        optional(ENTERPRISE_USER_URN, enterprise.boxed()),
        optional("urn:okta:x:custom", object(&["hat", "shoe"])),
        optional(
            "shoeSize",
            prop_oneof![Just(json!(42)), Just(json!(["a", 1])), Just(json!({ "eu": 42 }))].boxed(),
        ),
    );
    (text(), attributes).prop_map(|(user_name, (a, b, c, d, e, f, g, h, i, j))| {
        let mut body = Map::from_iter([("userName".to_owned(), user_name.into())]);
        body.extend([a, b, c, d, e, f, g, h, i, j].into_iter().flatten());
        normalize(Value::Object(body), &ResourceSchema::user(), &Limits::default()).unwrap().document
    })
}

/// Operations as identity providers send them, most of which can be done.
fn operations() -> impl Strategy<Value = Vec<Value>> {
    let department = format!("{ENTERPRISE_USER_URN}:department");
    let one = prop_oneof![
        "[a-c]{1,3}".prop_map(|it| json!({ "op": "replace", "path": "title", "value": it })),
        "[a-c]{1,3}".prop_map(|it| json!({ "op": "add", "path": "name.givenName", "value": it })),
        "[a-c]{1,3}".prop_map(|it| json!({ "op": "add", "path": "emails", "value": [{ "value": it, "type": "work", "primary": true }] })),
        "[a-c]{1,3}".prop_map(|it| json!({ "op": "replace", "path": "emails[type eq \"work\"].value", "value": it })),
        "[a-c]{1,3}".prop_map(|it| json!({ "op": "remove", "path": format!("roles[value eq \"{it}\"]") })),
        "[a-c]{1,3}".prop_map(|it| json!({ "op": "remove", "path": "emails", "value": [{ "value": it }] })),
        "[a-c]{1,3}".prop_map(move |it| json!({ "op": "replace", "path": department, "value": it })),
        "[a-c]{1,3}".prop_map(|it| json!({ "op": "replace", "value": { "userName": it, "shoeSize": it } })),
        Just(json!({ "op": "remove", "path": ENTERPRISE_USER_URN })),
        Just(json!({ "op": "remove", "path": "addresses" })),
        Just(json!({ "op": "remove", "path": "userName" })),
        Just(json!({ "op": "replace", "path": "active", "value": "False" })),
        Just(json!({ "op": "add", "path": "nope", "value": 1 })),
    ];
    prop::collection::vec(one, 1..5)
}

fn names() -> impl Strategy<Value = Vec<String>> {
    let names = [
        "userName",
        "title",
        "name",
        "name.givenName",
        "emails",
        "emails.value",
        "id",
        "schemas",
        "password",
        "shoeSize",
        "nope",
        ENTERPRISE_USER_URN,
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
        "urn:okta:x:custom",
    ];
    let name = prop::sample::select(names.to_vec()).prop_map(str::to_owned);
    prop::collection::vec(name, 0..4)
}

/// One comparison that makes sense for its attribute.
fn term() -> impl Strategy<Value = String> {
    let path = prop::sample::select(vec![
        "userName",
        "TITLE",
        "externalId",
        "name.givenName",
        "emails",
        "emails.type",
        "roles.value",
        "shoeSize",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
    ]);
    let op = prop::sample::select(vec!["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]);
    prop_oneof![
        (path.clone(), op, "[a-cA-C]{0,2}").prop_map(|(path, op, text)| format!("{path} {op} \"{text}\"")),
        path.prop_map(|path| format!("{path} pr")),
        "(emails|roles)\\[type eq \"(work|home)\" and (value sw \"[ab]\"|primary eq true)\\]",
        "active (eq|ne) (true|false|null)",
    ]
}
