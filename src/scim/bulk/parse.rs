//! Reading a bulk request. What is wrong with the message as a whole refuses it before anything is done; what is wrong
//! with one operation is the answer to that operation.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::{Action, BulkOperation, BulkRequest, Endpoint, Method, Target, Task, reference};
use crate::scim::{
    coerce::describe,
    error::{ScimError, excerpt},
    version::Conditions,
};

impl BulkRequest {
    /// Reads the body of a `POST /Bulk`, whose size and depth have been checked.
    pub fn parse(body: Value, max_operations: usize) -> Result<Self, ScimError> {
        let Value::Object(mut fields) = body else {
            return Err(ScimError::invalid_syntax(format!(
                "the body must be a BulkRequest object with Operations, not {}",
                describe(&body)
            )));
        };
        let fail_on_errors = match take(&mut fields, "failOnErrors") {
            None | Some(Value::Null) => None,
            Some(value) => Some(fail_on_errors(&value)?),
        };
        let operations = match take(&mut fields, "Operations") {
            Some(Value::Array(operations)) => operations,
            Some(other) => {
                let came = describe(&other);
                return Err(ScimError::invalid_syntax(format!("Operations must be an array, not {came}")));
            }
            None => return Err(ScimError::invalid_syntax("Operations is missing, it must be an array")),
        };
        // RFC 7644 section 3.7.4: "If either limit is exceeded, the service provider MUST return HTTP response code 413
        // (Payload Too Large). The returned response MUST specify the limit exceeded in the body of the error response."
        if operations.len() > max_operations {
            let found = operations.len();
            return Err(ScimError::new(
                413,
                format!(
                    "{found} operations are too many, maxOperations is {max_operations}; send several requests"
                ),
            ));
        }
        let mut operations: Vec<BulkOperation> = operations.into_iter().map(BulkOperation::parse).collect();
        check_bulk_ids(&mut operations)?;
        Ok(Self { fail_on_errors, operations })
    }
}

/// RFC 7644 section 3.7: "An integer specifying the number of errors that the service provider will accept before the
/// operation is terminated". None at all are as many as one, as the first ends it.
fn fail_on_errors(value: &Value) -> Result<usize, ScimError> {
    let number = value.as_u64().and_then(|number| usize::try_from(number).ok());
    number.map(|number| number.max(1)).ok_or_else(|| {
        ScimError::invalid_value(format!("failOnErrors must be a whole number, not {}", describe(value)))
    })
}

/// Every reference must be to one operation: an ambiguous bulkId makes the whole message ambiguous, an unknown one only
/// the operation that has it.
fn check_bulk_ids(operations: &mut [BulkOperation]) -> Result<(), ScimError> {
    let mut created = HashSet::new();
    for operation in operations.iter().filter(|it| it.method == Some(Method::Post)) {
        if let Some(bulk_id) = &operation.bulk_id
            && !created.insert(bulk_id.clone())
        {
            return Err(ScimError::invalid_value(format!(
                "the bulkId {} is given to several operations; give each its own",
                excerpt(bulk_id)
            )));
        }
    }
    for operation in operations {
        if let Some(unknown) = operation.references.iter().find(|it| !created.contains(*it)) {
            operation.task = Err(ScimError::invalid_value(format!(
                "no operation of this request creates {}; refer to the bulkId of a POST",
                excerpt(&format!("{}{unknown}", reference::PREFIX))
            )));
            operation.references.clear();
        }
    }
    Ok(())
}

impl BulkOperation {
    fn parse(operation: Value) -> Self {
        let Value::Object(mut fields) = operation else {
            let error = format!("an operation must be an object, not {}", describe(&operation));
            return Self {
                method: None,
                bulk_id: None,
                references: Vec::new(),
                task: Err(ScimError::invalid_syntax(error)),
            };
        };
        let method = text(&mut fields, "method").and_then(|text| {
            text.as_deref()
                .and_then(Method::parse)
                .ok_or_else(|| ScimError::invalid_syntax("method must be POST, PUT, PATCH or DELETE"))
        });
        let bulk_id = text(&mut fields, "bulkId");
        let known = (method.clone().ok(), bulk_id.clone().ok().flatten());
        let mut references = Vec::new();
        let task = method.and_then(|method| {
            let mut task = read_task(method, bulk_id?.as_deref(), &mut fields)?;
            references = reference::of(&mut task);
            Ok(task)
        });
        Self { method: known.0, bulk_id: known.1, references, task }
    }
}

