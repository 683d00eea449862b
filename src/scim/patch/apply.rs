//! Applies the operations in their order and finds what each one points at.
//!
//! RFC 7644 section 3.5.2: "Each operation against an attribute MUST be compatible with the attribute's
//! mutability and schema"; "a PATCH request [...] SHALL be treated as atomic".

use serde_json::{Map, Value};

use super::complex::{change_raw, change_single};
use super::elements::{Change, change_elements};
use super::members::change_members;
use super::unknown::{change_unknown, is_own};
use super::{Operation, PatchOp, PatchRequest, Patched};
use crate::scim::Document;
use crate::scim::coerce::{describe, is_blank};
use crate::scim::error::ScimError;
use crate::scim::filter::Filter;
use crate::scim::json::Limits;
use crate::scim::normalize::{check_immutable, edit, missing_required, read_password, set_schemas};
use crate::scim::path::PatchPath;
use crate::scim::schema::{Attribute, ResourceSchema, Schema, Target};

/// Applies all operations to a document in canonical form, or none: on an error there is no new document.
pub fn apply(
    request: &PatchRequest,
    schema: &ResourceSchema,
    document: Document,
    limits: &Limits,
) -> Result<Patched, ScimError> {
    let before = document.clone();
    let result = Patched { document, password: None, members: Vec::new() };
    let mut patch = Patch { schema, limits, result };
    for (index, operation) in request.operations.iter().enumerate() {
        patch.run(operation).map_err(|error| error.within(&place(index, operation)))?;
    }
    let mut result = patch.result;
    set_schemas(&mut result.document, schema);
    // RFC 7644 section 3.5.2.2: "If an attribute is removed or becomes unassigned and is defined as a
    // required attribute [...], the server SHALL return [...] a "scimType" error code of "mutability"."
    // What was missing before may stay so: it became required later, and to be deactivated comes first.
    let lacked: Vec<String> = missing_required(&before, schema).collect();
    let mut lost = missing_required(&result.document, schema).filter(|path| !lacked.contains(path));
    if let Some(path) = lost.next() {
        return Err(ScimError::mutability(format!("{path} is required and may not become empty")));
    }
    drop(lost);
    check_immutable(&before, &result.document, schema)?;
    Ok(result)
}

/// Where an error happened. A filter may quote a person's address, so of the path only the name is told.
fn place(index: usize, operation: &Operation) -> String {
    let name = operation.path.as_ref().map(|path| format!(" {}", path.attribute)).unwrap_or_default();
    format!("operation {} ({}{name})", index + 1, operation.op.as_str())
}

struct Patch<'s> {
    schema: &'s ResourceSchema,
    limits: &'s Limits,
    result: Patched,
}

/// An attribute that an operation is about.
#[derive(Clone, Copy)]
struct Aim<'s> {
    extension: Option<&'s Schema>,
    attribute: &'s Attribute,
    sub: Option<&'s Attribute>,
    filter: Option<&'s Filter>,
}

impl<'s> Patch<'s> {
    fn run(&mut self, operation: &Operation) -> Result<(), ScimError> {
        let (op, value) = (operation.op, operation.value.as_ref());
        match &operation.path {
            Some(path) if !self.is_core(path) || op == PatchOp::Remove => self.at_path(op, path, value),
            // The URN of the core schema means the resource itself, as no path does.
            Some(_) | None => self.fields(op, value.unwrap_or(&Value::Null)),
        }
    }

    fn is_core(&self, path: &PatchPath) -> bool {
        path.filter.is_none() && self.schema.core.is(&path.attribute.to_string())
    }

    fn fields(&mut self, op: PatchOp, value: &Value) -> Result<(), ScimError> {
        match value {
            Value::Object(fields) => {
                fields.into_iter().try_for_each(|(key, value)| self.field(op, key, value))
            }
            other => Err(ScimError::invalid_value(format!(
                "without a path the value must be an object of attributes, not {}",
                describe(other)
            ))),
        }
    }

    /// One attribute of an operation without a path.
    ///
    /// Keys are paths, since Entra ID writes `"name.givenName"` and `"emails[type eq \"work\"].value"` there.
    fn field(&mut self, op: PatchOp, key: &str, value: &Value) -> Result<(), ScimError> {
        if self.schema.core.is(key) {
            return self.fields(op, value);
        }
        let path = match PatchPath::parse(key) {
            Ok(path) => path,
            // A bracket makes it a path that is broken; anything else may be a name of the client's own.
            Err(error) if key.contains('[') => return Err(error),
            Err(_) => {
                change_raw(&mut self.result.document, key, op, Some(value.clone()));
                return Ok(());
            }
        };
        match self.schema.resolve(&path.attribute) {
            Some(Target::Extension(extension)) => self.extension(op, extension, Some(value)),
            Some(Target::Attribute { extension, attribute, sub }) => {
                let sub = after_filter(&path, attribute)?.or(sub);
                if attribute.is_read_only() || sub.is_some_and(Attribute::is_read_only) {
                    return self.read_only_field(attribute, value);
                }
                let aim = Aim { extension, attribute, sub, filter: path.filter.as_ref() };
                self.attribute(op, aim, Some(value))
            }
            None if is_own(&path, self.schema, value) => {
                change_raw(&mut self.result.document, key, op, Some(value.clone()));
                Ok(())
            }
            None => change_unknown(&mut self.result.document, self.schema, op, &path, Some(value.clone())),
        }
    }

