//! References to what another operation creates, RFC 7644 section 3.7.2.
//!
//! "bulkId:" and a bulkId stand for an id that nobody knows yet, wherever an id may be: as the value of a member or a
//! manager, in the value of a PATCH, in the filter of its path, at the end of a `$ref`, and in an operation's own path.

use serde_json::{Map, Value, json};

use super::{Action, Target, Task};

/// What a reference begins with.
pub const PREFIX: &str = "bulkId:";

/// The bulkId that a text refers to, if it is a reference and nothing else.
pub(super) fn id(text: &str) -> Option<&str> {
    let (prefix, id) = text.split_at_checked(PREFIX.len())?;
    prefix.eq_ignore_ascii_case(PREFIX).then_some(id)
}

/// The bulkIds that a task refers to, each once.
pub(super) fn of(task: &mut Task) -> Vec<String> {
    let mut found = Vec::new();
    let (target, data) = match &mut task.action {
        Action::Create(data) => (None, Some(data)),
        Action::Replace(target, _, data) | Action::Patch(target, _, data) => (Some(target), Some(data)),
        Action::Delete(target, _) => (Some(target), None),
    };
    if let Some(Target::BulkId(bulk_id)) = target {
        found.push(bulk_id.clone());
    }
    if let Some(data) = data {
        visit(data, &mut |bulk_id| {
            found.push(bulk_id.to_owned());
            None
        });
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Puts ids in the place of references.
pub fn resolve(data: &mut Value, id_of: impl Fn(&str) -> Option<String>) {
    visit(data, &mut |bulk_id| id_of(bulk_id));
}

/// Takes those values out of a new resource that refer to what is pending, and gives them back: an object of the same
/// shape, with nothing else in it. Adding it to the resource makes that what it was meant to be.
///
/// RFC 7644 section 3.7.1 has a service provider try to resolve references that form a circle.
pub fn split_off(data: &mut Value, is_pending: impl Fn(&str) -> bool) -> Value {
    let Value::Object(fields) = data else { return json!({}) };
    let mut taken = split_fields(fields, &is_pending, true);
    // What an extension has is as much the resource's own as its other attributes.
    for (key, value) in fields.iter_mut().filter(|(key, _)| is_urn(key)) {
        if let Value::Object(extension) = value {
            let of_extension = split_fields(extension, &is_pending, false);
            if !of_extension.is_empty() {
                taken.insert(key.clone(), Value::Object(of_extension));
            }
        }
    }
    Value::Object(taken)
}

/// The changes of a PATCH that adds what was split off.
pub fn patch_of(split_off: &Value) -> Value {
    json!({ "schemas": [crate::scim::patch::PATCH_URN], "Operations": [{ "op": "add", "value": split_off }] })
}

fn split_fields(
    fields: &mut Map<String, Value>,
    is_pending: &impl Fn(&str) -> bool,
    but_extensions: bool,
) -> Map<String, Value> {
    let mut taken = Map::new();
    for (key, value) in fields.iter_mut().filter(|(key, _)| !(but_extensions && is_urn(key))) {
        let out = match value {
            // Of several values, only those go that have to.
            Value::Array(items) => {
                let all = std::mem::take(items).into_iter();
                let (out, kept): (Vec<Value>, Vec<Value>) = all.partition(|item| refers(item, is_pending));
                *items = kept;
                if out.is_empty() {
                    continue;
                }
                Value::Array(out)
            }
            single if refers(single, is_pending) => single.take(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => continue,
        };
        taken.insert(key.clone(), out);
    }
    taken
}

fn is_urn(key: &str) -> bool {
    key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("urn:"))
}

fn refers(value: &Value, is_pending: &impl Fn(&str) -> bool) -> bool {
    let mut found = false;
    visit(&mut value.clone(), &mut |bulk_id| {
        found |= is_pending(bulk_id);
        None
    });
    found
}

/// Shows every reference to `see`, and puts what that gives in its place. Walks with a list, not by recursion.
fn visit(data: &mut Value, see: &mut dyn FnMut(&str) -> Option<String>) {
    let mut open: Vec<(&str, &mut Value)> = vec![("", data)];
    while let Some((key, value)) = open.pop() {
        match value {
            // Whatever a password looks like, it is nobody's id, and no error may quote it.
            Value::String(_) if key.eq_ignore_ascii_case("password") => {}
            Value::String(text) => {
                if let Some(new) = rewrite(key, text, see) {
                    *text = new;
                }
            }
            Value::Array(items) => open.extend(items.iter_mut().map(|item| (key, item))),
            Value::Object(fields) => open.extend(fields.iter_mut().map(|(key, field)| (key.as_str(), field))),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

fn rewrite(key: &str, text: &str, see: &mut dyn FnMut(&str) -> Option<String>) -> Option<String> {
    if let Some(bulk_id) = id(text) {
        return see(bulk_id);
    }
    match key.to_ascii_lowercase().as_str() {
        // `members[value eq "bulkId:qwerty"]`: every other part between quotation marks is a value.
        "path" => {
            let parts = text.split('"').enumerate().map(|(index, part)| match id(part) {
                Some(bulk_id) if index % 2 == 1 => see(bulk_id).unwrap_or_else(|| part.to_owned()),
                Some(_) | None => part.to_owned(),
            });
            Some(parts.collect::<Vec<_>>().join("\""))
        }
        "$ref" => {
            let (base, last) = text.rsplit_once('/')?;
            Some(format!("{base}/{}", see(id(last)?)?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(mut data: Value) -> Value {
        resolve(&mut data, |bulk_id| Some(format!("<{bulk_id}>")));
        data
    }

    #[test]
    fn a_reference_is_found_wherever_an_id_may_be() {
        let data = json!({
            "members": [{ "value": "bulkId:a", "$ref": "../Users/bulkId:a" }, "BULKID:b", { "value": "7" }],
            "urn:x:User": { "manager": { "value": "bulkId:c" } },
            "Operations": [{
                "op": "remove",
                "path": "members[value eq \"bulkId:d\" or value eq \"8\"]",
                "value": ["bulkId:e"],
            }],
        });
        assert_eq!(
            resolved(data),
            json!({
                "members": [{ "value": "<a>", "$ref": "../Users/<a>" }, "<b>", { "value": "7" }],
                "urn:x:User": { "manager": { "value": "<c>" } },
                "Operations": [{
                    "op": "remove",
                    "path": "members[value eq \"<d>\" or value eq \"8\"]",
                    "value": ["<e>"],
                }],
            })
        );
    }

    #[test]
    fn what_only_looks_like_a_reference_stays() {
        let data = json!({ "displayName": "see bulkId:a", "path": "bulk[\"x\"]", "$ref": "/Users/7", "password": "bulkId:a" });
        assert_eq!(resolved(data.clone()), data);
    }

    #[test]
    fn what_is_pending_is_split_off_with_its_place() {
        let mut data = json!({
            "displayName": "g",
            "members": [{ "value": "bulkId:now" }, { "value": "bulkId:later" }, { "value": "7" }],
            "urn:x:User": { "department": "d", "manager": { "value": "bulkId:later", "displayName": "m" } },
            "urn:x:Other": { "a": 1 },
        });
        let taken = split_off(&mut data, |bulk_id| bulk_id == "later");
        assert_eq!(
            taken,
            json!({
                "members": [{ "value": "bulkId:later" }],
                "urn:x:User": { "manager": { "value": "bulkId:later", "displayName": "m" } },
            })
        );
        assert_eq!(
            data,
            json!({
                "displayName": "g",
                "members": [{ "value": "bulkId:now" }, { "value": "7" }],
                "urn:x:User": { "department": "d", "manager": null },
                "urn:x:Other": { "a": 1 },
            })
        );
    }

    #[test]
    fn nothing_is_split_off_where_nothing_is_pending() {
        let mut data = json!({ "members": [{ "value": "bulkId:a" }] });
        assert_eq!(split_off(&mut data, |_| false), json!({}));
        assert_eq!(split_off(&mut json!([]), |_| true), json!({}));
    }
}
