//! Values as the schema wants them, made from values as clients send them.
//!
//! RFC 7643 section 2.3 gives each attribute one type. Clients spell values in more ways than that: Entra ID
//! sends booleans as strings and a manager as plain text, others send one object where a list belongs. What
//! can only mean one thing is taken; all else is refused with the path, what was expected and what came.

use serde_json::{Map, Number, Value};

use super::error::{ScimError, excerpt};
use super::fold::is_same_folded;
use super::instant;
use super::json::Limits;
use super::number::Worth;
use super::schema::{Attribute, Kind};

/// Sub-attributes that say something about a value, but nothing without one.
const LABELS: [&str; 5] = ["type", "primary", "display", "displayName", "$ref"];

/// The value in canonical form, or `None` if it is unassigned or not the client's to set.
///
/// RFC 7643 section 2.5: "Unassigned attributes, the null value, or an empty array (in the case of a
/// multi-valued attribute) SHALL be considered to be equivalent in "state"."
pub(crate) fn coerce(
    attribute: &Attribute,
    value: Value,
    at: &str,
    limits: &Limits,
) -> Result<Option<Value>, ScimError> {
    if attribute.is_read_only() {
        return Ok(None);
    }
    if !attribute.multi_valued {
        return coerce_single(attribute, value, at, limits);
    }
    let elements = coerce_elements(attribute, value, at, limits)?;
    Ok(if elements.is_empty() { None } else { Some(Value::Array(elements)) })
}

/// The values of a multi-valued attribute, from a list or from a single one.
pub(crate) fn coerce_elements(
    attribute: &Attribute,
    value: Value,
    at: &str,
    limits: &Limits,
) -> Result<Vec<Value>, ScimError> {
    let items = match value {
        Value::Array(items) => items,
        single => vec![single],
    };
    check_length(items.len(), at, limits)?;
    let mut elements = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        if item.is_array() {
            return Err(wrong_type(attribute, &item, &format!("{at}[{index}]")));
        }
        elements.extend(coerce_single(attribute, item, &format!("{at}[{index}]"), limits)?);
    }
    keep_one_primary(&mut elements, 0);
    Ok(elements)
}

/// Refuses a multi-valued attribute that has too many values.
pub(crate) fn check_length(length: usize, at: &str, limits: &Limits) -> Result<(), ScimError> {
    if length > limits.values {
        let most = limits.values;
        return Err(ScimError::too_many(format!("{at} has {length} values, at most {most} are accepted")));
    }
    Ok(())
}

/// Leaves `primary` with the first element that has it, counted from `preferred` on and then from the start.
///
/// RFC 7643 section 2.4: "The primary attribute value "true" MUST appear no more than once." PingFederate
/// marks every e-mail address as primary and cannot be told not to, so this is mended rather than refused.
pub(crate) fn keep_one_primary(elements: &mut [Value], preferred: usize) {
    let is_primary = |element: &Value| element.get("primary") == Some(&Value::Bool(true));
    let first = |from: usize| elements.iter().skip(from).position(is_primary).map(|index| index + from);
    let Some(chosen) = first(preferred).or_else(|| first(0)) else { return };
    for (index, element) in elements.iter_mut().enumerate() {
        if index != chosen
            && is_primary(element)
            && let Some(primary) = element.get_mut("primary")
        {
            *primary = Value::Bool(false);
        }
    }
}

fn coerce_single(
    attribute: &Attribute,
    value: Value,
    at: &str,
    limits: &Limits,
) -> Result<Option<Value>, ScimError> {
    let value = match value {
        Value::Array(mut items) if items.len() <= 1 => items.pop().unwrap_or_default(),
        other => other,
    };
    match (attribute.kind, value) {
        (_, Value::Null) => Ok(None),
        (Kind::Complex, Value::Object(fields)) => coerce_complex(attribute, fields, at, limits),
        (Kind::Complex, Value::String(text)) if attribute.sub("value").is_some() => {
            let fields = Map::from_iter([("value".to_owned(), Value::String(text))]);
            coerce_complex(attribute, fields, at, limits)
        }
        (Kind::Boolean, Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true.into())),
        (Kind::Boolean, Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false.into())),
        (Kind::DateTime, Value::String(text)) if instant::parse(&text).is_none() => {
            Err(wrong_type(attribute, &Value::String(text), at))
        }
        // RFC 7643 section 2.3.4: "MUST NOT contain fractional or exponent parts".
        (Kind::Integer, Value::Number(number)) if number.as_str().contains(['.', 'e', 'E']) => {
            Err(wrong_type(attribute, &Value::Number(number), at))
        }
        (Kind::Integer | Kind::Decimal, Value::Number(number)) => Ok(Some(plain(number))),
        (Kind::Binary, Value::String(text)) if !is_base64(&text) => {
            Err(wrong_type(attribute, &Value::String(text), at))
        }
        (Kind::String, Value::String(text)) if attribute.closed => Ok(canonical(attribute, text)),
        (Kind::String | Kind::Reference | Kind::Binary | Kind::DateTime, value @ Value::String(_))
        | (Kind::Boolean, value @ Value::Bool(_)) => Ok(Some(value)),
        (_, value) => Err(wrong_type(attribute, &value, at)),
    }
}

