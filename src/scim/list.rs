//! Queries and their answers: RFC 7644 sections 3.4.2 and 3.4.3.

use serde_json::{Map, Value};

use super::coerce::describe;
use super::error::{ScimError, ScimType, excerpt};
use super::filter::Filter;
use super::path::AttrPath;
use super::sort::SortOrder;

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
        if query.cursor.is_some() && by_index {
            return Err(ScimError::invalid_value(
                "cursor and startIndex can't both be given; send one of them",
            ));
        }
        if let Some(count) = count {
            query.count = page_size(count, query.cursor.is_some(), pages)?;
        }
        Ok(query)
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
