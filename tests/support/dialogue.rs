//! Dialogues between an identity provider and the receiver, as data: what is sent, and what must come back.
//!
//! A dialogue is a YAML file of steps that are replayed in their order against one fresh tenant. It needs nothing
//! but base URLs and tokens. An expected body names the parts that matter:
//!
//! - an object must have the named members, and may have more; an array must have as many items, in order
//! - `$any` is anything that is there, `$absent` is nothing
//! - `{$capture: name}` is anything, and `${name}` is the same text from then on, in requests too
//! - `{$contains: text}` is a string with that text in it
//! - `{$unordered: [...]}` is an array of these items in any order
//!
//! `tenant` is the `spec` of the tenants that it is held with, where that matters.

use std::{collections::BTreeMap, fmt::Write, path::Path};

use reqwest::{Method, header::HeaderMap};
use rollcall::api::ScimTenantSpec;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::endpoint::Endpoint;

/// One file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dialogue {
    /// What happens, in a sentence.
    #[allow(dead_code, reason = "for people who read the file")]
    about: String,
    /// The public facts behind it.
    #[allow(dead_code, reason = "for people who read the file")]
    source: Vec<String>,
    /// The `spec` of its tenants, where they have rules of their own.
    #[serde(default)]
    pub tenant: ScimTenantSpec,
    steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    say: String,
    request: Request,
    expect: Expected,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    method: String,
    /// What follows the tenant's base URL.
    path: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Option<Value>,
    /// A body that is no JSON, instead of `body`.
    #[serde(default)]
    text: Option<String>,
    /// Whose service is asked.
    #[serde(default)]
    of: Party,
    /// Whose token is shown.
    #[serde(default)]
    token: Token,
}

/// A second tenant, which must never notice the first.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Party {
    #[default]
    Own,
    Other,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Token {
    /// The one of the tenant that is asked.
    #[default]
    Right,
    /// The one of the other tenant.
    Foreign,
    None,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    status: u16,
    #[serde(default)]
    headers: Map<String, Value>,
    /// `$absent` for no body at all.
    #[serde(default)]
    body: Option<Value>,
}

/// The two tenants that a dialogue is held with.
pub struct Parties {
    pub own: Endpoint,
    pub other: Endpoint,
}

impl Dialogue {
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Replays every step; the error tells the first that went otherwise, and how.
    pub async fn replay(&self, http: &reqwest::Client, parties: &Parties) -> Result<(), String> {
        let mut known = BTreeMap::from([
            ("base".to_owned(), parties.own.url.clone()),
            ("otherBase".to_owned(), parties.other.url.clone()),
        ]);
        for (index, step) in self.steps.iter().enumerate() {
            step.replay(http, parties, &mut known)
                .await
                .map_err(|problems| format!("step {} ({}):\n{problems}", index + 1, step.say))?;
        }
        Ok(())
    }
}

impl Step {
    async fn replay(
        &self,
        http: &reqwest::Client,
        parties: &Parties,
        known: &mut BTreeMap<String, String>,
    ) -> Result<(), String> {
        let request = self.request.build(http, parties, known)?;
        let response = http.execute(request).await.map_err(|error| error.to_string())?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.map_err(|error| error.to_string())?;
        let mut problems = String::new();
        if status != self.expect.status {
            _ = writeln!(problems, "  status is {status}, expected {}", self.expect.status);
        }
        self.expect.check_headers(&headers, known, &mut problems);
        self.expect.check_body(&text, known, &mut problems);
        if problems.is_empty() { Ok(()) } else { Err(format!("{problems}  the answer was: {text}")) }
    }
}

impl Request {
    fn build(
        &self,
        http: &reqwest::Client,
        parties: &Parties,
        known: &BTreeMap<String, String>,
    ) -> Result<reqwest::Request, String> {
        let (asked, foreign) = match self.of {
            Party::Own => (&parties.own, &parties.other),
            Party::Other => (&parties.other, &parties.own),
        };
        let method = Method::from_bytes(self.method.as_bytes()).map_err(|error| error.to_string())?;
        let url = format!("{}{}", asked.url, substitute(&self.path, known)?);
        let mut request = http.request(method, url);
        request = match self.token {
            Token::Right => request.bearer_auth(&asked.token),
            Token::Foreign => request.bearer_auth(&foreign.token),
            Token::None => request,
        };
        if let Some(body) = &self.body {
            let body = repeated(&substitute_all(body, known)?);
            request = request.header("Content-Type", "application/scim+json").body(body.to_string());
        }
        if let Some(text) = &self.text {
            request = request.header("Content-Type", "application/scim+json").body(text.clone());
        }
        let mut request = request.build().map_err(|error| error.to_string())?;
        for (name, value) in &self.headers {
            let name: reqwest::header::HeaderName = name.parse().map_err(|_| format!("no header: {name}"))?;
            let value = substitute(value, known)?.parse().map_err(|_| format!("no header value: {value}"))?;
            request.headers_mut().insert(name, value);
        }
        Ok(request)
    }
}

