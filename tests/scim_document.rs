//! Documents as clients send them, as they are kept, and as they are returned.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use proptest::prelude::*;
use rollcall::scim::list::{ListQuery, PageSizes, Place, list_response};
use rollcall::scim::normalize::normalize;
use rollcall::scim::patch::{PatchRequest, apply};
use rollcall::scim::path::AttrPath;
use rollcall::scim::project::Projection;
use rollcall::scim::schema::{ENTERPRISE_USER_URN, ResourceSchema};
use rollcall::scim::sort::{SortOrder, Sorter};
use rollcall::scim::{Document, Limits, ScimType, discovery, json};
use serde_json::{Map, Value, json};

const CASES: &str = include_str!("data/scim/normalize.json");

const PAGES: PageSizes = PageSizes { default: 100, most: 100 };

#[test]
fn what_clients_post_becomes_a_canonical_document() {
    let cases: Vec<Value> = serde_json::from_str(CASES).unwrap();
    for case in cases {
        let name = &case["name"];
        let schema =
            if case["resource"] == "Group" { ResourceSchema::group() } else { ResourceSchema::user() };
        match (normalize(case["body"].clone(), &schema, &Limits::default()), case["error"].as_str()) {
            (Ok(normalized), None) => {
                assert_eq!(Value::Object(normalized.document), case["expect"], "{name}");
                assert_eq!(normalized.id.as_deref(), case["id"].as_str(), "{name}");
                let password = normalized.password.as_ref().map(rollcall::scim::password::Password::expose);
                assert_eq!(password, case["password"].as_str(), "{name}");
                let ids = |members: Vec<_>| {
                    members.into_iter().map(|member: rollcall::scim::member::MemberRef| member.value)
                };
                let members: Option<Vec<String>> = normalized.members.map(|members| ids(members).collect());
                assert_eq!(json!(members), case["members"], "{name}");
            }
            (Err(error), Some(expected)) => {
                assert_eq!(error.scim_type.map(ScimType::as_str), Some(expected), "{name}: {error}");
                assert!(error.detail.contains(case["detail"].as_str().unwrap()), "{name}: {error}");
            }
            (found, expected) => panic!("{name}: expected {expected:?}, got {found:?}"),
        }
    }
}

#[test]
fn a_canonical_document_is_normalised_to_itself() {
    let cases: Vec<Value> = serde_json::from_str(CASES).unwrap();
    for case in cases.iter().filter(|case| case["expect"].is_object()) {
        let schema =
            if case["resource"] == "Group" { ResourceSchema::group() } else { ResourceSchema::user() };
        let again = normalize(case["expect"].clone(), &schema, &Limits::default()).unwrap();
        assert_eq!(Value::Object(again.document), case["expect"], "{}", case["name"]);
    }
}

#[test]
fn lists_beyond_the_limits_are_too_many() {
    let limits = Limits { values: 2, members: 3, ..Limits::default() };
    let user = json!({ "userName": "a", "roles": ["1", "2", "3"] });
    let error = normalize(user, &ResourceSchema::user(), &limits).unwrap_err();
    assert_eq!(error.scim_type, Some(ScimType::TooMany));
    let group = json!({ "displayName": "a", "members": ["1", "2", "3", "4"] });
    let error = normalize(group, &ResourceSchema::group(), &limits).unwrap_err();
    assert_eq!(error.scim_type, Some(ScimType::TooMany));
    assert!(error.detail.contains("at most 3"), "{error}");
}

