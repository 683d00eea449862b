//! What can be asked of a SCIM server, as values: the plans are lists of these, and the client sends them.
//!
//! Printing a request tells what it changes and where, never the values: those are people's names and addresses.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use crate::downstream::{ApplyError, Blame};
use crate::scim::password::Password;

/// The schema of a PATCH body (RFC 7644 section 3.5.2).
const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// RFC 3986 section 2.3: unreserved characters stand for themselves; everything else is escaped.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// RFC 7643 section 4.1.1: "This attribute is intended to be used as a means to set, replace, or compare a password."
const PASSWORD: &str = "password";

/// The longest id of an app that still fits in a URL comfortably.
const MAX_ID: usize = 1024;

/// One request to a SCIM server.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Whether the server is there and lets us in: the first user, whoever that is.
    Probe,
    /// Resources that match a filter.
    Find { collection: Collection, filter: Filter },
    /// One resource; with `attributes`, these only (some servers leave members out unless they are asked for).
    Read { resource: Resource, attributes: Option<&'static str> },
    /// A new resource; of a user, perhaps with a password, which is kept apart as it must never be printed.
    Create { collection: Collection, body: Map<String, Value>, password: Option<Password> },
    /// A change of some attributes.
    Patch { resource: Resource, operations: Vec<Operation> },
    /// A new password.
    Password { resource: Resource, password: Password },
    /// A replacement of the whole resource, perhaps with a new password.
    Replace { resource: Resource, body: Map<String, Value>, password: Option<Password> },
    /// The end of a resource.
    Delete { resource: Resource },
}

/// Users or groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collection {
    Users,
    Groups,
}

/// One resource of the app.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    pub collection: Collection,
    pub id: RemoteId,
}

/// The app's id of a resource: whatever the app says, as long as it can be exactly one segment of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteId(String);

/// `attribute eq "value"`, the one filter that every server knows.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    attribute: &'static str,
    value: String,
}

/// One operation of a PATCH.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    Add { path: String, value: Value },
    Replace { path: String, value: Value },
    Remove { path: String },
}

impl Request {
    /// The path and query after the base URL.
    pub fn target(&self) -> String {
        match self {
            Self::Probe => "/Users?startIndex=1&count=1".to_owned(),
            Self::Find { collection, filter } => {
                format!("/{collection}?filter={}", utf8_percent_encode(&filter.text(), SEGMENT))
            }
            Self::Read { resource, attributes: Some(names) } => {
                format!("{}?attributes={}", resource.path(), utf8_percent_encode(names, SEGMENT))
            }
            Self::Create { collection, .. } => format!("/{collection}"),
            Self::Read { resource, attributes: None }
            | Self::Patch { resource, .. }
            | Self::Password { resource, .. }
            | Self::Replace { resource, .. }
            | Self::Delete { resource } => resource.path(),
        }
    }

    /// The JSON to send, if any.
    pub fn body(&self) -> Option<Value> {
        match self {
            Self::Probe | Self::Find { .. } | Self::Read { .. } | Self::Delete { .. } => None,
            Self::Create { body, password, .. } | Self::Replace { body, password, .. } => {
                let mut body = body.clone();
                body.extend(password.iter().map(|it| (PASSWORD.to_owned(), it.expose().into())));
                Some(Value::Object(body))
            }
            Self::Patch { operations, .. } => {
                let operations: Vec<Value> = operations.iter().map(Operation::to_json).collect();
                Some(patch_body(&operations))
            }
            Self::Password { password, .. } => {
                Some(patch_body(&[json!({ "op": "replace", "path": PASSWORD, "value": password.expose() })]))
            }
        }
    }

    /// Whether it holds a password, which an answer may then hold as well.
    pub fn has_password(&self) -> bool {
        match self {
            Self::Probe
            | Self::Find { .. }
            | Self::Read { .. }
            | Self::Patch { .. }
            | Self::Delete { .. } => false,
            Self::Create { password, .. } | Self::Replace { password, .. } => password.is_some(),
            Self::Password { .. } => true,
        }
    }

    /// The HTTP method.
    pub fn method(&self) -> http::Method {
        match self {
            Self::Probe | Self::Find { .. } | Self::Read { .. } => http::Method::GET,
            Self::Create { .. } => http::Method::POST,
            Self::Patch { .. } | Self::Password { .. } => http::Method::PATCH,
            Self::Replace { .. } => http::Method::PUT,
            Self::Delete { .. } => http::Method::DELETE,
        }
    }
}

impl Resource {
    pub fn user(id: RemoteId) -> Self {
        Self { collection: Collection::Users, id }
    }

    pub fn group(id: RemoteId) -> Self {
        Self { collection: Collection::Groups, id }
    }

    fn path(&self) -> String {
        format!("/{}/{}", self.collection, utf8_percent_encode(&self.id.0, SEGMENT))
    }
}

