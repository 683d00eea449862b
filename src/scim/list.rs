//! Queries and their answers: RFC 7644 sections 3.4.2 and 3.4.3.

use serde_json::{Map, Value};
use std::cmp::Ordering;

use super::Document;
use super::coerce::describe;
use super::error::{ScimError, ScimType, excerpt};
use super::filter::Filter;
use super::fold::fold_case;
use super::number::Worth;
use super::path::AttrPath;
use super::schema::{Kind, ResourceSchema, Returned, Target};

/// The URN of a list of resources.
pub const LIST_URN: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// How many attributes one query may name; every resource of the answer is compared with each.
const MAX_NAMES: usize = 200;

/// What a client asks for with the query of a GET.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    pub filter: Option<Filter>,
    /// Counted from 1.
    pub start_index: usize,
    /// How many resources at most; never more than the largest page.
    pub count: usize,
    /// Where to go on, RFC 9865; empty for the first page. `None` for pages by `start_index`.
    pub cursor: Option<String>,
    pub attributes: Vec<String>,
    pub excluded_attributes: Vec<String>,
    pub sort_by: Option<AttrPath>,
    pub sort_order: SortOrder,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SortOrder {
    #[default]
    Ascending,
    Descending,
}

/// How many resources a page has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSizes {
    /// If the client doesn't say.
    pub default: usize,
    /// At most, whatever the client says.
    pub most: usize,
}

impl ListQuery {
    /// Reads decoded query parameters. Their names are accepted in any case; unknown ones are ignored.
    pub fn parse<'q>(
        pairs: impl IntoIterator<Item = (&'q str, &'q str)>,
        pages: PageSizes,
    ) -> Result<Self, ScimError> {
        let (mut count, mut by_index) = (None, false);
        let mut query = Self {
            filter: None,
            start_index: 1,
            count: pages.default,
            cursor: None,
            attributes: Vec::new(),
            excluded_attributes: Vec::new(),
            sort_by: None,
            sort_order: SortOrder::Ascending,
        };
        for (name, value) in pairs {
            match name.to_ascii_lowercase().as_str() {
                "filter" => query.filter = Some(Filter::parse(value)?),
                // RFC 7644 section 3.4.2.4: "A value less than 1 SHALL be interpreted as 1."
                "startindex" => {
                    query.start_index = whole_number("startIndex", value)?.max(1);
                    by_index = true;
                }
                "count" => count = Some(value),
                "cursor" => query.cursor = Some(value.trim().to_owned()),
                "attributes" => query.attributes = names(value)?,
                "excludedattributes" => query.excluded_attributes = names(value)?,
                "sortby" if !value.trim().is_empty() => query.sort_by = Some(AttrPath::parse(value.trim())?),
                "sortorder" => query.sort_order = SortOrder::parse(value)?,
                _ => {}
            }
        }
        if query.cursor.is_some() {
            query.check_cursor(by_index)?;
        }
        if let Some(count) = count {
            query.count = page_size(count, query.cursor.is_some(), pages)?;
        }
        Ok(query)
    }

    /// RFC 9865 section 2.2 would have pages by cursor sorted, too. They are in the order of creation, the only one that
    /// nobody's changes move anybody in. A cursor for
    /// another order would have to carry the value that is sorted by, and so put names into URLs and logs.
    fn check_cursor(&self, by_index: bool) -> Result<(), ScimError> {
        if by_index {
            return Err(ScimError::invalid_value(
                "cursor and startIndex can't both be given; send one of them",
            ));
        }
        if self.sort_by.is_some() {
            return Err(ScimError::invalid_value(
                "sortBy can't be combined with cursor, whose pages are in the order of creation; send one of them",
            ));
        }
        Ok(())
    }

    /// Reads the body of a `POST /.search`, RFC 7644 section 3.4.3, which says with JSON what a query says.
    pub fn parse_search(body: &Value, pages: PageSizes) -> Result<Self, ScimError> {
        let Value::Object(fields) = body else {
            return Err(ScimError::invalid_syntax(format!(
                "the body must be a SearchRequest object, not {}",
                describe(body)
            )));
        };
        let mut pairs = Vec::new();
        for (name, value) in fields.iter().filter(|(name, value)| *name != "schemas" && !value.is_null()) {
            let text = match value {
                Value::String(text) => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                Value::Array(items) => {
                    items.iter().map(Value::as_str).collect::<Option<Vec<_>>>().map(|names| names.join(","))
                }
                Value::Null | Value::Bool(_) | Value::Object(_) => None,
            };
            let wrong =
                || ScimError::invalid_value(format!("{} cannot be {}", excerpt(name), describe(value)));
            pairs.push((name.as_str(), text.ok_or_else(wrong)?));
        }
        Self::parse(pairs.iter().map(|(name, text)| (*name, text.as_str())), pages)
    }
}

