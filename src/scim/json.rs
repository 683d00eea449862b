//! From bytes to a JSON value, refusing what a lenient parser would let through.
//!
//! `serde_json` keeps the last of two equal keys and goes 128 levels deep. Two parties that read the
//! same body differently are how checks are passed by, so equal keys are an error here, and so is
//! anything deeper than any SCIM document has reason to be. Numbers keep their spelling.

use serde::Deserializer;
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

use super::error::ScimError;
use super::spelled::{NUMBER, Spellings};

/// How much a single request may hold. What is beyond is answered 400 and says which limit it met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Levels of objects and arrays.
    pub depth: usize,
    /// Values of any multi-valued attribute but `members`.
    pub values: usize,
    /// Members that one request may name.
    pub members: usize,
    /// Bytes of one string, or of one number.
    pub string_bytes: usize,
    /// Operations of one PATCH.
    pub operations: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 32, values: 1_000, members: 100_000, string_bytes: 64 * 1024, operations: 1_000 }
    }
}

/// Parses a request body. The error names line and column.
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Value, ScimError> {
    check_depth(bytes, limits.depth)?;
    let value = read(bytes)
        .map_err(|error| ScimError::invalid_syntax(format!("the body is not valid JSON: {error}")))?;
    check(&value, limits)?;
    Ok(value)
}

/// Reads a value that has been accepted before: as strictly, but for the limits, which may have been others then.
pub fn read(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Strict(&mut Spellings::of(bytes)).deserialize(&mut deserializer)?;
    deserializer.end().map(|()| value)
}

/// Checks depth and string lengths of a value that came from elsewhere. Walks with a list, not by recursion.
pub(crate) fn check(value: &Value, limits: &Limits) -> Result<(), ScimError> {
    let mut open = vec![(value, 1)];
    while let Some((value, depth)) = open.pop() {
        match value {
            Value::String(text) if text.len() > limits.string_bytes => {
                let most = limits.string_bytes;
                return Err(ScimError::invalid_value(format!(
                    "a string of {} bytes is too long, at most {most} are accepted",
                    text.len()
                )));
            }
            Value::Number(number) if number.as_str().len() > limits.string_bytes => {
                let most = limits.string_bytes;
                return Err(ScimError::invalid_value(format!(
                    "a number of {} digits is too long, at most {most} are accepted",
                    number.as_str().len()
                )));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            Value::Array(_) | Value::Object(_) if depth > limits.depth => {
                return Err(too_deep(limits.depth, ""));
            }
            Value::Array(items) => open.extend(items.iter().map(|item| (item, depth + 1))),
            Value::Object(fields) => open.extend(fields.values().map(|field| (field, depth + 1))),
        }
    }
    Ok(())
}

/// Scans for nesting before anything is built, so that a deep body costs neither stack nor memory.
fn check_depth(bytes: &[u8], limit: usize) -> Result<(), ScimError> {
    let (mut depth, mut line, mut line_start) = (0_usize, 1, 0);
    let (mut in_string, mut escaped) = (false, false);
    for (at, byte) in bytes.iter().enumerate() {
        if *byte == b'\n' {
            (line, line_start) = (line + 1, at + 1);
        }
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limit {
            return Err(too_deep(limit, &format!(" at line {line} column {}", at - line_start + 1)));
        }
    }
    Ok(())
}

fn too_deep(limit: usize, place: &str) -> ScimError {
    ScimError::invalid_syntax(format!(
        "the JSON is nested too deeply{place}, at most {limit} levels are accepted"
    ))
}

/// Builds a `Value`, and refuses an object that has the same key twice.
struct Strict<'a, 'b>(&'a mut Spellings<'b>);

impl<'de> DeserializeSeed<'de> for Strict<'_, '_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_, '_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        self.number(&value.to_string())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        self.number(&value.to_string())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(Strict(self.0))? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = fields.next_key::<String>()? {
            if key == NUMBER && object.is_empty() {
                let number = fields.next_value::<String>()?;
                return self.number(&number);
            }
            // serde_json reads an object with such a key as embedded JSON text, which would get past
            // every check of this file when the document is stored and read back.
            if key.starts_with("$serde_json::private::") {
                return Err(reserved());
            }
            if object.contains_key(&key) {
                let key = super::error::excerpt(&key);
                return Err(de::Error::custom(format_args!("the key {key} is given twice in one object")));
            }
            let value = fields.next_value_seed(Strict(self.0))?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

impl Strict<'_, '_> {
    fn number<E: de::Error>(self, read: &str) -> Result<Value, E> {
        self.0.next_as(read).map(Value::Number).ok_or_else(reserved)
    }
}

fn reserved<E: de::Error>() -> E {
    E::custom("an object key is reserved")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detail(body: &str) -> String {
        let error = parse(body.as_bytes(), &Limits::default()).unwrap_err();
        assert_eq!((error.status, error.scim_type), (400, Some(super::super::ScimType::InvalidSyntax)));
        error.detail
    }

    #[test]
    fn an_error_names_line_and_column() {
        assert!(detail("{\n  \"a\": x\n}").contains("line 2 column"));
        assert!(detail("{\"a\": 1, \"\\u0061\": 2}").contains("\"a\" is given twice"));
        assert!(detail("{} x").contains("trailing characters"));
        assert!(detail("").contains("EOF"));
        assert!(detail("{\"a\": NaN}").contains("line 1"));
        assert!(detail(r#"{"a": "\ud800"}"#).contains("line 1"));
        assert!(detail(r#"{"$serde_json::private::RawValue": "[]"}"#).contains("reserved"));
    }

    #[test]
    fn a_number_keeps_its_spelling_and_nothing_else_passes_for_one() {
        let body = r#"[0,-0.0,1.50,1e3,1E400,1e-07,12345678901234567890123456789,{"a":"1e3","b":2.0}]"#;
        assert_eq!(parse(body.as_bytes(), &Limits::default()).unwrap().to_string(), body);
        for forged in [
            r#"{"$serde_json::private::Number":"1"}"#,
            r#"[{"$serde_json::private::Number":"1"},1]"#,
            r#"[1,{"\u0024serde_json::private::Number":"1"}]"#,
            r#"{"a":1,"$serde_json::private::Number":"1"}"#,
        ] {
            assert!(detail(forged).contains("reserved"), "{forged}");
        }
        assert!(detail(r#"{"$serde_json::private::Number":1}"#).contains("invalid type"));
        assert!(detail(r#"[{"$serde_json::private::Number":"1","a":2}, 1]"#).contains("line 1"));
    }

    #[test]
    fn deep_json_is_refused_before_it_costs_stack() {
        let body = format!("\n{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(detail(&body).contains("at line 2 column 33"));
        assert!(
            parse(format!("{}1{}", "[".repeat(32), "]".repeat(32)).as_bytes(), &Limits::default()).is_ok()
        );
        assert!(parse(br#"{"a":"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"{"}"#, &Limits::default()).is_ok());
    }

    #[test]
    fn a_string_beyond_the_limit_is_refused() {
        let limits = Limits { string_bytes: 4, ..Limits::default() };
        assert!(parse(br#"{"a":"1234"}"#, &limits).is_ok());
        assert!(parse(br#"{"a":["12345"]}"#, &limits).unwrap_err().detail.contains("5 bytes"));
        assert!(parse(br#"{"a":[12345]}"#, &limits).unwrap_err().detail.contains("5 digits"));
    }
}