impl RemoteId {
    /// Refuses what would lead to another path than `/Users/<id>`, however the server decodes it: a traversal.
    pub fn parse(id: &str) -> Result<Self, ApplyError> {
        let why = match id {
            "" => "is empty",
            "." | ".." => "is a dot segment of a path",
            _ if id.len() > MAX_ID => "is longer than 1024 bytes",
            _ if id.contains(['/', '\\']) => "contains a slash",
            _ if id.chars().any(char::is_control) => "contains a control character",
            _ => return Ok(Self(id.to_owned())),
        };
        Err(ApplyError {
            blame: Blame::Item,
            message: format!("the id that the app gave {why}, so it cannot be asked for safely"),
            retry_after: None,
        })
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Filter {
    pub fn eq(attribute: &'static str, value: &str) -> Self {
        Self { attribute, value: value.to_owned() }
    }

    fn text(&self) -> String {
        format!("{} eq {}", self.attribute, quoted(&self.value))
    }
}

impl Operation {
    fn to_json(&self) -> Value {
        match self {
            Self::Add { path, value } => json!({ "op": "add", "path": path, "value": value }),
            Self::Replace { path, value } => json!({ "op": "replace", "path": path, "value": value }),
            Self::Remove { path } => json!({ "op": "remove", "path": path }),
        }
    }
}

fn patch_body(operations: &[Value]) -> Value {
    json!({ "schemas": [PATCH_OP], "Operations": operations })
}

/// RFC 7644 section 3.4.2.2: a comparison value follows the rules of JSON, so that is how it is quoted.
pub fn quoted(value: &str) -> String {
    Value::from(value).to_string()
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Probe => write!(f, "GET Users (the first)"),
            Self::Find { collection, filter } => write!(f, "GET {collection} by {}", filter.attribute),
            Self::Read { resource, attributes: None } => write!(f, "GET {resource}"),
            Self::Read { resource, attributes: Some(names) } => write!(f, "GET {resource} ({names})"),
            Self::Create { collection, .. } => write!(f, "POST {collection}"),
            Self::Patch { resource, operations } => {
                write!(f, "PATCH {resource}:")?;
                operations.iter().try_for_each(|operation| write!(f, " {operation};"))
            }
            Self::Password { resource, .. } => write!(f, "PATCH {resource}: replace password;"),
            Self::Replace { resource, .. } => write!(f, "PUT {resource}"),
            Self::Delete { resource } => write!(f, "DELETE {resource}"),
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (op, path, value) = match self {
            Self::Add { path, value } => ("add", path, Some(value)),
            Self::Replace { path, value } => ("replace", path, Some(value)),
            Self::Remove { path } => ("remove", path, None),
        };
        write!(f, "{op} {path}")?;
        match value {
            Some(Value::Array(values)) => write!(f, " ({})", values.len()),
            Some(_) | None => Ok(()),
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path().trim_start_matches('/'))
    }
}

impl fmt::Display for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Users => "Users",
            Self::Groups => "Groups",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_segment_however_it_is_spelled() {
        let target =
            |id: &str| Request::Delete { resource: Resource::user(RemoteId::parse(id).unwrap()) }.target();
        assert_eq!(target("ada@example.com"), "/Users/ada%40example.com");
        assert_eq!(target("..%2f..%2fGroups"), "/Users/..%252f..%252fGroups");
        assert_eq!(target("a?b#c"), "/Users/a%3Fb%23c");
    }

    #[test]
    fn an_id_that_would_lead_elsewhere_is_refused() {
        for id in ["", ".", "..", "../Groups/1", "..\\Groups", "a\nb", &"x".repeat(2000)] {
            assert_eq!(RemoteId::parse(id).unwrap_err().blame, Blame::Item, "{id:?}");
        }
    }

    #[test]
    fn a_filter_value_cannot_end_its_own_quotes() {
        let filter = Filter::eq("userName", "a\" or \"\\");
        assert_eq!(filter.text(), r#"userName eq "a\" or \"\\""#);
    }

    #[test]
    fn printing_a_request_in_any_way_shows_no_password_and_sending_it_does() {
        let (password, body) = (Password::new("hunter2".to_owned()), Map::new());
        let resource = Resource::user(RemoteId::parse("7").unwrap());
        let create = Request::Create {
            collection: Collection::Users,
            body: body.clone(),
            password: Some(password.clone()),
        };
        let replace = Request::Replace { resource: resource.clone(), body, password: Some(password.clone()) };
        for request in [create, replace, Request::Password { resource, password }] {
            assert!(request.has_password());
            assert!(!format!("{request} {request:?}").contains("hunter2"), "{request}");
            assert!(request.body().unwrap().to_string().contains("hunter2"), "{request}");
        }
    }

    #[test]
    fn printing_a_request_tells_no_values() {
        let find = Request::Find { collection: Collection::Users, filter: Filter::eq("userName", "ada") };
        assert_eq!(find.to_string(), "GET Users by userName");
    }
}