    /// What all resources have and clients read back is passed over: Okta sends a group's `id` with its new name, others
    /// the whole `meta`. Who sends other read-only values believes that they can be changed.
    fn read_only_field(&self, attribute: &Attribute, value: &Value) -> Result<(), ScimError> {
        let is_common = self.schema.common.iter().any(|common| common.name == attribute.name);
        let is_nothing = is_blank(value) || value.as_object().is_some_and(Map::is_empty);
        if is_common || is_nothing {
            return Ok(());
        }
        Err(read_only(attribute))
    }

    fn at_path(&mut self, op: PatchOp, path: &PatchPath, value: Option<&Value>) -> Result<(), ScimError> {
        match self.schema.resolve(&path.attribute) {
            Some(Target::Extension(extension)) if path.filter.is_none() => {
                self.extension(op, extension, value)
            }
            Some(Target::Attribute { extension, attribute, sub }) => {
                let sub = after_filter(path, attribute)?.or(sub);
                // A member's display is ours to compute. Clients that send one mean no harm.
                if self.is_members(extension, attribute) && sub.is_some_and(Attribute::is_read_only) {
                    return Ok(());
                }
                if let Some(fixed) =
                    [Some(attribute), sub].into_iter().flatten().find(|one| one.is_read_only())
                {
                    return Err(read_only(fixed));
                }
                self.attribute(op, Aim { extension, attribute, sub, filter: path.filter.as_ref() }, value)
            }
            Some(Target::Extension(_)) | None => {
                change_unknown(&mut self.result.document, self.schema, op, path, value.cloned())
            }
        }
    }

    /// A whole extension: its attributes are merged one by one, or all removed.
    fn extension(
        &mut self,
        op: PatchOp,
        extension: &'s Schema,
        value: Option<&Value>,
    ) -> Result<(), ScimError> {
        match (op, value) {
            (PatchOp::Remove, _) | (PatchOp::Add | PatchOp::Replace, None | Some(Value::Null)) => {
                let is_fixed = |name: &str| extension.attribute(name).is_some_and(Attribute::is_read_only);
                edit(&mut self.result.document, Some(extension), |fields| {
                    fields.retain(|name, _| is_fixed(name));
                });
                Ok(())
            }
            (PatchOp::Add | PatchOp::Replace, Some(Value::Object(fields))) => {
                for (key, value) in fields {
                    let qualified = format!("{}:{key}", extension.id);
                    let path = PatchPath::parse(&qualified).ok();
                    if path.is_some_and(|path| self.schema.resolve(&path.attribute).is_some()) {
                        self.field(op, &qualified, value)?;
                    } else {
                        edit(&mut self.result.document, Some(extension), |known| {
                            change_raw(known, key, op, Some(value.clone()));
                        });
                    }
                }
                Ok(())
            }
            (PatchOp::Add | PatchOp::Replace, Some(other)) => Err(ScimError::invalid_value(format!(
                "{} must be an object of attributes, not {}",
                extension.id,
                describe(other)
            ))),
        }
    }

    fn is_members(&self, extension: Option<&Schema>, attribute: &Attribute) -> bool {
        extension.is_none() && attribute.name == "members" && self.schema.has_members()
    }

    fn attribute(&mut self, op: PatchOp, aim: Aim<'_>, value: Option<&Value>) -> Result<(), ScimError> {
        let Aim { extension, attribute, sub, filter } = aim;
        match (extension, attribute.name.as_str()) {
            // Which schemas a document has follows from what is in it.
            (None, "schemas") => return Ok(()),
            (None, "password") => {
                if op != PatchOp::Remove {
                    self.result.password = read_password(attribute, value.cloned().unwrap_or_default())?;
                }
                return Ok(());
            }
            // There may be very many, so they are read where they are.
            _ if self.is_members(extension, attribute) => {
                self.result.members.extend(change_members(op, filter, sub, value, self.limits)?);
                return Ok(());
            }
            _ => {}
        }
        let at = Target::Attribute { extension, attribute, sub: None }.canonical();
        if filter.is_some() && !attribute.multi_valued {
            return Err(ScimError::invalid_path(format!(
                "{at} has a single value, so a filter cannot select among its values"
            )));
        }
        let (limits, name, value) = (self.limits, attribute.name.as_str(), value.cloned());
        edit(&mut self.result.document, extension, |fields| {
            let old = fields.get_mut(name).map(Value::take);
            let new = if attribute.multi_valued {
                let old = match old {
                    Some(Value::Array(items)) => items,
                    Some(Value::Null) | None => Vec::new(),
                    Some(single) => vec![single],
                };
                let change = Change { attribute, at: &at, limits, op, filter, sub };
                let new = change_elements(&change, old, value)?;
                if new.is_empty() { None } else { Some(Value::Array(new)) }
            } else {
                change_single(attribute, &at, limits, op, sub, old, value)?
            };
            match new {
                Some(new) => fields.insert(name.to_owned(), new),
                None => fields.shift_remove(name),
            };
            Ok(())
        })
    }
}

fn read_only(attribute: &Attribute) -> ScimError {
    ScimError::mutability(format!("{} is read-only", attribute.name))
}

/// The sub-attribute behind the filter of a path.
fn after_filter<'s>(path: &PatchPath, attribute: &'s Attribute) -> Result<Option<&'s Attribute>, ScimError> {
    match &path.sub {
        None => Ok(None),
        Some(name) => attribute.sub(name).map(Some).ok_or_else(|| {
            ScimError::invalid_path(format!("{} has no sub-attribute {name}", attribute.name))
        }),
    }
}
