//! Filters on a document, their printed form, and filters that mean harm.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use proptest::prelude::*;
use rollcall::scim::filter::{Filter, evaluate};
use rollcall::scim::path::{AttrPath, PatchPath};
use rollcall::scim::schema::{Attribute, Kind, ResourceSchema, Schema};
use rollcall::scim::{Document, ScimType};
use serde_json::Value;

const CASES: &str = include_str!("data/scim/filters.json");

#[test]
fn a_filter_matches_what_rfc_7644_says_it_does() {
    let cases = cases();
    for filter in texts(&cases["matching"]) {
        assert!(matches(&cases, &filter), "{filter}");
    }
    for filter in texts(&cases["not matching"]) {
        assert!(!matches(&cases, &filter), "{filter}");
    }
}

#[test]
fn a_filter_that_makes_no_sense_is_refused_with_the_reason() {
    let cases = cases();
    for case in cases["refused"].as_array().unwrap() {
        let (filter, reason) = (case[0].as_str().unwrap(), case[1].as_str().unwrap());
        let error = Filter::parse(filter)
            .and_then(|parsed| evaluate(&parsed, &schema(), &document(&cases)))
            .unwrap_err();
        assert_eq!(error.scim_type, Some(ScimType::InvalidFilter), "{filter}");
        assert!(error.detail.contains(reason), "{filter}: {}", error.detail);
    }
}

#[test]
fn every_filter_prints_and_parses_back_to_itself() {
    let cases = cases();
    for filter in texts(&cases["matching"]).chain(texts(&cases["not matching"])) {
        let parsed = Filter::parse(&filter).unwrap();
        assert_eq!(Filter::parse(&parsed.to_string()).unwrap(), parsed, "{filter}");
    }
}

#[test]
fn hostile_filters_are_refused_on_a_small_stack() {
    let hostile = [
        "not (".repeat(8_000),
        "not (".repeat(1_500),
        "(".repeat(8_000),
        format!("a pr{}", " and a pr".repeat(10_000)),
        format!("a pr{}", " or a pr".repeat(800)),
        format!("emails[{}", "(".repeat(4_000)),
        "a[".repeat(4_000),
        "\"".repeat(8_000),
        "\\".repeat(8_000),
        format!("a eq \"{}", "\\\"".repeat(4_000)),
    ];
    on_small_stack(move || {
        for filter in &hostile {
            let error = Filter::parse(filter).unwrap_err();
            assert_eq!((error.status, error.scim_type), (400, Some(ScimType::InvalidFilter)));
            assert!(error.detail.len() < 400, "{}", error.detail);
            assert!(PatchPath::parse(filter).is_err());
        }
    });
}

#[test]
fn the_largest_accepted_filter_is_tested_printed_and_dropped_on_a_small_stack() {
    on_small_stack(|| {
        let nested = format!("{}title pr{}", "not (".repeat(32), ")".repeat(32));
        let long = format!("title pr{}", " and title pr".repeat(199));
        let mut document = Document::new();
        document.insert("title".to_owned(), "x".into());
        for filter in [nested, long] {
            let parsed = Filter::parse(&filter).unwrap();
            assert_eq!(parsed.to_string(), filter);
            assert!(evaluate(&parsed, &ResourceSchema::user(), &document).unwrap());
        }
    });
}