impl Method {
    fn parse(text: &str) -> Option<Self> {
        let all = [Self::Post, Self::Put, Self::Patch, Self::Delete];
        all.into_iter().find(|method| text.eq_ignore_ascii_case(method.as_str()))
    }
}

fn read_task(
    method: Method,
    bulk_id: Option<&str>,
    fields: &mut Map<String, Value>,
) -> Result<Task, ScimError> {
    let path = text(fields, "path")?.unwrap_or_default();
    let version = text(fields, "version")?;
    // RFC 7644 section 3.7: "version: The current resource version. Version MAY be used if the service provider
    // supports entity-tags (ETags)", which is what If-Match says for a single request.
    let conditions = Conditions::parse(version.as_deref(), []);
    let mut data = || match take(fields, "data") {
        Some(data @ Value::Object(_)) => Ok(data),
        Some(other) => {
            Err(ScimError::invalid_value(format!("data must be an object, not {}", describe(&other))))
        }
        None => Err(ScimError::invalid_value(format!("data is missing, {} needs it", method.as_str()))),
    };
    let (endpoint, id) = read_path(&path)?;
    let target = |id: Option<&str>| match id {
        Some(id) => Ok(reference::id(id)
            .map_or_else(|| Target::Id(id.to_owned()), |bulk_id| Target::BulkId(bulk_id.to_owned()))),
        None => Err(ScimError::invalid_path(format!(
            "path must name a resource for {}, such as /Users/{{id}}",
            method.as_str()
        ))),
    };
    let action = match method {
        Method::Post if id.is_some() => {
            return Err(ScimError::invalid_path("path must be /Users or /Groups for POST"));
        }
        // RFC 7644 section 3.7: bulkId is "REQUIRED when "method" is "POST"."
        Method::Post if bulk_id.is_none_or(str::is_empty) => {
            return Err(ScimError::invalid_value("bulkId is missing, POST needs it"));
        }
        Method::Post => Action::Create(data()?),
        Method::Put => Action::Replace(target(id)?, conditions, data()?),
        Method::Patch => Action::Patch(target(id)?, conditions, data()?),
        Method::Delete => Action::Delete(target(id)?, conditions),
    };
    Ok(Task { endpoint, action })
}

/// RFC 7644 section 3.7: "The resource's relative path to the SCIM service provider's root."
fn read_path(path: &str) -> Result<(Endpoint, Option<&str>), ScimError> {
    let relative = path.strip_prefix('/').unwrap_or(path);
    let (name, id) = match relative.split_once('/') {
        Some((name, id)) => (name, Some(id)),
        None => (relative, None),
    };
    let endpoint = match name {
        "Users" => Endpoint::Users,
        "Groups" => Endpoint::Groups,
        _ => {
            return Err(ScimError::invalid_path(format!(
                "path must begin with /Users or /Groups, not be {}",
                excerpt(path)
            )));
        }
    };
    Ok((endpoint, id))
}

/// A field that is text if it is there.
fn text(fields: &mut Map<String, Value>, name: &str) -> Result<Option<String>, ScimError> {
    match take(fields, name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => {
            Err(ScimError::invalid_syntax(format!("{name} must be a string, not {}", describe(&other))))
        }
    }
}