/// A number in the one spelling of its value, so that equal ones are equal as JSON, too.
fn plain(number: Number) -> Value {
    Value::Number(Worth::of(&number).to_string().parse().unwrap_or(number))
}

/// The canonical value that is meant, in the spelling of the schema; or what came, if none is. An empty text is none.
fn canonical(attribute: &Attribute, text: String) -> Option<Value> {
    let is_meant =
        |known: &&String| if attribute.case_exact { **known == text } else { is_same_folded(known, &text) };
    let meant = attribute.canonical_values.iter().find(is_meant).cloned();
    Some(meant.unwrap_or(text)).filter(|text| !text.is_empty()).map(Value::String)
}

/// RFC 7643 section 2.3.6: "The attribute value MUST be base64 encoded". Line breaks and the URL's alphabet are taken.
fn is_base64(text: &str) -> bool {
    let digits = text.trim_end().trim_end_matches('=');
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_ \r\n".contains(&byte);
    digits.bytes().all(known)
}

/// An object in canonical form. Sub-attributes that the schema does not know are kept as they came.
fn coerce_complex(
    attribute: &Attribute,
    fields: Map<String, Value>,
    at: &str,
    limits: &Limits,
) -> Result<Option<Value>, ScimError> {
    let mut object = Map::with_capacity(fields.len());
    let mut value_is_blank = false;
    for (key, value) in fields {
        let Some(sub) = attribute.sub(&key) else {
            object.insert(key, value);
            continue;
        };
        if sub.name == "value" && is_blank(&value) {
            value_is_blank = true;
            continue;
        }
        let at = format!("{at}.{}", sub.name);
        if object.contains_key(&sub.name) {
            return Err(given_twice(&at));
        }
        if let Some(value) = coerce(sub, value, &at, limits)? {
            object.insert(sub.name.clone(), value);
        }
    }
    let is_nothing = object.is_empty() || (value_is_blank && is_only_labels(&object));
    Ok(if is_nothing { None } else { Some(Value::Object(object)) })
}

/// Entra ID clears a value by sending it empty.
pub(crate) fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => match items.as_slice() {
            [] | [Value::Null] => true,
            [Value::String(text)] => text.is_empty(),
            _ => false,
        },
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    }
}

/// Whether an element is left with labels alone, once its value is gone.
pub(crate) fn is_only_labels(object: &Map<String, Value>) -> bool {
    object.keys().all(|key| LABELS.contains(&key.as_str()))
}

pub(crate) fn given_twice(at: &str) -> ScimError {
    ScimError::invalid_syntax(format!("{at} is given twice, in different spellings; send it once"))
}

/// Names the attribute, what it takes and what came; nothing of a password is repeated.
pub(crate) fn wrong_type(attribute: &Attribute, came: &Value, at: &str) -> ScimError {
    let expected = match attribute.kind {
        Kind::String => "a string",
        Kind::Reference => "a string with a URI",
        Kind::Binary => "a string in Base64",
        Kind::Boolean => "true or false",
        Kind::Integer => "a whole number",
        Kind::Decimal => "a number",
        Kind::DateTime => "a date and time such as \"2011-05-13T04:42:34Z\"",
        Kind::Complex => "an object",
    };
    let came = match came {
        Value::String(_) | Value::Number(_) if attribute.is_hidden() => "something else".to_owned(),
        other => describe(other),
    };
    ScimError::invalid_value(format!("{at} must be {expected}, not {came}"))
}

/// A JSON value in a few words.
pub(crate) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) if number.as_str().len() > 40 => {
            format!("a number of {} digits", number.as_str().len())
        }
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the string {}", excerpt(text)),
        Value::Array(items) => format!("an array of {} values", items.len()),
        Value::Object(_) => "an object".to_owned(),
    }
}
