//! A user as the app should have them, attribute by attribute, and how that differs from what the app shows.
//!
//! Only what our document says is compared: what the app knows besides (a preferred theme, a role it gave) is its
//! own. Attributes that the app answers in another order, spelling of names or with more detail are equal.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Number, Value, json};

use super::request::Operation;
use crate::downstream::UserView;

/// RFC 7643 section 8.7.1.
const USER_SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

/// What is not pushed, with the reason beside each.
const NOT_PUSHED: [&str; 5] = [
    "id",       // The app has its own.
    "meta",     // The app has its own.
    "schemas",  // Computed from what is pushed.
    "groups",   // Read-only; changed through groups.
    "password", // Pushed by itself, and only where it is asked for.
];

/// In the enterprise extension, `manager.value` is an id of *our* tenant, which means nothing to the app.
const MANAGER: &str = "manager";

/// What one user should look like in the app.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    document: Map<String, Value>,
    attributes: BTreeMap<Path, Value>,
}

/// Where an attribute is: `title`, `name.familyName`, `urn:...:User:department`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path {
    extension: Option<String>,
    name: String,
    sub: Option<String>,
}

/// One attribute that is not as we want it.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    path: Path,
    /// Nothing: it has to go.
    wanted: Option<Value>,
    shown: Value,
}

impl Wanted {
    /// What the app should have of this user.
    pub fn new(user: &UserView) -> Self {
        let mut document: Map<String, Value> = user
            .document
            .iter()
            .filter(|(name, value)| {
                !NOT_PUSHED.iter().any(|other| name.eq_ignore_ascii_case(other)) && !unassigned(value)
            })
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        for extension in
            document.iter_mut().filter_map(|(name, value)| is_urn(name).then(|| value.as_object_mut())?)
        {
            extension.retain(|name, value| !name.eq_ignore_ascii_case(MANAGER) && !unassigned(value));
        }
        document.retain(|_, value| !unassigned(value));
        document.insert("active".to_owned(), user.active.into());
        document.entry("externalId").or_insert_with(|| user.id.as_str().into());
        Self { attributes: flatten(&document), document }
    }

    /// A user of whom nothing is wanted but that they have no access.
    pub fn without_access() -> Self {
        let document = Map::from_iter([("active".to_owned(), Value::Bool(false))]);
        Self { attributes: flatten(&document), document }
    }

    /// The name that the app is asked for; none in a document that is no user's.
    pub fn user_name(&self) -> Option<&str> {
        self.document.get("userName")?.as_str()
    }

    /// Whether the user should have access.
    pub fn active(&self) -> bool {
        self.document.get("active") == Some(&Value::Bool(true))
    }

    /// The paths of everything wanted.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.attributes.keys()
    }

    /// The body of a POST.
    pub fn body(&self) -> Map<String, Value> {
        with_schemas(self.document.clone())
    }

    /// The body of a PUT: what the app shows, with what we want laid over it, so that nothing of the app's is lost.
    pub fn body_over(&self, observed: &Map<String, Value>, gone: &[&Path]) -> Map<String, Value> {
        let mut body = observed.clone();
        body.retain(|name, _| {
            // What an app shows as a password is none.
            !["meta", "groups", "schemas", "password"].iter().any(|other| name.eq_ignore_ascii_case(other))
        });
        for path in gone {
            path.remove_from(&mut body);
        }
        for (name, value) in &self.document {
            lay_over(&mut body, name, value);
        }
        with_schemas(body)
    }

    /// How `observed` differs. Attributes in `before` were put there by us and are wanted no more.
    pub fn differences<'a>(
        &self,
        observed: &Map<String, Value>,
        before: impl IntoIterator<Item = &'a Path>,
    ) -> Vec<Difference> {
        let wanted = self.attributes.iter().map(|(path, value)| (path, Some(value)));
        let unwanted =
            before.into_iter().filter(|path| !self.attributes.contains_key(path)).map(|path| (path, None));
        wanted
            .chain(unwanted)
            .map(|(path, value)| (path, value, path.value_in(observed)))
            .filter(|(_, value, shown)| !same(value.unwrap_or(&Value::Null), shown))
            .map(|(path, wanted, shown)| Difference {
                path: path.clone(),
                wanted: wanted.cloned(),
                shown: shown.clone(),
            })
            .collect()
    }
}

impl Difference {
    /// The operation that ends it.
    pub fn operation(&self) -> Operation {
        let path = self.path.to_string();
        match &self.wanted {
            Some(value) => Operation::Replace { path, value: value.clone() },
            None => Operation::Remove { path },
        }
    }

    /// Whether this is access that must be taken away.
    pub fn takes_access(&self) -> bool {
        self.path == Path::active() && self.wanted == Some(Value::Bool(false))
    }

    /// Whether the app shows the opposite of the access that is wanted.
    pub fn is_access(&self) -> bool {
        self.path == Path::active() && !self.shown.is_null()
    }
}

impl Path {
    fn active() -> Self {
        Self { extension: None, name: "active".to_owned(), sub: None }
    }

