//! From what a client sent with POST or PUT to a document in canonical form.
//!
//! Known attributes get their canonical name and type. What the schema does not know is kept as it came:
//! Okta reads a resource, merges its own attributes into it and PUTs the whole back, and must find there
//! what it left.

use serde_json::{Map, Value};

use super::Document;
use super::coerce::{coerce, describe, given_twice, wrong_type};
use super::error::ScimError;
use super::json::{self, Limits};
use super::member::{self, MemberRef};
use super::password::Password;
use super::path::{AttrPath, is_name};
use super::schema::{Attribute, Mutability, ResourceSchema, Schema, Target};

/// What a client's document says.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalized {
    /// Without `id`, `meta`, `password`, and for a Group `members`; `schemas` is recomputed.
    pub document: Document,
    /// The `id` in the body, which means nothing but may be compared with the one in the URL.
    pub id: Option<String>,
    pub password: Option<Password>,
    /// A Group's members; `None` when the client said nothing of them.
    pub members: Option<Vec<MemberRef>>,
}

/// Reads the body of a POST or PUT, and refuses it if something required is missing.
pub fn normalize(body: Value, schema: &ResourceSchema, limits: &Limits) -> Result<Normalized, ScimError> {
    let result = read(body, schema, limits)?;
    let missing = missing_required(&result.document, schema).next();
    missing.map_or(Ok(result), |path| Err(required(&path)))
}

/// Reads the body of a POST or PUT. Whether something required is missing is another question.
pub(crate) fn read(body: Value, schema: &ResourceSchema, limits: &Limits) -> Result<Normalized, ScimError> {
    json::check(&body, limits)?;
    let Value::Object(fields) = body else {
        return Err(ScimError::invalid_syntax(format!(
            "the body must be a JSON object with the attributes of a {}, not {}",
            schema.name,
            describe(&body)
        )));
    };
    let result = Normalized { document: Document::new(), id: None, password: None, members: None };
    // Another name for an attribute that the body has by its own name, too, is kept as what nobody knows.
    let idle: Vec<&str> = schema.idle_aliases(fields.keys()).collect();
    let mut reader = Reader { schema, limits, result };
    for (key, value) in fields {
        if idle.iter().any(|alias| key.eq_ignore_ascii_case(alias)) {
            reader.result.document.insert(key, value);
        } else {
            reader.field(key, value)?;
        }
    }
    let mut result = reader.result;
    set_schemas(&mut result.document, schema);
    Ok(result)
}

/// What is said where `path` is missing.
pub(crate) fn required(path: &str) -> ScimError {
    ScimError::invalid_value(format!("{path} is required and may not be empty"))
}

/// Checks that no immutable attribute changed between two documents, for PUT; PATCH does so itself.
///
/// RFC 7644 section 3.5.1: "immutable: If one or more values are already set for the attribute, the input
/// value(s) MUST match, or HTTP status code 400 SHOULD be returned with a "scimType" error code of
/// "mutability"."
pub fn check_immutable(
    before: &Document,
    after: &Document,
    schema: &ResourceSchema,
) -> Result<(), ScimError> {
    for (extension, attribute) in schema.all_attributes() {
        let find = |document: &'_ Document| -> Option<Value> {
            let container = match extension {
                Some(schema) => document.get(&schema.id)?.as_object()?,
                None => document,
            };
            container.get(&attribute.name).cloned()
        };
        let whole = [(None, attribute)].into_iter();
        let parts = attribute.sub_attributes.iter().map(|sub| (Some(sub), sub));
        for (sub, checked) in whole.chain(parts) {
            let pick = |value: Option<Value>| match sub {
                Some(sub) => value.and_then(|value| value.get(&sub.name).cloned()),
                None => value,
            };
            if checked.mutability != Mutability::Immutable || (sub.is_some() && attribute.multi_valued) {
                continue;
            }
            let (old, new) = (pick(find(before)), pick(find(after)));
            if old.is_some() && old != new {
                let path = Target::Attribute { extension, attribute, sub }.canonical();
                return Err(ScimError::mutability(format!("{path} is immutable and has a value already")));
            }
        }
    }
    Ok(())
}

struct Reader<'s> {
    schema: &'s ResourceSchema,
    limits: &'s Limits,
    result: Normalized,
}