#[test]
fn attributes_and_excluded_attributes_cut_a_document_down() {
    let schema = ResourceSchema::user();
    let document = stored();
    let cut = |only: &str, without: &str| {
        let query = ListQuery::parse([("attributes", only), ("excludedAttributes", without)], PAGES).unwrap();
        let projection = Projection::parse(&query.attributes, &query.excluded_attributes, &schema).unwrap();
        Value::Object(projection.apply(document.clone(), &schema))
    };
    let always = json!({ "schemas": document["schemas"], "id": "1" });
    let with = |more: Value| {
        let mut all = always.as_object().unwrap().clone();
        all.extend(more.as_object().unwrap().clone());
        Value::Object(all)
    };
    let department = format!("{ENTERPRISE_USER_URN}:department");
    assert_eq!(cut("", ""), Value::Object(document.clone()));
    assert_eq!(cut("USERNAME", ""), with(json!({ "userName": "ada" })));
    assert_eq!(cut("userName,password,id", ""), with(json!({ "userName": "ada" })));
    assert_eq!(cut("name.givenName", ""), with(json!({ "name": { "givenName": "Ada" } })));
    assert_eq!(cut("emails.value", ""), with(json!({ "emails": [{ "value": "a@b" }] })));
    assert_eq!(cut(&department, ""), with(json!({ ENTERPRISE_USER_URN: { "department": "R" } })));
    assert_eq!(
        cut(ENTERPRISE_USER_URN, ""),
        with(json!({ ENTERPRISE_USER_URN: document[ENTERPRISE_USER_URN] }))
    );
    assert_eq!(cut("urn:okta:x:custom", ""), with(json!({ "urn:okta:x:custom": { "hat": "L" } })));
    assert_eq!(cut("nope", ""), always);
    let rest = cut(
        "",
        "id,schemas,name,emails.type,urn:okta:x:custom,urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
    );
    assert_eq!(rest, with(json!({ "userName": "ada", "emails": [{ "value": "a@b" }], "shoe": 42 })));
}

#[test]
fn a_projection_tells_whether_members_are_wanted() {
    let schema = ResourceSchema::group();
    let wants = |only: &[&str], without: &[&str]| {
        let own = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        Projection::parse(&own(only), &own(without), &schema).unwrap().includes("members")
    };
    assert!(wants(&[], &[]));
    assert!(wants(&["members.value"], &[]));
    assert!(wants(&[], &["members.display"]));
    assert!(!wants(&["id"], &[]));
    assert!(!wants(&[], &["MEMBERS"]));
}

#[test]
fn a_password_is_not_returned_even_from_a_document_that_has_one() {
    let schema = ResourceSchema::user();
    let mut document = stored();
    document.insert("password".to_owned(), "hunter2".into());
    let names = ["password".to_owned()];
    for only in [&names[..], &[]] {
        let projection = Projection::parse(only, &[], &schema).unwrap();
        assert!(!projection.apply(document.clone(), &schema).contains_key("password"));
    }
}

#[test]
fn a_query_is_read_as_rfc_7644_says() {
    let query = ListQuery::parse([("startIndex", "0"), ("count", "-1"), ("x", "y")], PAGES).unwrap();
    assert_eq!((query.start_index, query.count, query.filter), (1, 0, None));
    let query = ListQuery::parse([("startindex", "99999999999999999999999"), ("COUNT", "1000000000")], PAGES)
        .unwrap();
    assert_eq!((query.start_index, query.count), (usize::MAX, 100));
    for pair in [("count", "ten"), ("count", ""), ("startIndex", "1.5"), ("sortOrder", "up")] {
        assert_eq!(
            ListQuery::parse([pair], PAGES).unwrap_err().scim_type,
            Some(ScimType::InvalidValue),
            "{pair:?}"
        );
    }
    let error = ListQuery::parse([("attributes", "a,".repeat(201).as_str())], PAGES).unwrap_err();
    assert_eq!(error.scim_type, Some(ScimType::TooMany));
    let error = ListQuery::parse([("filter", "userName eq")], PAGES).unwrap_err();
    assert_eq!(error.scim_type, Some(ScimType::InvalidFilter));
    let page = list_response(3, Place::Index(2), vec![json!({ "id": "1" })]);
    assert_eq!(
        (&page["totalResults"], &page["startIndex"], &page["itemsPerPage"]),
        (&json!(3), &json!(2), &json!(1))
    );
}