impl SortOrder {
    fn parse(text: &str) -> Result<Self, ScimError> {
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

/// How many resources a page has, if the client says.
///
/// RFC 7644 section 3.4.2.4, and RFC 9865 section 2 as well: "A negative value SHALL be interpreted as "0"." What is no
/// number at all has a keyword of its own where there is a cursor, RFC 9865 section 2.1.
fn page_size(text: &str, by_cursor: bool, pages: PageSizes) -> Result<usize, ScimError> {
    let keyword = if by_cursor { ScimType::InvalidCount } else { ScimType::InvalidValue };
    let count = whole_number("count", text).map_err(|error| ScimError::typed(keyword, error.detail))?;
    Ok(count.min(pages.most))
}

/// A number below zero is zero, and one that is too large for the machine is the largest it has.
fn whole_number(name: &str, text: &str) -> Result<usize, ScimError> {
    let digits = text.trim();
    let (negative, digits) = match digits.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, digits),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ScimError::invalid_value(format!(
            "{name} must be a whole number, not {}",
            excerpt(text)
        )));
    }
    Ok(if negative { 0 } else { digits.parse().unwrap_or(usize::MAX) })
}

/// RFC 7644 section 3.9: attributes are given as a comma-separated list.
fn names(list: &str) -> Result<Vec<String>, ScimError> {
    let names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
    if names.clone().nth(MAX_NAMES).is_some() {
        return Err(ScimError::too_many(format!("at most {MAX_NAMES} attributes can be named in one query")));
    }
    Ok(names.map(str::to_owned).collect())
}

/// Where a page is in its list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// It begins with the one of this number, counted from 1.
    Index(usize),
    /// These lead to the pages beside it, as far as there are any.
    Cursors { previous: Option<String>, next: Option<String> },
}

/// The body that answers a query: one page of what matched.
///
/// RFC 9865 section 2: every answer to a query with a cursor has a `nextCursor`, but for the last page; that there is
/// none says that there is nothing more. There is no `previousCursor` on the first page.
pub fn list_response(total_results: usize, place: Place, resources: Vec<Value>) -> Value {
    let mut body = Map::new();
    body.insert("schemas".to_owned(), vec![LIST_URN].into());
    body.insert("totalResults".to_owned(), total_results.into());
    body.insert("itemsPerPage".to_owned(), resources.len().into());
    match place {
        Place::Index(start_index) => {
            body.insert("startIndex".to_owned(), start_index.into());
        }
        Place::Cursors { previous, next } => {
            body.extend(previous.map(|text| ("previousCursor".to_owned(), text.into())));
            body.extend(next.map(|text| ("nextCursor".to_owned(), text.into())));
        }
    }
    body.insert("Resources".to_owned(), resources.into());
    Value::Object(body)
}

/// Compares documents by one attribute.
#[derive(Debug, Clone)]
pub struct Sorter {
    extension: Option<String>,
    name: String,
    sub: Option<String>,
    exact: bool,
    order: SortOrder,
}

impl Sorter {
    /// `sort_by` must name an attribute that has an order: not a complex one without a `value`.
    pub fn new(sort_by: &AttrPath, order: SortOrder, schema: &ResourceSchema) -> Result<Self, ScimError> {
        let refuse = |why: &str| Err(ScimError::invalid_path(format!("sortBy {sort_by}: {why}")));
        let Some(Target::Attribute { extension, attribute, sub }) = schema.resolve(sort_by) else {
            return refuse("there is no such attribute");
        };
        if attribute.returned == Returned::Never {
            return refuse("the attribute is never returned, so nothing is sorted by it");
        }
        // RFC 7644 section 3.4.2.3: a complex attribute is sorted by one of its sub-attributes, a
        // multi-valued one by its primary value "or else the first value in the list, if any".
        let sub = sub.or_else(|| attribute.sub("value"));
        let sorted = sub.unwrap_or(attribute);
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

    /// The value that a document is sorted by, in comparable form, to be computed once per document.
    pub fn key(&self, document: &Document) -> SortKey {
        match self.value(document) {
            None | Some(Value::Null | Value::Array(_) | Value::Object(_)) => SortKey(None),
            Some(Value::Bool(value)) => SortKey(Some(Scalar::Bool(*value))),
            Some(Value::Number(value)) => SortKey(Some(Scalar::Number(Worth::of(value)))),
            Some(Value::String(text)) if self.exact => SortKey(Some(Scalar::Text(text.clone()))),
            Some(Value::String(text)) => SortKey(Some(Scalar::Text(fold_case(text)))),
        }
    }

    /// Compares two keys in the order that was asked for.
    ///
    /// RFC 7644 section 3.4.2.3: "if there is no data for the specified "sortBy" value, they are sorted via
    /// the "sortOrder" parameter, i.e., they are ordered last if ascending and first if descending."
    pub fn compare(&self, left: &SortKey, right: &SortKey) -> Ordering {
        let ascending = match (&left.0, &right.0) {
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

/// What [`Sorter::key`] made of a document.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SortKey(Option<Scalar>);

#[derive(Debug, Clone, PartialEq)]
enum Scalar {
    Bool(bool),
    Number(Worth),
    Text(String),
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