proptest! {
    #[test]
    fn parsing_never_panics(text in "\\PC{0,200}") {
        let _ = Filter::parse(&text);
        let _ = PatchPath::parse(&text);
        let _ = AttrPath::parse(&text);
    }

    #[test]
    fn parsing_what_looks_like_a_filter_never_panics(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "userName", "emails", "not", "(", ")", "[", "]", "and", "or", "eq", "pr", "\"x\"", "-1", "null",
                ".value", "urn:a:b:c", "true", "\"", "\\", "é",
            ]),
            0..30,
        ),
        glue in prop::sample::select(vec![" ", ""]),
    ) {
        let text = words.join(glue);
        if let Ok(filter) = Filter::parse(&text) {
            prop_assert_eq!(Filter::parse(&filter.to_string()).unwrap(), filter);
        }
        if let Ok(path) = PatchPath::parse(&text) {
            prop_assert_eq!(PatchPath::parse(&path.to_string()).unwrap(), path);
        }
    }

    #[test]
    fn a_generated_filter_prints_and_parses_back_to_itself(text in expression()) {
        let filter = Filter::parse(&text).unwrap();
        let printed = filter.to_string();
        prop_assert_eq!(Filter::parse(&printed).unwrap(), filter, "{}", printed);
    }

    #[test]
    fn the_parts_of_a_conjunction_together_match_what_the_whole_matches(text in expression()) {
        let cases = cases();
        let (document, schema) = (document(&cases), schema());
        let filter = Filter::parse(&text).unwrap();
        let Ok(whole) = evaluate(&filter, &schema, &document) else { return Ok(()) };
        let parts = filter.conjuncts();
        let all = parts.iter().all(|part| evaluate(part, &schema, &document).unwrap());
        prop_assert_eq!(whole, all, "{}", text);
    }
}

/// The text of a filter, with more parentheses than it needs.
fn expression() -> impl Strategy<Value = String> {
    let path = prop::sample::select(vec![
        "userName",
        "name.familyName",
        "title",
        "nope",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
    ]);
    let op = prop::sample::select(vec!["eq", "ne", "co", "SW", "ew", "gt", "ge", "lt", "le"]);
    let literal = prop_oneof![
        "\\PC{0,8}".prop_map(|text| Value::from(text).to_string()),
        Just("\"Guide\"".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>()
            .prop_filter("finite", |number| number.is_finite())
            .prop_map(|number| format!("{number:e}")),
        Just("null".to_owned()),
        Just("true".to_owned()),
    ];
    let term = prop_oneof![
        (path.clone(), op, literal).prop_map(|(path, op, literal)| format!("{path} {op} {literal}")),
        path.prop_map(|path| format!("{path} pr")),
        Just("emails[type eq \"work\" or value sw \"b\"]".to_owned()),
        Just("emails[type eq \"work\"].value ew \"com\"".to_owned()),
    ];
    term.prop_recursive(5, 40, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("{left} and {right}")),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("{left} or {right}")),
            inner.clone().prop_map(|inner| format!("({inner})")),
            inner.prop_map(|inner| format!("not ({inner})")),
        ]
    })
}

fn on_small_stack(test: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(256 * 1024).spawn(test).unwrap().join().unwrap();
}

fn cases() -> Value {
    serde_json::from_str(CASES).unwrap()
}

fn texts(list: &Value) -> impl Iterator<Item = String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned())
}

fn matches(cases: &Value, filter: &str) -> bool {
    let parsed = Filter::parse(filter).unwrap_or_else(|error| panic!("{filter}: {error}"));
    evaluate(&parsed, &schema(), &document(cases)).unwrap_or_else(|error| panic!("{filter}: {error}"))
}

fn document(cases: &Value) -> Document {
    let mut document = cases["document"].as_object().unwrap().clone();
    let urns = vec![
        "urn:ietf:params:scim:schemas:core:2.0:User",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
    ];
    document.insert("schemas".to_owned(), urns.into());
    document
}

fn schema() -> ResourceSchema {
    ResourceSchema::user().with_extension(Schema {
        id: "urn:example:1.0:Badge".to_owned(),
        name: "Badge".to_owned(),
        description: "What a badge says.".to_owned(),
        required: false,
        attributes: vec![
            Attribute::new(Kind::Integer, "level", "A level."),
            Attribute::new(Kind::Decimal, "score", "A score."),
            Attribute::string("colours", "Colours.").multi_valued(),
        ],
    })
}
