//! Attributes of which no two resources of a tenant may have the same value, and the values to keep apart.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::scim::{
    Document,
    error::ScimError,
    fold::fold_case,
    number::Worth,
    path::AttrPath,
    schema::{Attribute, ResourceSchema, Schema, Target},
};

/// How many values of one unique attribute a resource may have: each is a claim at the API server.
const MOST: usize = 16;

/// An attribute that must be unique.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unique {
    path: String,
    place: AttrPath,
    case_exact: bool,
}

impl Unique {
    /// By its canonical path: `emails.value`, `urn:...:User:badge`. `None` if that is no path.
    pub fn new(path: &str, case_exact: bool) -> Option<Self> {
        Some(Self { path: path.to_owned(), place: AttrPath::parse(path).ok()?, case_exact })
    }

    /// Everything that a schema calls unique, but `id` and the name of the resource: the store gives the first, and
    /// keeps the other unique in any case.
    pub(super) fn all_of(schema: &ResourceSchema) -> Vec<Self> {
        let declared = |extension: Option<&Schema>, attribute: &Attribute| {
            let whole =
                (extension.is_some() && attribute.is_unique()).then_some((None, attribute.case_exact));
            let subs = attribute.sub_attributes.iter().filter(|sub| sub.is_unique());
            let parts = subs.map(|sub| (Some(sub.clone()), sub.case_exact));
            whole.into_iter().chain(parts).collect::<Vec<_>>()
        };
        let all = schema.all_attributes().flat_map(|(extension, attribute)| {
            declared(extension, attribute).into_iter().filter_map(move |(sub, case_exact)| {
                let path = Target::Attribute { extension, attribute, sub: sub.as_ref() }.canonical();
                Self::new(&path, case_exact)
            })
        });
        all.collect()
    }

    /// The canonical path.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The attribute, or the extension, that a document must hold to have a value.
    pub fn top_level(&self) -> &str {
        self.place.urn.as_ref().unwrap_or(&self.place.name)
    }

    /// Whether the case of letters counts.
    pub fn is_case_exact(&self) -> bool {
        self.case_exact
    }

    /// The values that a document has, in the form in which they are compared.
    pub fn values(&self, document: &Document) -> BTreeSet<String> {
        let container = match &self.place.urn {
            Some(urn) => document.get(urn).and_then(Value::as_object),
            None => Some(document),
        };
        let items = match container.and_then(|fields| fields.get(&self.place.name)) {
            Some(Value::Array(items)) => items.as_slice(),
            Some(single) => std::slice::from_ref(single),
            None => &[],
        };
        let sub = self.place.sub.as_deref();
        let values = items.iter().filter_map(|item| sub.map_or(Some(item), |sub| item.get(sub)));
        values.filter_map(|value| self.comparable(value)).collect()
    }

    fn comparable(&self, value: &Value) -> Option<String> {
        match value {
            Value::String(text) if text.is_empty() => None,
            Value::String(text) if self.case_exact => Some(text.clone()),
            Value::String(text) => Some(fold_case(text)),
            Value::Number(number) => Some(Worth::of(number).to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    pub(super) fn check(&self, document: &Document) -> Result<(), ScimError> {
        let found = self.values(document).len();
        if found > MOST {
            let path = &self.path;
            return Err(ScimError::invalid_value(format!(
                "{path} has {found} values, at most {MOST} are accepted because each must be unique"
            )));
        }
        Ok(())
    }
}