    /// Reads what `Display` writes.
    pub fn parse(text: &str) -> Self {
        let (extension, path) = match text.rsplit_once(':') {
            Some((urn, path)) => (Some(urn.to_owned()), path),
            None => (None, text),
        };
        match path.split_once('.') {
            Some((name, sub)) => Self { extension, name: name.to_owned(), sub: Some(sub.to_owned()) },
            None => Self { extension, name: path.to_owned(), sub: None },
        }
    }

    fn value_in<'a>(&self, document: &'a Map<String, Value>) -> &'a Value {
        let inside = match &self.extension {
            Some(urn) => get(document, urn).as_object(),
            None => Some(document),
        };
        let value = inside.map_or(&Value::Null, |map| get(map, &self.name));
        match &self.sub {
            Some(sub) => value.as_object().map_or(&Value::Null, |map| get(map, sub)),
            None => value,
        }
    }

    fn remove_from(&self, document: &mut Map<String, Value>) {
        let names = [self.extension.as_ref(), Some(&self.name), self.sub.as_ref()];
        let mut names = names.into_iter().flatten().peekable();
        let mut inside = Some(document);
        while let (Some(map), Some(name)) = (inside.take(), names.next()) {
            if names.peek().is_none() {
                map.retain(|other, _| !other.eq_ignore_ascii_case(name));
            } else {
                inside = map
                    .iter_mut()
                    .find(|(other, _)| other.eq_ignore_ascii_case(name))
                    .and_then(|(_, value)| value.as_object_mut());
            }
        }
    }
}

fn flatten(document: &Map<String, Value>) -> BTreeMap<Path, Value> {
    let mut attributes = BTreeMap::new();
    for (name, value) in document {
        let (extension, inside) = match value.as_object() {
            Some(object) if is_urn(name) => (Some(name.clone()), object.clone()),
            Some(_) | None => (None, Map::from_iter([(name.clone(), value.clone())])),
        };
        for (name, value) in inside {
            let path = |sub| Path { extension: extension.clone(), name: name.clone(), sub };
            match value {
                Value::Object(subs) => {
                    let subs = subs.into_iter().filter(|(_, value)| !unassigned(value));
                    attributes.extend(subs.map(|(sub, value)| (path(Some(sub)), value)));
                }
                value => {
                    attributes.insert(path(None), value);
                }
            }
        }
    }
    attributes
}

fn lay_over(body: &mut Map<String, Value>, name: &str, value: &Value) {
    let known = body.keys().find(|other| other.eq_ignore_ascii_case(name)).cloned();
    let slot = body.entry(known.unwrap_or_else(|| name.to_owned())).or_insert(Value::Null);
    match (slot, value) {
        (Value::Object(theirs), Value::Object(ours)) => {
            for (name, value) in ours {
                theirs.retain(|other, _| !other.eq_ignore_ascii_case(name));
                theirs.insert(name.clone(), value.clone());
            }
        }
        (slot, value) => *slot = value.clone(),
    }
}

fn with_schemas(mut body: Map<String, Value>) -> Map<String, Value> {
    let extensions = body.keys().filter(|name| is_urn(name)).cloned();
    let schemas: Vec<String> = std::iter::once(USER_SCHEMA.to_owned()).chain(extensions).collect();
    body.shift_insert(0, "schemas".to_owned(), json!(schemas));
    body
}

/// RFC 7643 section 2.1: attribute names are case-insensitive.
fn get<'a>(map: &'a Map<String, Value>, name: &str) -> &'a Value {
    map.get(name)
        .or_else(|| map.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value))
        .unwrap_or(&Value::Null)
}

fn is_urn(name: &str) -> bool {
    name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("urn:"))
}

/// RFC 7643 section 2.5: null, and an empty array, are the same as no value; so are empty texts in practice.
fn unassigned(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(_) | Value::Number(_) => false,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(map) => map.values().all(unassigned),
    }
}

fn same(wanted: &Value, observed: &Value) -> bool {
    match (wanted, observed) {
        (Value::Object(ours), Value::Object(theirs)) => {
            // A `primary` that is not shown is false.
            ours.iter().all(|(name, value)| {
                let other = get(theirs, name);
                same(value, other) || (value == &Value::Bool(false) && other.is_null())
            })
        }
        (Value::Array(ours), Value::Array(theirs)) => ours.len() == theirs.len() && same_set(ours, theirs),
        // Some apps show booleans as text.
        (Value::Bool(ours), Value::String(theirs)) => theirs.eq_ignore_ascii_case(&ours.to_string()),
        (Value::Number(ours), Value::Number(theirs)) => same_number(ours, theirs),
        (ours, theirs) => ours == theirs || (unassigned(ours) && unassigned(theirs)),
    }
}

/// Most apps keep a number as a double, and show neither our spelling of it nor all of its digits.
fn same_number(ours: &Number, theirs: &Number) -> bool {
    match (ours.as_i64(), theirs.as_i64()) {
        (Some(ours), Some(theirs)) => ours == theirs,
        _ => ours.as_f64() == theirs.as_f64(),
    }
}