#[test]
fn a_query_with_a_cursor_has_a_count_and_no_index() {
    let parse = |pairs: &[(&str, &str)]| ListQuery::parse(pairs.iter().copied(), PAGES);
    let query = parse(&[("cursor", ""), ("count", "1000000")]).unwrap();
    assert_eq!((query.cursor.as_deref(), query.count), (Some(""), 100));
    assert_eq!(parse(&[("count", "-1"), ("cursor", "")]).unwrap().count, 0);
    for count in ["ten", "", "1.5"] {
        let error = parse(&[("count", count), ("Cursor", "x")]).unwrap_err();
        assert_eq!(error.scim_type, Some(ScimType::InvalidCount), "{count}");
    }
    let error = parse(&[("startIndex", "1"), ("cursor", "")]).unwrap_err();
    assert_eq!(error.scim_type, Some(ScimType::InvalidValue));
    assert!(error.detail.contains("startIndex"), "{error}");
    let body = json!({ "cursor": "abc", "count": 2 });
    assert_eq!(ListQuery::parse_search(&body, PAGES).unwrap().cursor.as_deref(), Some("abc"));
}

#[test]
fn a_search_request_says_with_json_what_a_query_says() {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
        "attributes": ["displayName", "userName"],
        "filter": "displayName sw \"smith\"",
        "sortBy": null,
        "startIndex": 1,
        "count": 10,
    });
    let pairs = [
        ("attributes", "displayName,userName"),
        ("filter", "displayName sw \"smith\""),
        ("startIndex", "1"),
        ("count", "10"),
    ];
    assert_eq!(ListQuery::parse_search(&body, PAGES).unwrap(), ListQuery::parse(pairs, PAGES).unwrap());
    assert!(ListQuery::parse_search(&json!({ "count": true }), PAGES).is_err());
    assert!(ListQuery::parse_search(&json!([]), PAGES).is_err());
}

