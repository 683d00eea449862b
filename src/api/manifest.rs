//! A CustomResourceDefinition as YAML.
//!
//! serde_json's numbers keep every digit that a client sends, and tell only serde_json of them; any other format gets
//! an object with a private key. Those of a schema's defaults are small whole numbers, so they are told as such.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde::{Serialize, Serializer, ser::Error};
use serde_json::Value;

/// The definition as one YAML document, which is what `kubectl apply` takes.
///
/// # Errors
/// If the definition holds what YAML can't say; the types of this room hold nothing of that kind.
pub fn manifest(definition: &CustomResourceDefinition) -> Result<String, serde_saphyr::ser::Error> {
    let value = serde_json::to_value(definition).map_err(serde_saphyr::ser::Error::custom)?;
    serde_saphyr::to_string(&Plain(&value))
}

/// JSON that any format understands.
struct Plain<'a>(&'a Value);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => to.serialize_i64(whole),
                (None, Some(fraction)) => to.serialize_f64(fraction),
                (None, None) => {
                    Err(S::Error::custom(format!("{number} is too large a number for a definition")))
                }
            },
            Value::Array(items) => to.collect_seq(items.iter().map(Plain)),
            Value::Object(fields) => to.collect_map(fields.iter().map(|(key, field)| (key, Plain(field)))),
            plain @ (Value::Null | Value::Bool(_) | Value::String(_)) => plain.serialize(to),
        }
    }
}
