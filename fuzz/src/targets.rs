//! What is fuzzed: each target takes any bytes, as a client may send them, and panics if a law is broken.
//!
//! `make fuzz` calls these guided by coverage, `tests/fuzz.rs` with bytes that owe more to chance.

use std::borrow::Cow;

use std::time::Duration;

use serde_json::{Value, json};

use super::scim::{
    Document, Limits, ScimError,
    bulk::{self, Action, BulkRequest, reference},
    cursor::CursorScope,
    filter::Filter,
    json,
    list::{ListQuery, PageSizes},
    normalize::normalize,
    patch::{PatchRequest, apply},
    path::{AttrPath, PatchPath},
    project::Projection,
    schema::ResourceSchema,
    sort::Sorter,
    version::Conditions,
};

/// Takes bytes and panics if something is wrong.
pub type Target = fn(&[u8]);

/// Every target by its name, which is that of its corpus, too.
pub const TARGETS: [(&str, Target); 6] = [
    ("filter", filter),
    ("path", path),
    ("patch", patch),
    ("document", document),
    ("query", query),
    ("bulk", bulk),
];

/// No error repeats so much of what a client sent that it becomes a burden itself.
const LONGEST_DETAIL: usize = 2_000;

/// A filter prints and parses back to itself, and is tested on a user without harm.
fn filter(bytes: &[u8]) {
    let Some(filter) = text(bytes).and_then(|text| accepted(Filter::parse(text))) else { return };
    let printed = filter.to_string();
    let again = Filter::parse(&printed);
    assert_eq!(again.as_ref(), Ok(&filter), "printed as {printed}");
    for (schema, document) in resources() {
        let Some(matcher) = accepted(filter.compile(&schema)) else { continue };
        let whole = matcher.matches(&document);
        let parts = filter.conjuncts();
        let each =
            parts.iter().all(|part| accepted(part.compile(&schema)).is_some_and(|it| it.matches(&document)));
        assert_eq!(whole, each, "{printed}");
        let by_parts = matcher.matches_by(&|name| document.get(name).cloned().map(Cow::Owned));
        assert_eq!(whole, by_parts, "{printed}");
    }
}

/// A path prints and parses back to itself.
fn path(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    if let Some(path) = accepted(PatchPath::parse(text)) {
        assert_eq!(PatchPath::parse(&path.to_string()).as_ref(), Ok(&path));
    }
    if let Some(path) = accepted(AttrPath::parse(text)) {
        assert_eq!(AttrPath::parse(&path.to_string()).as_ref(), Ok(&path));
    }
}

/// A PATCH makes a canonical document of a canonical one.
fn patch(bytes: &[u8]) {
    let limits = Limits::default();
    let Some(body) = accepted(json::parse(bytes, &limits)) else { return };
    let Some(request) = accepted(PatchRequest::parse(body, &limits)) else { return };
    for (schema, before) in resources() {
        let Some(patched) = accepted(apply(&request, &schema, before, &limits)) else { continue };
        is_canonical(&patched.document, &schema);
    }
}

/// Whatever is accepted with POST or PUT becomes a canonical document, of which any part can be cut out.
fn document(bytes: &[u8]) {
    let Some(body) = accepted(json::parse(bytes, &Limits::default())) else { return };
    for (schema, _) in resources() {
        let Some(normalized) = accepted(normalize(body.clone(), &schema, &Limits::default())) else {
            continue;
        };
        is_canonical(&normalized.document, &schema);
        let names: Vec<String> = normalized.document.keys().cloned().collect();
        let all: Vec<_> = names.iter().filter(|name| AttrPath::parse(name).is_ok()).cloned().collect();
        let Some(projection) = accepted(Projection::parse(&all, &[], &schema)) else { continue };
        for name in projection.apply(normalized.document.clone(), &schema).keys() {
            assert!(normalized.document.contains_key(name), "{name} came from nowhere");
        }
    }
}