#[test]
fn documents_are_sorted_by_primary_value_without_regard_to_case_and_the_empty_ones_last() {
    let schema = ResourceSchema::user();
    let documents = [
        json!({ "id": "none" }),
        json!({ "id": "b", "emails": [{ "value": "a@x" }, { "value": "B@x", "primary": true }] }),
        json!({ "id": "c", "emails": [{ "value": "c@x" }] }),
        json!({ "id": "a", "emails": [{ "value": "A@x" }] }),
    ];
    let sorted = |order| {
        let sorter = Sorter::new(&AttrPath::parse("Emails").unwrap(), order, &schema).unwrap();
        let mut keyed: Vec<_> =
            documents.iter().map(|one| (sorter.key(one.as_object().unwrap()), &one["id"])).collect();
        keyed.sort_by(|left, right| left.0.cmp(&right.0));
        keyed.into_iter().map(|(_, id)| id.as_str().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(sorted(SortOrder::Ascending), ["a", "b", "c", "none"]);
    assert_eq!(sorted(SortOrder::Descending), ["none", "c", "b", "a"]);
    for path in ["password", "nope", "name"] {
        assert!(
            Sorter::new(&AttrPath::parse(path).unwrap(), SortOrder::Ascending, &schema).is_err(),
            "{path}"
        );
    }
}

#[test]
fn discovery_says_what_the_tables_say() {
    let (user, group) = (ResourceSchema::user(), ResourceSchema::group());
    let schemas = discovery::schemas(&[&user, &group], "https://x/scim");
    assert_eq!(schemas["totalResults"], 3);
    let user_name = &schemas["Resources"][0]["attributes"][0];
    assert_eq!(
        (&user_name["name"], &user_name["type"], &user_name["caseExact"], &user_name["uniqueness"]),
        (&json!("userName"), &json!("string"), &json!(false), &json!("server"))
    );
    let types = discovery::resource_types(&[&user, &group], "https://x/scim");
    assert_eq!(types["Resources"][0]["schemaExtensions"][0]["schema"], ENTERPRISE_USER_URN);
    assert_eq!(types["Resources"][1]["meta"]["location"], "https://x/scim/ResourceTypes/Group");
    let features = discovery::Features {
        patch: true,
        bulk: None,
        filter_max_results: Some(200),
        change_password: false,
        sort: true,
        etag: true,
        pagination: discovery::Pagination { sizes: PAGES, cursor_timeout: std::time::Duration::from_mins(1) },
    };
    let config = discovery::service_provider_config(&features, "https://x/scim");
    assert_eq!((&config["filter"]["maxResults"], &config["bulk"]["supported"]), (&json!(200), &json!(false)));
    assert_eq!(config["pagination"]["cursorTimeout"], 60);
}

#[test]
fn deep_json_is_refused_and_the_deepest_accepted_is_handled_on_a_small_stack() {
    let test = || {
        let limits = Limits::default();
        for body in ["[".repeat(1_000_000), "{\"a\":".repeat(100_000)] {
            assert_eq!(
                json::parse(body.as_bytes(), &limits).unwrap_err().scim_type,
                Some(ScimType::InvalidSyntax)
            );
        }
        let deep = format!("{}1{}", "{\"Operations\":".repeat(29), "}".repeat(29));
        let urn = "urn:ietf:params:scim:schemas:core:2.0:User";
        let core = format!("{}{{\"userName\":\"a\"}}{}", format!("{{\"{urn}\":").repeat(28), "}".repeat(28));
        for (body, schema) in [(deep, ResourceSchema::user()), (core, ResourceSchema::user())] {
            let body = json::parse(body.as_bytes(), &limits).unwrap();
            let _ = normalize(body.clone(), &schema, &limits);
            let request = json!({ "Operations": [{ "op": "add", "value": body }] });
            let request = PatchRequest::parse(request, &limits).unwrap();
            apply(&request, &schema, stored(), &limits).unwrap();
        }
    };
    std::thread::Builder::new().stack_size(256 * 1024).spawn(test).unwrap().join().unwrap();
}

proptest! {
    #[test]
    fn parsing_json_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = json::parse(&bytes, &Limits::default());
    }

    #[test]
    fn strict_parsing_reads_what_lenient_parsing_reads(value in any_json()) {
        let text = value.to_string();
        let lenient: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(json::parse(text.as_bytes(), &Limits::default()).unwrap(), lenient);
    }

    #[test]
    fn normalising_never_panics_and_is_stable(body in any_body()) {
        for schema in [ResourceSchema::user(), ResourceSchema::group()] {
            let Ok(once) = normalize(body.clone(), &schema, &Limits::default()) else { continue };
            let again = normalize(Value::Object(once.document.clone()), &schema, &Limits::default()).unwrap();
            prop_assert_eq!(again.document, once.document);
        }
    }

    #[test]
    fn a_patch_never_panics_and_leaves_a_canonical_document(operations in prop::collection::vec(any_operation(), 1..4)) {
        let request = json!({ "Operations": operations });
        let limits = Limits::default();
        let Ok(request) = PatchRequest::parse(request, &limits) else { return Ok(()) };
        for (schema, document) in [
            (ResourceSchema::user(), stored()),
            (ResourceSchema::group(), document(&json!({ "displayName": "G" }), &ResourceSchema::group())),
        ] {
            let Ok(patched) = apply(&request, &schema, document, &limits) else { continue };
            let mut expected = patched.document.clone();
            expected.remove("id");
            let again = normalize(Value::Object(patched.document), &schema, &limits).unwrap();
            prop_assert_eq!(again.document, expected);
            prop_assert_eq!(again.password, None);
        }
    }

    #[test]
    fn add_and_then_remove_of_one_value_is_no_change(value in "[a-z]{1,8}", kind in "[a-z]{1,8}") {
        let schema = ResourceSchema::user();
        let before = stored();
        let element = json!([{ "value": value, "type": kind }]);
        let run = |document: Document, op: &str| {
            let body = json!({ "Operations": [{ "op": op, "path": "phoneNumbers", "value": element }] });
            let request = PatchRequest::parse(body, &Limits::default()).unwrap();
            apply(&request, &schema, document, &Limits::default()).unwrap().document
        };
        prop_assert_eq!(run(run(before.clone(), "add"), "remove"), before);
    }

    #[test]
    fn a_replace_without_a_path_says_what_a_put_of_the_same_does(body in any_body()) {
        let schema = ResourceSchema::user();
        let limits = Limits::default();
        // Keys with a filter are a dialect of PATCH alone.
        let text = body.to_string();
        if ["[type", "[primary", "[value", "[not"].iter().any(|filter| text.contains(filter)) {
            return Ok(());
        }
        // What is said twice is merged by a PUT, and done in its order by a PATCH.
        let names = body.as_object().into_iter().flat_map(Map::keys).filter_map(|key| AttrPath::parse(key).ok());
        let mut names: Vec<_> = names.map(|path| path.name.to_ascii_lowercase()).collect();
        names.sort();
        if names.windows(2).any(|two| two[0] == two[1]) {
            return Ok(());
        }
        let Ok(put) = normalize(body.clone(), &schema, &limits) else { return Ok(()) };
        let request = json!({ "Operations": [{ "op": "replace", "value": body }] });
        let request = PatchRequest::parse(request, &limits).unwrap();
        let empty = document(&json!({ "userName": "nobody" }), &schema);
        let patched = match apply(&request, &schema, empty, &limits) {
            Ok(patched) => patched,
            // RFC 7644 has a PUT ignore what is read-only, and a PATCH refuse it; and a key of a PATCH is a path,
            // which can be wrong, where that of a PUT is a name.
            Err(error) => {
                let passed_over = [ScimType::Mutability, ScimType::InvalidPath, ScimType::InvalidFilter];
                prop_assert!(error.scim_type.is_some_and(|it| passed_over.contains(&it)), "{}", error.detail);
                return Ok(());
            }
        };
        let known = |document: Document| -> Document {
            document.into_iter().filter(|(key, _)| schema.attribute(key).is_some() && key != "schemas").collect()
        };
        prop_assert_eq!(known(patched.document), known(put.document));
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e6..1e6).prop_map(Value::from),
        prop::sample::select(vec!["", "true", "False", "work", "a@b", "2011-05-13T04:42:34Z"])
            .prop_map(Value::from),
        "\\PC{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((any_key(), inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Names that the schemas know, in several spellings, and others.
fn any_key() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec![
            "userName", "USERNAME", "name", "name.givenName", "givenName", "emails", "emails.value", "value", "type",
            "primary", "active", "roles", "addresses", "manager", "displayName", "members", "id", "meta", "groups",
            "schemas", "password", "x509Certificates", "$ref",
            "emails[type eq \"work\"].value", "emails[type eq \"work\"]", "emails[primary eq true]", "members[value eq \"x\"]",
            "roles[not (value pr)]", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
            "urn:ietf:params:scim:schemas:core:2.0:User", "urn:okta:x:custom", "urn:okta:x:custom:hat", "shoe", "shoe.size",
        ]).prop_map(str::to_owned),
        1 => "\\PC{0,6}",
    ]
}