fn same_set(ours: &[Value], theirs: &[Value]) -> bool {
    let mut left: Vec<&Value> = theirs.iter().collect();
    ours.iter().all(|value| match left.iter().position(|other| same(value, other)) {
        Some(at) => {
            left.swap_remove(at);
            true
        }
        None => false,
    })
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(urn) = &self.extension {
            write!(f, "{urn}:")?;
        }
        f.write_str(&self.name)?;
        self.sub.as_ref().map_or(Ok(()), |sub| write!(f, ".{sub}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    fn map(value: Value) -> Map<String, Value> {
        serde_json::from_value(value).unwrap()
    }

    fn wanted(document: Value) -> Wanted {
        Wanted::new(&UserView { id: "our-id".into(), active: true, document: map(document), password: None })
    }

    fn changes(wanted: &Wanted, observed: Value) -> Vec<String> {
        wanted
            .differences(&map(observed), [])
            .iter()
            .map(|difference| difference.operation().to_string())
            .collect()
    }

    #[test]
    fn a_number_is_the_same_as_an_app_can_show_it() {
        let is_same = |ours, theirs| {
            same_number(&serde_json::from_str(ours).unwrap(), &serde_json::from_str(theirs).unwrap())
        };
        for (ours, theirs) in [
            ("1.50", "1.5"),
            ("1e2", "100"),
            ("7", "7.0"),
            ("12345678901234567890123", "1.2345678901234568e22"),
        ] {
            assert!(is_same(ours, theirs), "{ours} {theirs}");
        }
        for (ours, theirs) in [("1.5", "1.6"), ("9007199254740993", "9007199254740992")] {
            assert!(!is_same(ours, theirs), "{ours} {theirs}");
        }
    }

    #[test]
    fn what_is_not_ours_to_push_is_left_out() {
        let body = wanted(json!({
            "userName": "ada", "id": "x", "groups": [{}], "password": "p", "title": "", ENTERPRISE: {"manager": {"value": "m"}},
        }))
        .body();
        let expected =
            json!({ "schemas": [USER_SCHEMA], "userName": "ada", "active": true, "externalId": "our-id" });
        assert_eq!(Value::Object(body), expected);
    }

    #[test]
    fn equal_up_to_order_spelling_and_what_the_app_adds() {
        let wanted = wanted(json!({
            "userName": "ada", "externalId": "e", "name": {"givenName": "Ada"},
            "emails": [{"value": "a", "primary": false}, {"value": "b"}], ENTERPRISE: {"department": "R"},
        }));
        let observed = json!({
            "username": "ada", "active": true, "externalId": "e", "name": {"givenName": "Ada", "formatted": "Ada"},
            "emails": [{"value": "b", "type": "work"}, {"value": "a"}], ENTERPRISE: {"department": "R"}, "locale": "en",
        });
        assert_eq!(changes(&wanted, observed), Vec::<String>::new());
    }

    #[test]
    fn a_difference_is_named_by_its_path() {
        let wanted = wanted(json!({
            "userName": "ada", "externalId": "e", "name": {"givenName": "Ada", "familyName": "L"},
            "emails": [{"value": "a"}], ENTERPRISE: {"department": "R"},
        }));
        let observed =
            json!({ "userName": "ada", "externalId": "e", "name": {"givenName": "Ada"}, "active": false });
        let department = format!("replace {ENTERPRISE}:department");
        let expected = ["replace active", "replace emails (1)", "replace name.familyName", &department];
        assert_eq!(changes(&wanted, observed), expected);
    }

    #[test]
    fn what_we_put_there_and_want_no_more_is_removed() {
        let before = wanted(json!({ "userName": "ada", "title": "x", "name": {"givenName": "Ada"} }));
        let now = wanted(json!({ "userName": "ada" }));
        let observed = before.body();
        let removed: Vec<String> = now
            .differences(&observed, before.paths())
            .iter()
            .map(|difference| difference.operation().to_string())
            .collect();
        assert_eq!(removed, ["remove name.givenName", "remove title"]);
        let gone: Vec<&Path> = before.paths().collect();
        assert_eq!(now.body_over(&observed, &gone).get("title"), None);
    }

    #[test]
    fn a_path_is_read_as_it_is_written() {
        let document = json!({ "userName": "ada", "name": {"givenName": "A"}, ENTERPRISE: {"department": "R", "x": {"y": 1}} });
        for path in wanted(document).paths() {
            assert_eq!(Path::parse(&path.to_string()), *path);
        }
    }

    #[test]
    fn a_put_keeps_what_is_the_app_s_own() {
        let wanted = wanted(json!({ "userName": "ada", "name": {"givenName": "Ada"} }));
        let observed =
            json!({ "id": "7", "locale": "en", "meta": {}, "Name": {"familyName": "L", "givenName": "x"} });
        let body = wanted.body_over(&map(observed), &[]);
        assert_eq!(body["locale"], "en");
        assert_eq!(body["id"], "7");
        assert_eq!(body["Name"], json!({ "familyName": "L", "givenName": "Ada" }));
        assert_eq!(body.get("meta"), None);
    }
}
