//! Finding what the app already has under a name.

use serde_json::{Map, Value};

use super::answer::{Answer, app, item};
use super::client::Client;
use super::request::{Collection, Filter, RemoteId, Request};
use crate::downstream::ApplyError;

/// A resource as the app shows it.
pub type Shown = Map<String, Value>;

/// The user of that `userName`. The answer is checked: some apps do not filter, or filter by more than they say.
pub async fn user_by_name(client: &Client, name: &str) -> Result<Option<Shown>, ApplyError> {
    let found = find(client, Collection::Users, "userName", name).await?;
    the_one(found, "userName", name)
}

/// The group of that `displayName`.
pub async fn group_by_name(client: &Client, name: &str) -> Result<Option<Shown>, ApplyError> {
    let found = find(client, Collection::Groups, "displayName", name).await?;
    the_one(found, "displayName", name)
}

/// The id in a resource that the app showed.
pub fn id_of(shown: &Shown) -> Result<RemoteId, ApplyError> {
    match shown.get("id") {
        Some(Value::String(id)) => RemoteId::parse(id),
        Some(Value::Number(id)) => RemoteId::parse(&id.to_string()),
        Some(_) | None => Err(app("the app answered a resource without an id: is it a SCIM 2.0 server?")),
    }
}

async fn find(
    client: &Client,
    collection: Collection,
    attribute: &'static str,
    name: &str,
) -> Result<Vec<Shown>, ApplyError> {
    let request = Request::Find { collection, filter: Filter::eq(attribute, name) };
    match client.send(&request).await? {
        Answer::Done(Some(mut list)) => Ok(match list.remove("Resources") {
            Some(Value::Array(found)) => found.into_iter().filter_map(object).collect(),
            // RFC 7644 section 3.4.2: without results, `Resources` may be absent.
            Some(_) | None => Vec::new(),
        }),
        Answer::Done(None) => {
            Err(app("the app answered a search with nothing: is the URL its SCIM base URL?"))
        }
        // Some apps answer a search without results like that, and a wrong URL answers it always.
        Answer::Missing => client.probe().await.map(|()| Vec::new()),
        Answer::Refused(refusal) => Err(refusal.into_error(&format!("be searched by {attribute}"))),
    }
}

fn object(value: Value) -> Option<Shown> {
    match value {
        Value::Object(map) => Some(map),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
    }
}

/// RFC 7643 section 4.1.1: names are compared without regard to case. Of several, the one spelled alike is meant.
fn the_one(found: Vec<Shown>, attribute: &str, name: &str) -> Result<Option<Shown>, ApplyError> {
    let named = |shown: &Shown| shown.get(attribute).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut alike: Vec<Shown> =
        found.into_iter().filter(|shown| named(shown).to_lowercase() == name.to_lowercase()).collect();
    if alike.len() > 1 {
        alike.retain(|shown| named(shown) == name);
    }
    match alike.len() {
        0 | 1 => Ok(alike.pop()),
        several => Err(item(format!(
            "the app has {several} with this {attribute}, so which one is meant cannot be told: remove or rename the others there"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn the_id(names: &[&str], name: &str) -> Result<Option<String>, ApplyError> {
        let found = names.iter().enumerate().map(|(at, name)| json!({ "id": at, "userName": name }));
        let one = the_one(found.filter_map(object).collect(), "userName", name)?;
        one.map(|shown| id_of(&shown).map(|id| id.as_str().to_owned())).transpose()
    }

    #[test]
    fn only_a_resource_of_that_name_is_taken() {
        assert_eq!(the_id(&["bob", "Ada"], "ada"), Ok(Some("1".to_owned())));
        assert_eq!(the_id(&["bob", "eve"], "ada"), Ok(None));
        assert_eq!(the_id(&["Ada", "ada"], "ada"), Ok(Some("1".to_owned())));
        assert!(the_id(&["ada", "ada"], "ada").is_err());
    }
}
