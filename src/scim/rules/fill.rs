//! Attributes that are made from others when they are left out.

use serde_json::Value;

use crate::scim::Document;

/// An attribute that is made from others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fill {
    /// A text of the core schema, such as `displayName`.
    attribute: String,
    /// What it is made from: `name.givenName`, `emails`.
    from: Vec<String>,
}

impl Fill {
    pub fn new(attribute: &str, from: &[&str]) -> Self {
        Self { attribute: attribute.to_owned(), from: from.iter().map(|&path| path.to_owned()).collect() }
    }

    pub(super) fn is_user_name(&self) -> bool {
        self.attribute == "userName"
    }

    fn make(&self, document: &Document) -> Option<String> {
        let parts: Vec<&str> = self.from.iter().filter_map(|path| text(document, path)).collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }

    /// Whether the attribute is ours to make: it was left out, or it is what we made of the resource before.
    fn is_ours(&self, before: Option<&Document>, document: &Document) -> bool {
        let Some(current) = text(document, &self.attribute) else { return true };
        before.is_some_and(|before| {
            text(before, &self.attribute) == Some(current) && self.make(before).as_deref() == Some(current)
        })
    }
}

/// Fills what is left out, and what was filled before and nobody has set since.
pub(super) fn all(fills: &[Fill], before: Option<&Document>, document: &mut Document) {
    for fill in fills {
        if fill.is_ours(before, document)
            && let Some(text) = fill.make(document)
        {
            document.insert(fill.attribute.clone(), Value::String(text));
        }
    }
}

/// A text with something in it; of several values, the primary one or else the first.
fn text<'d>(document: &'d Document, path: &str) -> Option<&'d str> {
    let (name, sub) = path.split_once('.').map_or((path, None), |(name, sub)| (name, Some(sub)));
    let value = match (document.get(name)?, sub) {
        (value, Some(sub)) => value.get(sub)?,
        (Value::Array(items), None) => {
            let primary = items.iter().find(|item| item.get("primary") == Some(&Value::Bool(true)));
            primary.or(items.first())?.get("value")?
        }
        (value, None) => value,
    };
    value.as_str().map(str::trim).filter(|text| !text.is_empty())
}