/// A query in a URL, the same as a SearchRequest, and the headers and cursors that go with it.
fn query(bytes: &[u8]) {
    let pages = PageSizes { default: 100, most: 1_000 };
    let Some(text) = text(bytes) else { return };
    let pairs = text.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let parsed = accepted(ListQuery::parse(pairs, pages));
    let body = accepted(json::parse(bytes, &Limits::default()));
    let searched = body.and_then(|body| accepted(ListQuery::parse_search(&body, pages)));
    for query in [parsed, searched].into_iter().flatten() {
        assert!(query.count <= pages.most && query.start_index >= 1);
        for (schema, document) in resources() {
            accepted(Projection::parse(&query.attributes, &query.excluded_attributes, &schema))
                .map(|projection| projection.apply(document.clone(), &schema));
            let sort_by = query.sort_by.as_ref();
            sort_by
                .and_then(|by| accepted(Sorter::new(by, query.sort_order, &schema)))
                .map(|sorter| sorter.key(&document));
        }
    }
    let _ = Conditions::parse([text], [text]).allow_write("1");
    let scope = CursorScope::new(&["fuzz"], jiff::Timestamp::UNIX_EPOCH, Duration::from_mins(1));
    if let Some(cursor) = accepted(scope.open(text)) {
        assert_eq!(scope.open(&scope.seal(cursor.clone())).as_ref(), Ok(&cursor));
    }
}

/// A bulk request is planned whole: each operation runs once.
fn bulk(bytes: &[u8]) {
    let limits = Limits::default();
    let Some(body) = accepted(json::parse(bytes, &limits)) else { return };
    let Some(request) = accepted(BulkRequest::parse(body, 100)) else { return };
    let mut runs = vec![0; request.operations.len()];
    for step in bulk::plan(&request.operations) {
        if let bulk::Step::Run { operation, .. } = step {
            runs[operation] += 1;
        }
    }
    assert!(runs.iter().all(|times| *times == 1), "{runs:?}");
    for task in request.operations.into_iter().filter_map(|operation| operation.task.ok()) {
        let mut data = match task.action {
            Action::Create(data) | Action::Replace(_, _, data) | Action::Patch(_, _, data) => data,
            Action::Delete(..) => continue,
        };
        let split = reference::split_off(&mut data, |bulk_id| bulk_id.len() % 2 == 0);
        reference::resolve(&mut data, |bulk_id| Some(format!("id-of-{bulk_id}")));
        let _ = PatchRequest::parse(reference::patch_of(&split), &limits);
    }
}

/// What is refused is the client's mistake, and says so in moderate words.
fn accepted<T>(result: Result<T, ScimError>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            assert!((400..500).contains(&error.status), "{}: {}", error.status, error.detail);
            assert!(!error.detail.is_empty() && error.detail.len() < LONGEST_DETAIL, "{}", error.detail);
            None
        }
    }
}

fn is_canonical(document: &Document, schema: &ResourceSchema) {
    let mut expected = document.clone();
    expected.shift_remove("id");
    let again = normalize(Value::Object(expected.clone()), schema, &Limits::default());
    let again = again.unwrap_or_else(|error| panic!("{document:?} is refused: {}", error.detail));
    assert_eq!(again.document, expected);
    assert!(again.password.is_none() && again.members.is_none());
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// A user and a group as a store keeps them.
fn resources() -> Vec<(ResourceSchema, Document)> {
    let user = json!({
        "userName": "ada",
        "title": "Countess",
        "active": true,
        "name": { "givenName": "Ada", "familyName": "Lovelace" },
        "emails": [{ "value": "a@b", "type": "work", "primary": true }, { "value": "c@d", "type": "home" }],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "R", "manager": { "value": "2" } },
        "urn:okta:x:custom": { "hat": "L" },
        "shoe": 42,
    });
    let group = json!({ "displayName": "Engines", "externalId": "7" });
    [(ResourceSchema::user(), user), (ResourceSchema::group(), group)]
        .into_iter()
        .filter_map(|(schema, body)| {
            let mut document = normalize(body, &schema, &Limits::default()).ok()?.document;
            document.insert("id".to_owned(), "1".into());
            Some((schema, document))
        })
        .collect()
}
