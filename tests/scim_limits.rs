//! What is too much is refused, with an error that says which limit it met and what is accepted.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use rollcall::scim::{
    Limits, ScimError, ScimType,
    bulk::BulkRequest,
    filter::{Filter, MAX_DEPTH, MAX_TERMS},
    json,
    list::{ListQuery, PageSizes},
    normalize::normalize,
    patch::{PatchRequest, apply},
    path::PatchPath,
    schema::ResourceSchema,
};
use serde_json::{Value, json};

const PAGES: PageSizes = PageSizes { default: 100, most: 1_000 };

fn limits() -> Limits {
    Limits { depth: 4, values: 3, members: 3, string_bytes: 8, operations: 3 }
}

fn refused<T>(result: Result<T, ScimError>, scim_type: ScimType, parts: &[&str]) {
    let Err(error) = result else { unreachable!("it was accepted, which {parts:?} forbids") };
    assert_eq!((error.status, error.scim_type), (400, Some(scim_type)), "{}", error.detail);
    for part in parts {
        assert!(error.detail.contains(part), "{} doesn't say {part}", error.detail);
    }
}

#[test]
fn a_body_that_is_nested_too_deeply_is_refused_with_its_place() {
    assert!(json::parse(b"[[[[1]]]]", &limits()).is_ok());
    let found = json::parse(b"[\n[[[[1]]]]]", &limits());
    refused(found, ScimType::InvalidSyntax, &["nested too deeply", "line 2 column 4", "at most 4 levels"]);
}

#[test]
fn a_string_that_is_too_long_is_refused() {
    assert!(json::parse(b"\"12345678\"", &limits()).is_ok());
    let found = json::parse(b"{\"a\":[\"123456789\"]}", &limits());
    refused(found, ScimType::InvalidValue, &["9 bytes", "at most 8"]);
}

#[test]
fn too_many_values_of_an_attribute_are_refused_however_they_come() {
    let schema = ResourceSchema::user();
    let put = |values: &[&str]| normalize(json!({ "userName": "a", "roles": values }), &schema, &limits());
    let before = put(&["1", "2", "3"]).unwrap().document;
    refused(put(&["1", "2", "3", "4"]), ScimType::TooMany, &["roles has 4 values", "at most 3"]);
    let patch = |values: &[&str]| {
        let body = json!({ "Operations": [{ "op": "add", "path": "roles", "value": values }] });
        apply(&PatchRequest::parse(body, &limits())?, &schema, before.clone(), &limits())
    };
    assert!(patch(&["3"]).is_ok());
    refused(patch(&["4"]), ScimType::TooMany, &["operation 1", "roles has 4 values", "at most 3"]);
}

#[test]
fn too_many_members_in_one_request_are_refused_however_they_come() {
    let schema = ResourceSchema::group();
    let many: Vec<Value> = (0..4).map(|id| json!({ "value": id.to_string() })).collect();
    let parts = ["members has 4 values", "at most 3"];
    let put = normalize(json!({ "displayName": "g", "members": many }), &schema, &limits());
    refused(put, ScimType::TooMany, &parts);
    let limits = Limits { string_bytes: 100, ..limits() };
    let before = normalize(json!({ "displayName": "g" }), &schema, &limits).unwrap().document;
    for operation in [
        json!({ "op": "add", "path": "members", "value": many }),
        json!({ "op": "replace", "value": { "members": many } }),
        json!({ "op": "remove", "path": "members", "value": many }),
    ] {
        let body = json!({ "Operations": [operation] });
        let request = PatchRequest::parse(body, &Limits { depth: 9, ..limits.clone() }).unwrap();
        refused(apply(&request, &schema, before.clone(), &limits), ScimType::TooMany, &parts);
    }
}

#[test]
fn too_many_operations_are_refused() {
    let operation = json!({ "op": "add", "value": {} });
    let body = |count: usize| json!({ "Operations": vec![operation.clone(); count] });
    assert!(PatchRequest::parse(body(3), &limits()).is_ok());
    refused(PatchRequest::parse(body(4), &limits()), ScimType::TooMany, &["4 operations", "at most 3"]);
    let error = BulkRequest::parse(body(4), 3).unwrap_err();
    assert_eq!(error.status, 413);
    assert!(error.detail.contains("maxOperations is 3"), "{}", error.detail);
}

#[test]
fn a_filter_that_is_too_long_too_deep_or_has_too_many_parts_is_refused() {
    let most = |what: &str, count: usize| format!("{what} {count}");
    let long = format!("userName eq \"{}\"", "a".repeat(8 * 1024));
    refused(Filter::parse(&long), ScimType::InvalidFilter, &["longer than 8192 bytes"]);
    let deep = |depth: usize| format!("{}a pr{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Filter::parse(&deep(MAX_DEPTH)).is_ok());
    let parts = [&most("more than", MAX_DEPTH), "levels of parentheses", "column"];
    refused(Filter::parse(&deep(MAX_DEPTH + 1)), ScimType::InvalidFilter, &parts.map(AsRef::as_ref));
    let wide = |terms: usize| vec!["a pr"; terms].join(" or ");
    assert!(Filter::parse(&wide(MAX_TERMS)).is_ok());
    let parts = [&most("more than", MAX_TERMS), "comparisons in one filter"];
    refused(Filter::parse(&wide(MAX_TERMS + 1)), ScimType::InvalidFilter, &parts.map(AsRef::as_ref));
}

#[test]
fn a_path_that_is_too_long_is_refused() {
    let path = format!("emails[value eq \"{}\"]", "a".repeat(8 * 1024));
    refused(PatchPath::parse(&path), ScimType::InvalidPath, &["longer than 8192 bytes"]);
}

#[test]
fn a_page_is_never_longer_than_the_longest_and_a_query_names_so_many_attributes_at_most() {
    let query = ListQuery::parse([("count", "99999999999999999999")], PAGES).unwrap();
    assert_eq!(query.count, PAGES.most);
    let names = vec!["a"; 201].join(",");
    for list in ["attributes", "excludedAttributes"] {
        let found = ListQuery::parse([(list, names.as_str())], PAGES);
        refused(found, ScimType::TooMany, &["at most 200 attributes"]);
    }
}
