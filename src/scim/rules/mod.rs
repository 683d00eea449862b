//! How documents of one resource type are read and changed under the rules of one tenant: its schema, what it fills
//! in, what it asks of names. Everything that writes a resource comes by here, so that no way around the rules exists.
//!
//! Rules may be narrowed while resources exist. What a resource lacked before is never held against a later change:
//! a person who has no e-mail address must still be deactivated on the day after one became required.

mod canonical;
mod fill;
mod unique;

use serde_json::Value;

pub use self::{fill::Fill, unique::Unique};
use super::{
    Document,
    error::ScimError,
    json::Limits,
    normalize::{self, Normalized, check_immutable, missing_required, set_schemas},
    patch::{self, PatchRequest, Patched},
    schema::{ResourceSchema, Schema},
};

/// The rules for one resource type of one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceRules {
    /// What is known of its attributes.
    pub schema: ResourceSchema,
    /// Attributes that are made from others, in this order.
    pub fill: Vec<Fill>,
    /// Whether a `userName` must be an e-mail address.
    pub user_name_is_email: bool,
    /// What must be unique, beside the name of the resource.
    pub unique: Vec<Unique>,
}

impl ResourceRules {
    /// Nothing but what the schema says.
    pub fn new(schema: ResourceSchema) -> Self {
        let unique = Unique::all_of(&schema);
        Self { schema, fill: Vec::new(), user_name_is_email: false, unique }
    }

    /// Reads the body of a POST.
    pub fn create(&self, body: Value, limits: &Limits) -> Result<Normalized, ScimError> {
        let mut read = normalize::read(body, &self.schema, limits)?;
        fill::all(&self.fill, None, &mut read.document);
        self.check(&Document::new(), &read.document)?;
        Ok(read)
    }

    /// Reads the body of a PUT, which [`ResourceRules::replace`] then holds against what is stored.
    pub fn read(&self, body: Value, limits: &Limits) -> Result<Normalized, ScimError> {
        normalize::read(body, &self.schema, limits)
    }

    /// What a PUT of `sent` makes of a resource.
    pub fn replace(&self, before: &Document, sent: &Document) -> Result<Document, ScimError> {
        let mut document = sent.clone();
        keep_what_is_not_sent(before, &mut document, &self.schema);
        let stated = sent.contains_key("userName");
        let follow: Vec<Fill> =
            self.fill.iter().filter(|fill| !(stated && fill.is_user_name())).cloned().collect();
        fill::all(&follow, Some(before), &mut document);
        set_schemas(&mut document, &self.schema);
        check_immutable(before, &document, &self.schema)?;
        self.check(before, &document)?;
        Ok(document)
    }

    /// What a PATCH makes of a resource.
    pub fn patch(
        &self,
        request: &PatchRequest,
        before: &Document,
        limits: &Limits,
    ) -> Result<Patched, ScimError> {
        let mut patched = patch::apply(request, &self.schema, before.clone(), limits)?;
        fill::all(&self.fill, Some(before), &mut patched.document);
        self.check(before, &patched.document)?;
        Ok(patched)
    }

    fn check(&self, before: &Document, after: &Document) -> Result<(), ScimError> {
        let lacked: Vec<String> = missing_required(before, &self.schema).collect();
        let is_new = before.is_empty();
        let lost = missing_required(after, &self.schema).find(|path| is_new || !lacked.contains(path));
        if let Some(path) = lost {
            return Err(normalize::required(&path));
        }
        let user_name = after.get("userName");
        if self.user_name_is_email && user_name != before.get("userName") {
            check_is_email(user_name.and_then(Value::as_str).unwrap_or_default())?;
        }
        canonical::check(before, after, &self.schema)?;
        self.unique.iter().try_for_each(|unique| unique.check(after))
    }
}

/// RFC 7644 section 3.5.1 lets a PUT clear what is "readWrite" and is left out. What is read-only or set for good is
/// not the client's to clear, and what no answer shows the client can't send back.
fn keep_what_is_not_sent(before: &Document, after: &mut Document, schema: &ResourceSchema) {
    for (extension, attribute) in schema.all_attributes() {
        let is_kept = attribute.is_read_only() || attribute.is_immutable() || attribute.is_hidden();
        let parts = attribute.sub_attributes.iter().filter(|sub| sub.is_immutable() || sub.is_hidden());
        let Some(old) = in_extension(before, extension).and_then(|fields| fields.get(&attribute.name)) else {
            continue;
        };
        let lacks = in_extension(after, extension).is_none_or(|it| !it.contains_key(&attribute.name));
        if is_kept && lacks {
            normalize::edit(after, extension, |it| it.insert(attribute.name.clone(), old.clone()));
        } else if !attribute.multi_valued && !lacks {
            let parts: Vec<_> = parts.filter_map(|sub| Some((&sub.name, old.get(&sub.name)?))).collect();
            normalize::edit(after, extension, |it| {
                let Some(Value::Object(fields)) = it.get_mut(&attribute.name) else { return };
                for (name, value) in parts {
                    fields.entry(name.as_str()).or_insert_with(|| value.clone());
                }
            });
        }
    }
}

fn in_extension<'d>(document: &'d Document, extension: Option<&Schema>) -> Option<&'d Document> {
    match extension {
        Some(extension) => document.get(&extension.id)?.as_object(),
        None => Some(document),
    }
}

/// Not what RFC 5322 allows, but what a person would call an e-mail address; the detail does not repeat it.
fn check_is_email(text: &str) -> Result<(), ScimError> {
    let is_good = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && !part.ends_with('.')
            && !part.contains("..")
            && part
                .chars()
                .all(|it| !it.is_whitespace() && !it.is_control() && !"@<>\"(),;:\\[]".contains(it))
    };
    let parts = text.rsplit_once('@');
    if text.len() <= 254 && parts.is_some_and(|(local, domain)| is_good(local) && is_good(domain)) {
        return Ok(());
    }
    Err(ScimError::invalid_value(
        "userName must be an e-mail address here, such as name@example.com; in Okta, choose Email as the application's \
         username format",
    ))
}

#[cfg(test)]
mod tests;