/// Takes the field of this name, whatever its spelling.
fn take(fields: &mut Map<String, Value>, name: &str) -> Option<Value> {
    let key = fields.keys().find(|key| key.eq_ignore_ascii_case(name))?.clone();
    fields.swap_remove(&key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::ScimType;
    use serde_json::json;

    fn parse(operations: &Value) -> Result<BulkRequest, ScimError> {
        BulkRequest::parse(json!({ "Operations": operations }), 3)
    }

    fn post(bulk_id: &str) -> Value {
        json!({ "method": "POST", "path": "/Users", "bulkId": bulk_id, "data": { "userName": bulk_id } })
    }

    #[test]
    fn each_method_is_read_in_any_spelling() {
        let request = parse(&json!([
            { "Method": "post", "Path": "Users", "BulkId": "a", "Data": { "userName": "a" } },
            { "method": "PUT", "path": "/Groups/7", "version": "W/\"2\"", "data": { "displayName": "x" } },
            { "method": "DELETE", "path": "/Users/bulkId:a", "data": null },
        ]));
        let operations = request.unwrap().operations;
        let actions: Vec<_> = operations.iter().map(|it| it.task.clone().unwrap()).collect();
        assert_eq!(
            actions[0],
            Task { endpoint: Endpoint::Users, action: Action::Create(json!({ "userName": "a" })) }
        );
        let Action::Replace(Target::Id(id), conditions, _) = &actions[1].action else {
            panic!("{actions:?}")
        };
        assert!(id == "7" && conditions.allow_write("2") && !conditions.allow_write("3"));
        let gone = Action::Delete(Target::BulkId("a".to_owned()), Conditions::default());
        assert_eq!(actions[2], Task { endpoint: Endpoint::Users, action: gone });
        assert_eq!(operations[2].references, ["a"]);
    }

    #[test]
    fn what_is_wrong_with_one_operation_is_its_own_answer() {
        let cases = [
            (json!(1), ScimType::InvalidSyntax, "must be an object"),
            (json!({ "path": "/Users" }), ScimType::InvalidSyntax, "method must be"),
            (json!({ "method": "GET", "path": "/Users/1" }), ScimType::InvalidSyntax, "method must be"),
            (
                json!({ "method": "POST", "path": "/Users", "data": {} }),
                ScimType::InvalidValue,
                "bulkId is missing",
            ),
            (
                json!({ "method": "POST", "path": "/Users", "bulkId": 1 }),
                ScimType::InvalidSyntax,
                "bulkId must be",
            ),
            (
                json!({ "method": "POST", "path": "/Users", "bulkId": "a" }),
                ScimType::InvalidValue,
                "data is missing",
            ),
            (
                json!({ "method": "POST", "path": "/Users/1", "bulkId": "a" }),
                ScimType::InvalidPath,
                "for POST",
            ),
            (json!({ "method": "PUT", "path": "/Users", "data": {} }), ScimType::InvalidPath, "/Users/{id}"),
            (
                json!({ "method": "PATCH", "path": "/Users/1", "data": [] }),
                ScimType::InvalidValue,
                "data must be",
            ),
            (json!({ "method": "DELETE", "path": "/Bulk/1" }), ScimType::InvalidPath, "\"/Bulk/1\""),
            (json!({ "method": "DELETE" }), ScimType::InvalidPath, "path must begin"),
            (json!({ "method": "DELETE", "path": "/Users/bulkId:z" }), ScimType::InvalidValue, "bulkId:z"),
        ];
        for (operation, scim_type, part) in cases {
            let request = parse(&json!([operation, post("good")])).unwrap();
            let error = request.operations[0].task.clone().unwrap_err();
            assert_eq!(error.scim_type, Some(scim_type), "{error}");
            assert!(error.detail.contains(part), "{error}");
            assert!(request.operations[1].task.is_ok());
        }
    }

    #[test]
    fn what_is_wrong_with_the_message_refuses_it() {
        assert_eq!(
            parse(&json!([post("a"), post("a")])).unwrap_err().scim_type,
            Some(ScimType::InvalidValue)
        );
        assert_eq!(parse(&json!([1, 2, 3, 4])).unwrap_err().status, 413);
        for body in [json!([]), json!({}), json!({ "Operations": 1 })] {
            assert_eq!(BulkRequest::parse(body, 3).unwrap_err().scim_type, Some(ScimType::InvalidSyntax));
        }
    }

    #[test]
    fn errors_are_accepted_without_end_or_up_to_a_number() {
        let read = |value: Value| {
            BulkRequest::parse(json!({ "failOnErrors": value, "Operations": [] }), 3)
                .map(|it| it.fail_on_errors)
        };
        assert_eq!(read(Value::Null), Ok(None));
        assert_eq!([read(json!(0)), read(json!(1)), read(json!(5))], [Ok(Some(1)), Ok(Some(1)), Ok(Some(5))]);
        assert!(read(json!(-1)).is_err() && read(json!("one")).is_err());
    }
}
