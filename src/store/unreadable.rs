//! Objects that are not as their definition says: which one it is, and nothing of what is in it.
//!
//! The API server checks what it stores, so they are left over from another version of a definition.

use kube::Resource;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::error::Category;

/// An object that can't be decoded. serde's own words would quote it.
#[derive(Debug, thiserror::Error)]
#[error(
    "{kind} {namespace}/{name} is not as its definition says: {what} at column {column} of its JSON; correct or delete it, \
     and see that the definitions installed are those of this version"
)]
pub(super) struct Unreadable {
    kind: String,
    namespace: String,
    name: String,
    what: &'static str,
    column: usize,
}

/// What can be read of an object that can't be decoded.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Outline {
    metadata: Meta,
}

#[derive(Deserialize)]
#[serde(default)]
struct Meta {
    namespace: String,
    name: String,
}

impl Default for Meta {
    fn default() -> Self {
        Self { namespace: "?".to_owned(), name: "?".to_owned() }
    }
}

/// Reads an object from its JSON.
pub(super) fn decode<K>(json: &[u8]) -> Result<K, Unreadable>
where
    K: Resource<DynamicType = ()> + DeserializeOwned,
{
    serde_json::from_slice(json).map_err(|error| {
        let Outline { metadata: Meta { namespace, name } } = serde_json::from_slice(json).unwrap_or_default();
        Unreadable {
            kind: K::kind(&()).into_owned(),
            namespace,
            name,
            what: what(&error),
            column: error.column(),
        }
    })
}

/// What is wrong with JSON.
pub(super) fn what(error: &serde_json::Error) -> &'static str {
    match error.classify() {
        Category::Io => "it can't be read",
        Category::Syntax => "it is no JSON",
        Category::Data => "something has the wrong type or is missing",
        Category::Eof => "it ends too early",
    }
}

/// What a call to the API server failed of.
pub(super) fn said(error: &kube::Error) -> String {
    let kube::Error::SerdeError(error) = error else { return error.to_string() };
    format!("the answer can't be decoded: {} at column {} of its JSON", what(error), error.column())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::User;

    #[test]
    fn it_is_named_as_far_as_it_says_its_name() {
        for (json, expected) in [
            (
                r#"{"metadata":{"name":"7","namespace":"acme"},"spec":"ada@example.com"}"#,
                "User acme/7 is not",
            ),
            (r#"{"spec":"ada@example.com"}"#, "User ?/? is not"),
            (r#"{"metadata":"ada@example.com"}"#, "User ?/? is not"),
            ("ada@example.com", "User ?/? is not"),
        ] {
            let said = decode::<User>(json.as_bytes()).unwrap_err().to_string();
            assert!(said.starts_with(expected) && !said.contains("ada"), "{said}");
        }
    }
}
