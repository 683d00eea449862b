//! Which attributes an answer holds, RFC 7644 section 3.9 and the `returned` characteristic.
//!
//! RFC 7643 section 7: "always" is returned whatever is asked, "never" is not, "default" is unless something
//! else is asked for, "request" only when it is asked for by name.

use super::Document;
use super::error::ScimError;
use super::path::AttrPath;
use super::schema::{Attribute, ResourceSchema, Returned, Target};
use serde_json::{Map, Value};

/// The attributes that a client asked for with `attributes` and `excludedAttributes`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Projection {
    only: Option<Vec<Selected>>,
    without: Vec<Selected>,
}

/// One name that a client gave, in canonical spelling as far as the schema knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Selected {
    extension: Option<String>,
    /// `None` for the whole extension.
    name: Option<String>,
    sub: Option<String>,
}

impl Projection {
    /// Reads the two lists. A name that the schema does not know is kept, for attributes that are stored as
    /// they came; a malformed one is an error.
    pub fn parse(
        attributes: &[String],
        excluded_attributes: &[String],
        schema: &ResourceSchema,
    ) -> Result<Self, ScimError> {
        let read = |names: &[String]| -> Result<Vec<Selected>, ScimError> {
            names.iter().map(|name| AttrPath::parse(name).map(|path| Selected::new(&path, schema))).collect()
        };
        let only = if attributes.is_empty() { None } else { Some(read(attributes)?) };
        Ok(Self { only, without: read(excluded_attributes)? })
    }

    /// Whether the answer holds this top-level attribute that is returned by default, so that what is not
    /// asked for, such as a Group's `members`, need not be loaded.
    pub fn includes(&self, name: &str) -> bool {
        let wanted = self.only.as_ref().is_none_or(|only| only.iter().any(|one| one.touches(None, name)));
        wanted && !self.without.iter().any(|one| one.is_all_of(None, name))
    }

    /// Cuts a document down to what is to be returned.
    pub fn apply(&self, mut document: Document, schema: &ResourceSchema) -> Document {
        document.retain(|key, value| match (schema.extension(key), value) {
            (Some(extension), Value::Object(fields)) => {
                fields.retain(|name, value| {
                    self.keeps(Some(&extension.id), name, value, extension.attribute(name))
                });
                !fields.is_empty()
            }
            (Some(_) | None, value) => self.keeps(None, key, value, schema.attribute(key)),
        });
        document
    }

    /// Whether anything of an attribute is to be returned; what is not is taken out of the value.
    fn keeps(
        &self,
        extension: Option<&str>,
        key: &str,
        value: &mut Value,
        attribute: Option<&Attribute>,
    ) -> bool {
        match attribute.map_or(Returned::Default, |attribute| attribute.returned) {
            Returned::Never => return false,
            Returned::Always => return true,
            Returned::Request if self.only.is_none() => return false,
            Returned::Request | Returned::Default => {}
        }
        let about = |list: &[Selected]| -> Vec<Selected> {
            list.iter().filter(|one| one.touches(extension, key)).cloned().collect()
        };
        let was_empty = is_empty(value);
        if let Some(only) = &self.only {
            let only = about(only);
            if only.is_empty() {
                return false;
            }
            if !only.iter().any(|one| one.sub.is_none()) {
                retain(value, &|sub| selects(&only, sub) || is_always(attribute, sub));
            }
        }
        let is_unasked = |sub: &str| self.only.is_none() && is_returned(attribute, sub, Returned::Request);
        let without = about(&self.without);
        if without.iter().any(|one| one.sub.is_none()) {
            return false;
        }
        retain(value, &|sub| {
            let selected = !selects(&without, sub) || is_always(attribute, sub);
            selected && !is_unasked(sub) && !is_returned(attribute, sub, Returned::Never)
        });
        // What was cut down to nothing is left out; what was stored empty is shown as it is.
        was_empty || !is_empty(value)
    }
}

impl Selected {
    fn new(path: &AttrPath, schema: &ResourceSchema) -> Self {
        match schema.resolve(path) {
            Some(Target::Extension(extension)) => {
                Self { extension: Some(extension.id.clone()), name: None, sub: None }
            }
            Some(Target::Attribute { extension, attribute, sub }) => Self {
                extension: extension.map(|schema| schema.id.clone()),
                name: Some(attribute.name.clone()),
                sub: sub.map(|sub| sub.name.clone()),
            },
            None => {
                Self { extension: path.urn.clone(), name: Some(path.name.clone()), sub: path.sub.clone() }
            }
        }
    }

    /// Whether it names this attribute, or a part of it, or the extension that the attribute is in.
    fn touches(&self, extension: Option<&str>, name: &str) -> bool {
        match (&self.extension, &self.name) {
            (Some(urn), Some(own)) if extension.is_none() => {
                // An extension that the schema does not know is one attribute of the document.
                name.eq_ignore_ascii_case(urn) || name.eq_ignore_ascii_case(&format!("{urn}:{own}"))
            }
            (own_extension, own_name) => {
                own_extension.as_deref() == extension
                    && own_name.as_ref().is_none_or(|own| own.eq_ignore_ascii_case(name))
            }
        }
    }

    fn is_all_of(&self, extension: Option<&str>, name: &str) -> bool {
        self.sub.is_none() && self.touches(extension, name)
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(Map::is_empty)
}

fn selects(list: &[Selected], sub: &str) -> bool {
    list.iter().any(|one| one.sub.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(sub)))
}

fn is_always(attribute: Option<&Attribute>, sub: &str) -> bool {
    is_returned(attribute, sub, Returned::Always)
}

fn is_returned(attribute: Option<&Attribute>, sub: &str, when: Returned) -> bool {
    attribute.and_then(|attribute| attribute.sub(sub)).is_some_and(|sub| sub.returned == when)
}

/// Keeps some sub-attributes of a complex value, or of each value of a multi-valued one.
fn retain(value: &mut Value, keep: &dyn Fn(&str) -> bool) {
    match value {
        Value::Object(fields) => fields.retain(|name, _| keep(name)),
        Value::Array(items) => {
            for item in items {
                if let Value::Object(fields) = item {
                    fields.retain(|name, _| keep(name));
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
