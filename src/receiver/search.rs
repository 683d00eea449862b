//! A list that is asked for in a body instead of a URL, RFC 7644 section 3.4.3.

use serde_json::{Map, Value};

use super::{ReceiverError, query::list_query};
use crate::scim::{ScimError, list::ListQuery};

/// The query in the body of a `.search`.
///
/// RFC 7644 section 3.4.3: the members of a SearchRequest are the parameters of a URL's query, as JSON.
pub(super) fn search_request(body: &Value) -> Result<ListQuery, ReceiverError> {
    let fields =
        body.as_object().ok_or_else(|| ScimError::invalid_syntax("a search must be a JSON object"))?;
    let pairs: Vec<(&str, String)> = parameters(fields)?;
    list_query(pairs.iter().map(|(name, value)| (*name, value.as_str())))
}

fn parameters(fields: &Map<String, Value>) -> Result<Vec<(&str, String)>, ScimError> {
    let mut pairs = Vec::with_capacity(fields.len());
    for (name, value) in fields {
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Array(items) => names(name, items)?,
            Value::Bool(_) | Value::Object(_) => return Err(wrong_type(name)),
        };
        pairs.push((name.as_str(), text));
    }
    Ok(pairs)
}

fn names(parameter: &str, items: &[Value]) -> Result<String, ScimError> {
    let names: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
    names.map(|names| names.join(",")).ok_or_else(|| wrong_type(parameter))
}

fn wrong_type(parameter: &str) -> ScimError {
    let name: String = parameter.chars().take(40).collect();
    ScimError::invalid_value(format!(
        "{} must be a string, a number or a list of strings",
        name.escape_debug()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_search_means_what_the_same_query_of_a_url_means() {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
            "attributes": ["userName", "emails.value"],
            "filter": "active eq true",
            "startIndex": 3,
            "count": 2,
        });
        let query = search_request(&body).unwrap();
        assert_eq!(query.attributes, ["userName", "emails.value"]);
        assert_eq!((query.start_index, query.count, query.filter.is_some()), (3, 2, true));
    }

    #[test]
    fn a_search_with_a_wrong_type_says_which() {
        let error = search_request(&json!({ "filter": { "userName": "ada" } })).unwrap_err();
        assert!(error.to_string().starts_with("filter must be"), "{error}");
    }
}