impl<'s> Reader<'s> {
    fn field(&mut self, key: String, value: Value) -> Result<(), ScimError> {
        if self.schema.core.is(&key) {
            return match value {
                Value::Object(fields) => {
                    fields.into_iter().try_for_each(|(key, value)| self.field(key, value))
                }
                other => Err(must_be_object(&key, &other)),
            };
        }
        let target = AttrPath::parse(&key).ok().and_then(|path| self.schema.resolve(&path));
        match target {
            Some(Target::Extension(extension)) => self.extension(extension, value),
            Some(Target::Attribute { extension, attribute, sub: None }) => {
                self.attribute(extension, attribute, value)
            }
            // Entra ID writes `"name.givenName": "Ada"`, which says what `"name": {"givenName": "Ada"}` does.
            Some(Target::Attribute { extension, attribute, sub: Some(sub) }) => {
                let nested = Map::from_iter([(sub.name.clone(), value)]);
                self.attribute(extension, attribute, Value::Object(nested))
            }
            None => self.unknown(key, value),
        }
    }

    /// What no schema knows is kept as it came; but the parts of an extension are put together, whether they come as
    /// one object or by flat keys, as Entra ID writes them. So a PATCH, which names them by path, finds them.
    fn unknown(&mut self, key: String, value: Value) -> Result<(), ScimError> {
        let schema = self.schema;
        let (urn, fields) = match (AttrPath::parse(&key), value) {
            (Ok(path), Value::Object(fields)) if path.urn.is_some() => (key, fields),
            (Ok(AttrPath { urn: Some(urn), name, sub: None }), value)
                // The URN of an extension as a whole ends in what it extends, as those of RFC 7643 do.
                if name != schema.name && is_name(&name) && !schema.core.is(&urn) && !value.is_null() =>
            {
                let known = schema.extension(&urn).map(|extension| extension.id.clone());
                (known.unwrap_or(urn), Map::from_iter([(name, value)]))
            }
            (_, value) => {
                self.result.document.insert(key, value);
                return Ok(());
            }
        };
        self.own_extension(&urn, fields)
    }

    /// Adds to an extension what no schema knows of it.
    fn own_extension(&mut self, urn: &str, fields: Map<String, Value>) -> Result<(), ScimError> {
        let document = &mut self.result.document;
        let named = document.keys().find(|key| key.eq_ignore_ascii_case(urn)).cloned();
        match document.entry(named.unwrap_or_else(|| urn.to_owned())).or_insert_with(|| Map::new().into()) {
            Value::Object(held) => fields.into_iter().try_for_each(|(name, value)| match held.get(&name) {
                Some(old) if *old != value => Err(given_twice(&format!("{urn}:{name}"))),
                Some(_) => Ok(()),
                None => {
                    held.insert(name, value);
                    Ok(())
                }
            }),
            other => Err(must_be_object(urn, other)),
        }
    }

    fn extension(&mut self, extension: &'s Schema, value: Value) -> Result<(), ScimError> {
        match value {
            Value::Null => Ok(()),
            Value::Object(fields) => fields.into_iter().try_for_each(|(key, value)| {
                let path = AttrPath::parse(&key).ok().filter(|path| path.urn.is_none());
                match path.and_then(|path| extension.attribute(&path.name).map(|attribute| (path, attribute)))
                {
                    Some((AttrPath { sub: None, .. }, attribute)) => {
                        self.attribute(Some(extension), attribute, value)
                    }
                    Some((AttrPath { sub: Some(sub), .. }, attribute)) if attribute.sub(&sub).is_some() => {
                        self.attribute(
                            Some(extension),
                            attribute,
                            Value::Object(Map::from_iter([(sub, value)])),
                        )
                    }
                    Some(_) | None => {
                        edit(&mut self.result.document, Some(extension), |fields| fields.insert(key, value));
                        Ok(())
                    }
                }
            }),
            other => Err(must_be_object(&extension.id, &other)),
        }
    }

    fn attribute(
        &mut self,
        extension: Option<&Schema>,
        attribute: &Attribute,
        value: Value,
    ) -> Result<(), ScimError> {
        match (extension, attribute.name.as_str()) {
            (None, "schemas") => return check_schemas(&value),
            (None, "id") => {
                self.result.id = value.as_str().map(str::to_owned);
                return Ok(());
            }
            (None, "password") => {
                self.result.password = read_password(attribute, value)?;
                return Ok(());
            }
            (None, "members") if self.schema.has_members() => {
                if !value.is_null() {
                    self.result.members = Some(member::parse(&value, self.limits)?);
                }
                return Ok(());
            }
            _ => {}
        }
        let at = Target::Attribute { extension, attribute, sub: None }.canonical();
        let Some(value) = coerce(attribute, value, &at, self.limits)? else { return Ok(()) };
        edit(&mut self.result.document, extension, |fields| put_once(fields, attribute, value, &at))
    }
}

