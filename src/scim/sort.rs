//! What a list is sorted by, RFC 7644 section 3.4.2.3.
//!
//! A resource's place in a sorted list is said by its [`SortKey`] and, among equal ones, by the order of creation. A
//! cursor carries the key, so keys are bounded: of a long text or number its beginning counts, for whichever way a list
//! is paged.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::cmp::Ordering;

use super::Document;
use super::error::{ScimError, excerpt};
use super::fold::fold_case;
use super::number::Worth;
use super::path::AttrPath;
use super::schema::{Kind, ResourceSchema, Returned, Target};

/// How many characters of a text, or digits of a number, have a say in its place.
const LONGEST: usize = 128;

/// Makes keys of documents, by one attribute.
#[derive(Debug, Clone)]
pub struct Sorter {
    extension: Option<String>,
    name: String,
    sub: Option<String>,
    exact: bool,
    order: SortOrder,
}

/// What a document is sorted by: keys are in the order that was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SortKey {
    order: SortOrder,
    value: Option<Scalar>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum SortOrder {
    #[default]
    Ascending,
    Descending,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Scalar {
    Bool(bool),
    Number(Worth),
    Text(String),
}

impl Sorter {
    /// `sort_by` must name an attribute that has an order: not a complex one without a `value`.
    pub fn new(sort_by: &AttrPath, order: SortOrder, schema: &ResourceSchema) -> Result<Self, ScimError> {
        let refuse = |why: &str| Err(ScimError::invalid_path(format!("sortBy {sort_by}: {why}")));
        let Some(Target::Attribute { extension, attribute, sub }) = schema.resolve(sort_by) else {
            return refuse("there is no such attribute");
        };
        // RFC 7644 section 3.4.2.3: a complex attribute is sorted by one of its sub-attributes, a
        // multi-valued one by its primary value "or else the first value in the list, if any".
        let sub = sub.or_else(|| attribute.sub("value"));
        let sorted = sub.unwrap_or(attribute);
        if attribute.returned == Returned::Never || sorted.returned == Returned::Never {
            return refuse("the attribute is never returned, so nothing is sorted by it");
        }
        if sorted.kind == Kind::Complex {
            return refuse("the attribute is complex, name one of its sub-attributes");
        }
        Ok(Self {
            extension: extension.map(|schema| schema.id.clone()),
            name: attribute.name.clone(),
            sub: sub.map(|sub| sub.name.clone()),
            exact: sorted.case_exact,
            order,
        })
    }

    /// The attribute, or the extension, that a document must hold to be sorted.
    pub fn top_level(&self) -> &str {
        self.extension.as_deref().unwrap_or(&self.name)
    }

    /// The key of a document, to be made once per document.
    pub fn key(&self, document: &Document) -> SortKey {
        let value = match self.value(document) {
            None | Some(Value::Null | Value::Array(_) | Value::Object(_)) => None,
            Some(Value::Bool(value)) => Some(Scalar::Bool(*value)),
            Some(Value::Number(value)) => Some(Scalar::Number(Worth::of(value).cut(LONGEST))),
            Some(Value::String(text)) if self.exact => Some(Scalar::Text(beginning(text))),
            Some(Value::String(text)) => Some(Scalar::Text(beginning(&fold_case(text)))),
        };
        SortKey { order: self.order, value }
    }

    fn value<'d>(&self, document: &'d Document) -> Option<&'d Value> {
        let container = match &self.extension {
            Some(urn) => document.get(urn)?.as_object()?,
            None => document,
        };
        let mut value = container.get(&self.name)?;
        if let Value::Array(items) = value {
            let primary = items.iter().find(|item| item.get("primary") == Some(&Value::Bool(true)));
            value = primary.or_else(|| items.first())?;
        }
        match &self.sub {
            Some(sub) => value.get(sub),
            None => Some(value),
        }
    }
}

/// Characters, not bytes: so two texts are never in one order by their beginnings and in the other as a whole.
fn beginning(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

impl SortKey {
    /// The key of what has no value to be sorted by.
    pub fn absent(order: SortOrder) -> Self {
        Self { order, value: None }
    }
}

impl Ord for SortKey {
    /// RFC 7644 section 3.4.2.3: "if there is no data for the specified "sortBy" value, they are sorted via
    /// the "sortOrder" parameter, i.e., they are ordered last if ascending and first if descending."
    fn cmp(&self, other: &Self) -> Ordering {
        let ascending = match (&self.value, &other.value) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(left), Some(right)) => left.compare(right),
        };
        match self.order {
            SortOrder::Ascending => ascending,
            SortOrder::Descending => ascending.reverse(),
        }
    }
}

impl PartialOrd for SortKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Scalar {
    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(left), Self::Bool(right)) => left.cmp(right),
            (Self::Text(left), Self::Text(right)) => left.cmp(right),
            (Self::Number(left), Self::Number(right)) => left.cmp(right),
            // One attribute has one type, so these meet only where a schema changed under stored data.
            (Self::Bool(_), _) | (Self::Number(_), Self::Text(_)) => Ordering::Less,
            (_, Self::Bool(_)) | (Self::Text(_), Self::Number(_)) => Ordering::Greater,
        }
    }
}

impl SortOrder {
    pub(super) fn parse(text: &str) -> Result<Self, ScimError> {
        match text.to_ascii_lowercase().as_str() {
            "ascending" => Ok(Self::Ascending),
            "descending" => Ok(Self::Descending),
            _ => Err(ScimError::invalid_value(format!(
                "sortOrder must be ascending or descending, not {}",
                excerpt(text)
            ))),
        }
    }
}