fn any_body() -> impl Strategy<Value = Value> {
    prop::collection::vec((any_key(), any_json()), 0..5).prop_map(|fields| {
        let mut body: Document = fields.into_iter().collect();
        if !body.keys().any(|key| key.eq_ignore_ascii_case("userName")) {
            body.insert("userName".to_owned(), "ada".into());
        }
        Value::Object(body)
    })
}

fn any_operation() -> impl Strategy<Value = Value> {
    let op = prop::sample::select(vec!["add", "Replace", "remove"]);
    (op, prop::option::weighted(0.8, any_key()), any_json(), any_body(), any::<bool>()).prop_map(
        |(op, path, value, body, whole)| {
            let value = if path.is_none() || whole { body } else { value };
            json!({ "op": op, "path": path, "value": value })
        },
    )
}

fn document(body: &Value, schema: &ResourceSchema) -> Document {
    normalize(body.clone(), schema, &Limits::default()).unwrap().document
}

/// A user as a store would keep one.
fn stored() -> Document {
    let body = json!({
        "userName": "ada",
        "name": { "givenName": "Ada", "familyName": "Lovelace" },
        "emails": [{ "value": "a@b", "type": "work" }],
        ENTERPRISE_USER_URN: { "department": "R", "manager": { "value": "2" } },
        "urn:okta:x:custom": { "hat": "L" },
        "shoe": 42,
    });
    let mut document = document(&body, &ResourceSchema::user());
    document.insert("id".to_owned(), "1".into());
    document
}