/// Sets an attribute. Parts of a complex one may come separately, but nothing may come twice with two values.
fn put_once(
    fields: &mut Map<String, Value>,
    attribute: &Attribute,
    value: Value,
    at: &str,
) -> Result<(), ScimError> {
    match (fields.get_mut(&attribute.name), value) {
        (None, value) => {
            fields.insert(attribute.name.clone(), value);
            Ok(())
        }
        (Some(Value::Object(old)), Value::Object(new)) => {
            for (name, value) in new {
                if old.get(&name).is_some_and(|old| *old != value) {
                    return Err(given_twice(&format!("{at}.{name}")));
                }
                old.insert(name, value);
            }
            Ok(())
        }
        (Some(old), value) if *old == value => Ok(()),
        (Some(_), _) => Err(given_twice(at)),
    }
}

fn must_be_object(urn: &str, came: &Value) -> ScimError {
    ScimError::invalid_value(format!("{urn} must be an object, not {}", describe(came)))
}

/// The `schemas` of a body are read only to see that they are what they should be: which schemas a document
/// has follows from its attributes, and clients forget to name them.
fn check_schemas(value: &Value) -> Result<(), ScimError> {
    let good = match value {
        Value::Null => true,
        Value::Array(items) => items.iter().all(Value::is_string),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => false,
    };
    if good { Ok(()) } else { Err(ScimError::invalid_value("schemas must be an array of URNs")) }
}

/// An empty password is none.
pub(crate) fn read_password(attribute: &Attribute, value: Value) -> Result<Option<Password>, ScimError> {
    match value {
        Value::Null => Ok(None),
        Value::String(clear) if clear.is_empty() => Ok(None),
        Value::String(clear) => Ok(Some(Password::new(clear))),
        other => Err(wrong_type(attribute, &other, &attribute.name)),
    }
}

/// Changes the object that holds an extension's attributes, made if need be; or the document itself.
pub(crate) fn edit<R>(
    document: &mut Document,
    extension: Option<&Schema>,
    change: impl FnOnce(&mut Map<String, Value>) -> R,
) -> R {
    let Some(extension) = extension else { return change(document) };
    let slot = document.entry(extension.id.as_str()).or_insert(Value::Null);
    let mut fields = match slot.take() {
        Value::Object(fields) => fields,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    };
    let result = change(&mut fields);
    *slot = Value::Object(fields);
    result
}

/// The paths of required attributes that have no value. Those of an extension are asked for once the extension is
/// there at all.
pub(crate) fn missing_required<'s>(
    document: &'s Document,
    schema: &'s ResourceSchema,
) -> impl Iterator<Item = String> + 's {
    let is_missing = |extension: &&Schema| extension.required && !document.contains_key(&extension.id);
    let extensions = schema.extensions.iter().filter(is_missing).map(|extension| extension.id.clone());
    let attributes = schema.all_attributes().filter_map(|(extension, attribute)| {
        let container = match extension {
            Some(schema) => document.get(&schema.id)?.as_object()?,
            None => document,
        };
        let target = |sub| Some(Target::Attribute { extension, attribute, sub }.canonical());
        match container.get(&attribute.name) {
            None | Some(Value::Null) if attribute.required => target(None),
            Some(Value::String(text)) if attribute.required && text.trim().is_empty() => target(None),
            Some(value) => missing_sub(attribute, value).and_then(|sub| target(Some(sub))),
            None => None,
        }
    });
    extensions.chain(attributes)
}

fn missing_sub<'a>(attribute: &'a Attribute, value: &Value) -> Option<&'a Attribute> {
    let items = match value {
        Value::Array(items) => items.as_slice(),
        single => std::slice::from_ref(single),
    };
    attribute.sub_attributes.iter().find(|sub| {
        let is_empty = |item: &Value| match item.get(&sub.name) {
            None | Some(Value::Null) => true,
            Some(Value::String(text)) => text.trim().is_empty(),
            Some(_) => false,
        };
        sub.required && !sub.is_read_only() && items.iter().any(is_empty)
    })
}

/// Puts `schemas` first, with the core schema and every extension that the document has something of.
///
/// RFC 7643 section 3: the extension's attributes stand under its URN, which "schemas" names.
pub(crate) fn set_schemas(document: &mut Document, schema: &ResourceSchema) {
    document.shift_remove("schemas");
    document.retain(|key, value| {
        schema.extension(key).is_none() || value.as_object().is_some_and(|fields| !fields.is_empty())
    });
    let is_extension = |key: &str| key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("urn:"));
    let extensions = document.iter().filter(|(key, value)| is_extension(key) && value.is_object());
    let urns = std::iter::once(&schema.core.id).chain(extensions.map(|(key, _)| key));
    let urns: Vec<Value> = urns.map(|urn| Value::from(urn.as_str())).collect();
    document.shift_insert(0, "schemas".to_owned(), Value::Array(urns));
}
