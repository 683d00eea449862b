//! What became of each operation of a bulk request, RFC 7644 sections 3.7 and 3.7.3.

use serde_json::{Map, Value};

use super::Method;
use crate::scim::ScimError;

/// The URN of the answer to a bulk request.
pub const BULK_RESPONSE_URN: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";

/// What became of one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationResult {
    pub method: Option<Method>,
    pub bulk_id: Option<String>,
    /// Where the resource is, if there is one.
    pub location: Option<String>,
    /// Its version, as an entity tag, if it is known.
    pub version: Option<String>,
    /// The HTTP status of a success.
    pub outcome: Result<u16, ScimError>,
}

/// The body of the answer. RFC 7644 section 3.7: "status" is a string, and "response" is there if that is "other than
/// a 200-series response".
pub fn bulk_response(results: Vec<OperationResult>) -> Value {
    let operations: Vec<Value> = results.into_iter().map(|it| Value::Object(operation(it))).collect();
    Value::Object(Map::from_iter([
        ("schemas".to_owned(), vec![BULK_RESPONSE_URN].into()),
        ("Operations".to_owned(), operations.into()),
    ]))
}

fn operation(result: OperationResult) -> Map<String, Value> {
    let OperationResult { method, bulk_id, location, version, outcome } = result;
    let (status, response) = match outcome {
        Ok(status) => (status, None),
        Err(error) => (error.status, Some(error.body())),
    };
    let fields = [
        ("method", method.map(|method| method.as_str().into())),
        ("bulkId", bulk_id.map(Value::from)),
        ("version", version.map(Value::from)),
        ("location", location.map(Value::from)),
        ("status", Some(status.to_string().into())),
        ("response", response),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_success_says_where_and_a_failure_says_why() {
        let created = OperationResult {
            method: Some(Method::Post),
            bulk_id: Some("qwerty".to_owned()),
            location: Some("https://x/Users/1".to_owned()),
            version: Some("W/\"1\"".to_owned()),
            outcome: Ok(201),
        };
        let failed = OperationResult {
            method: None,
            bulk_id: None,
            location: None,
            version: None,
            outcome: Err(ScimError::invalid_syntax("nothing")),
        };
        let body = bulk_response(vec![created, failed]);
        assert_eq!(
            body["Operations"],
            json!([
                { "method": "POST", "bulkId": "qwerty", "version": "W/\"1\"", "location": "https://x/Users/1", "status": "201" },
                { "status": "400", "response": ScimError::invalid_syntax("nothing").body() },
            ])
        );
    }
}