/// `{ $times: 3, $of: x }` is a list of three.
fn repeated(value: &Value) -> Value {
    match value {
        Value::Object(fields) => match (fields.get("$times").and_then(Value::as_u64), fields.get("$of")) {
            (Some(times), Some(one)) => (0..times).map(|_| one.clone()).collect(),
            _ => Value::Object(fields.iter().map(|(name, field)| (name.clone(), repeated(field))).collect()),
        },
        Value::Array(items) => items.iter().map(repeated).collect(),
        plain => plain.clone(),
    }
}

impl Expected {
    fn check_headers(
        &self,
        headers: &HeaderMap,
        known: &mut BTreeMap<String, String>,
        problems: &mut String,
    ) {
        for (name, expected) in &self.headers {
            let actual = headers.get(name).and_then(|value| value.to_str().ok()).map(Value::from);
            compare(&format!("header {name}"), expected, actual.as_ref(), known, problems);
        }
    }

    fn check_body(&self, text: &str, known: &mut BTreeMap<String, String>, problems: &mut String) {
        let Some(expected) = &self.body else { return };
        let actual = if text.is_empty() { None } else { Some(text) };
        match actual.map(serde_json::from_str::<Value>).transpose() {
            Ok(actual) => compare("body", expected, actual.as_ref(), known, problems),
            Err(error) => _ = writeln!(problems, "  the body is not JSON: {error}"),
        }
    }
}

fn compare(
    place: &str,
    expected: &Value,
    actual: Option<&Value>,
    known: &mut BTreeMap<String, String>,
    problems: &mut String,
) {
    if expected == "$absent" {
        if let Some(actual) = actual {
            _ = writeln!(problems, "  {place} is {actual}, expected nothing");
        }
        return;
    }
    let Some(actual) = actual else {
        _ = writeln!(problems, "  {place} is missing, expected {expected}");
        return;
    };
    match (expected, actual) {
        (Value::String(any), _) if any == "$any" => {}
        (Value::Object(fields), _) if fields.keys().any(|key| is_matcher(key)) => {
            matcher(place, fields, actual, known, problems);
        }
        (Value::Object(fields), Value::Object(actual)) => {
            for (name, expected) in fields {
                compare(&format!("{place}.{name}"), expected, actual.get(name), known, problems);
            }
        }
        (Value::Array(items), Value::Array(actual)) if items.len() == actual.len() => {
            for (index, (expected, actual)) in items.iter().zip(actual).enumerate() {
                compare(&format!("{place}[{index}]"), expected, Some(actual), known, problems);
            }
        }
        (expected, actual) => match substitute_all(expected, known) {
            Ok(expected) if expected == *actual => {}
            Ok(expected) => _ = writeln!(problems, "  {place} is {actual}, expected {expected}"),
            Err(error) => _ = writeln!(problems, "  {place}: {error}"),
        },
    }
}

/// `$ref` and `$schema` are names that SCIM has itself.
fn is_matcher(key: &str) -> bool {
    ["$capture", "$contains", "$unordered"].contains(&key)
}

fn matcher(
    place: &str,
    matcher: &Map<String, Value>,
    actual: &Value,
    known: &mut BTreeMap<String, String>,
    problems: &mut String,
) {
    for (name, argument) in matcher {
        match (name.as_str(), argument, actual) {
            ("$capture", Value::String(variable), Value::String(text)) => {
                known.insert(variable.clone(), text.clone());
            }
            ("$contains", Value::String(part), Value::String(text)) => match substitute(part, known) {
                Ok(part) if text.contains(&part) => {}
                Ok(part) => _ = writeln!(problems, "  {place} is {text:?}, expected {part:?} in it"),
                Err(error) => _ = writeln!(problems, "  {place}: {error}"),
            },
            ("$unordered", Value::Array(items), Value::Array(actual)) => {
                unordered(place, items, actual, known, problems);
            }
            _ => _ = writeln!(problems, "  {place} is {actual}, which {name} can't be used on"),
        }
    }
}

fn unordered(
    place: &str,
    expected: &[Value],
    actual: &[Value],
    known: &BTreeMap<String, String>,
    problems: &mut String,
) {
    if expected.len() != actual.len() {
        _ = writeln!(problems, "  {place} has {} items, expected {}", actual.len(), expected.len());
    }
    for wanted in expected {
        let is_there = actual.iter().any(|item| {
            let mut differences = String::new();
            compare("item", wanted, Some(item), &mut known.clone(), &mut differences);
            differences.is_empty()
        });
        if !is_there {
            _ = writeln!(problems, "  {place} has no item like {wanted}");
        }
    }
}

fn substitute_all(value: &Value, known: &BTreeMap<String, String>) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => Value::String(substitute(text, known)?),
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| substitute_all(item, known)).collect::<Result<_, _>>()?)
        }
        Value::Object(fields) => {
            let fields = fields.iter().map(|(key, field)| Ok((key.clone(), substitute_all(field, known)?)));
            Value::Object(fields.collect::<Result<_, String>>()?)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    })
}

fn substitute(text: &str, known: &BTreeMap<String, String>) -> Result<String, String> {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}').ok_or_else(|| format!("{text:?} has no closing brace"))?;
        result.push_str(before);
        result.push_str(known.get(name).ok_or_else(|| format!("nothing was captured as {name}"))?);
        rest = after;
    }
    result.push_str(rest);
    Ok(result)
}
