//! Which attributes exist and what they are: schemas, and the resource types made of them.
//!
//! Schemas are values, so that a tenant's own extension is built at run time and treated no differently
//! from the Enterprise User of RFC 7643.

pub mod attribute;
mod common;
mod enterprise_user;
mod group;
mod user;

pub use attribute::{Attribute, Kind, Mutability, Returned, Uniqueness};
pub use enterprise_user::enterprise_user;

use super::path::AttrPath;

pub const USER_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub const GROUP_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
pub const ENTERPRISE_USER_URN: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Microsoft's documentation spells the Enterprise User URN without its last colon, and so do clients
/// that were written after it.
const MISSPELLED_ENTERPRISE_USER_URN: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0User";

/// A named set of attributes, RFC 7643 section 7.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    pub id: String,
    pub name: String,
    pub description: String,
    /// Whether every resource of the type must have it, as RFC 7643 section 6 says of extensions.
    pub required: bool,
    pub attributes: Vec<Attribute>,
}

impl Schema {
    /// Whether `urn` is this schema's id. RFC 8141 section 3.1: most of a URN compares without case.
    pub fn is(&self, urn: &str) -> bool {
        self.id.eq_ignore_ascii_case(urn)
            || (self.id == ENTERPRISE_USER_URN && urn.eq_ignore_ascii_case(MISSPELLED_ENTERPRISE_USER_URN))
    }

    /// The attribute of this name, in any case.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        attribute::find(&self.attributes, name)
    }
}

/// A resource type: its core schema, the attributes all resources have, and its extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceSchema {
    /// `User` or `Group`.
    pub name: String,
    /// The path under the base URL, such as `/Users`.
    pub endpoint: String,
    pub description: String,
    pub core: Schema,
    pub extensions: Vec<Schema>,
    /// `schemas`, `id`, `externalId` and `meta`, RFC 7643 section 3.1.
    pub common: Vec<Attribute>,
    /// Other names, which no answer has and clients use: what each stands for.
    pub aliases: Vec<(String, AttrPath)>,
}

/// What an attribute path names in a resource type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'s> {
    /// A whole extension.
    Extension(&'s Schema),
    /// An attribute of the resource itself, or of an extension, and perhaps one of its sub-attributes.
    Attribute { extension: Option<&'s Schema>, attribute: &'s Attribute, sub: Option<&'s Attribute> },
}

impl ResourceSchema {
    /// `User` with the Enterprise User extension.
    pub fn user() -> Self {
        Self {
            name: "User".to_owned(),
            endpoint: "/Users".to_owned(),
            description: "User Account".to_owned(),
            core: user::user(),
            extensions: vec![enterprise_user()],
            common: common::common(),
            aliases: Vec::new(),
        }
    }

    /// `Group`.
    pub fn group() -> Self {
        Self {
            name: "Group".to_owned(),
            endpoint: "/Groups".to_owned(),
            description: "Group".to_owned(),
            core: group::group(),
            extensions: Vec::new(),
            common: common::common(),
            aliases: Vec::new(),
        }
    }

    /// The same resource type with one more extension, such as one that a tenant declares.
    #[must_use]
    pub fn with_extension(mut self, extension: Schema) -> Self {
        self.extensions.push(extension);
        self
    }

    /// The extension with this URN, if it is one of this resource type.
    pub fn extension(&self, urn: &str) -> Option<&Schema> {
        self.extensions.iter().find(|extension| extension.is(urn))
    }

    /// An attribute that stands at the top level of a document, by its unqualified name.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.core.attribute(name).or_else(|| attribute::find(&self.common, name))
    }

    /// What `path` names, or `None` if this resource type knows no such attribute.
    ///
    /// An unqualified name that only an extension has is found there too: Microsoft's own examples patch
    /// `manager` without its URN.
    pub fn resolve(&self, path: &AttrPath) -> Option<Target<'_>> {
        let Some(urn) = &path.urn else {
            return self.resolve_unqualified(path);
        };
        if self.core.is(urn) {
            return with_sub(None, self.attribute(&path.name)?, path);
        }
        if let Some(extension) = self.extension(urn) {
            return with_sub(Some(extension), extension.attribute(&path.name)?, path);
        }
        self.extension(&path.to_string()).map(Target::Extension)
    }

    fn resolve_unqualified(&self, path: &AttrPath) -> Option<Target<'_>> {
        if let Some(attribute) = self.attribute(&path.name) {
            return with_sub(None, attribute, path);
        }
        if let Some((_, meant)) = self.aliases.iter().find(|(name, _)| name.eq_ignore_ascii_case(&path.name))
            && path.sub.is_none()
        {
            return with_sub(None, self.attribute(&meant.name)?, meant);
        }
        self.extensions
            .iter()
            .find_map(|extension| with_sub(Some(extension), extension.attribute(&path.name)?, path))
    }

    /// The aliases that stand for attributes which `names` has already.
    pub(crate) fn idle_aliases<'k>(
        &self,
        names: impl Iterator<Item = &'k String> + Clone,
    ) -> impl Iterator<Item = &str> {
        let is_named =
            move |meant: &AttrPath| names.clone().any(|name| name.eq_ignore_ascii_case(&meant.name));
        self.aliases.iter().filter(move |(_, meant)| is_named(meant)).map(|(alias, _)| alias.as_str())
    }

    /// Whether resources of this type have members, which travel beside the document.
    pub fn has_members(&self) -> bool {
        self.core.is(GROUP_URN)
    }

    /// Every attribute with the extension it belongs to.
    pub fn all_attributes(&self) -> impl Iterator<Item = (Option<&Schema>, &Attribute)> {
        let own = self.common.iter().chain(&self.core.attributes).map(|attribute| (None, attribute));
        let extended = self.extensions.iter().flat_map(|extension| {
            extension.attributes.iter().map(move |attribute| (Some(extension), attribute))
        });
        own.chain(extended)
    }
}

fn with_sub<'s>(
    extension: Option<&'s Schema>,
    attribute: &'s Attribute,
    path: &AttrPath,
) -> Option<Target<'s>> {
    let sub = match &path.sub {
        Some(name) => Some(attribute.sub(name)?),
        None => None,
    };
    Some(Target::Attribute { extension, attribute, sub })
}

impl Target<'_> {
    /// The canonical spelling, with a URN where an extension is meant: `userName`, `emails.value`,
    /// `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value`.
    pub fn canonical(&self) -> String {
        match self {
            Self::Extension(schema) => schema.id.clone(),
            Self::Attribute { extension, attribute, sub } => {
                let mut text = extension.map(|schema| format!("{}:", schema.id)).unwrap_or_default();
                text.push_str(&attribute.name);
                if let Some(sub) = sub {
                    text.push('.');
                    text.push_str(&sub.name);
                }
                text
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(path: &str) -> Option<String> {
        let path = AttrPath::parse(path).unwrap();
        ResourceSchema::user().resolve(&path).map(|target| target.canonical())
    }

    #[test]
    fn names_resolve_in_any_case_and_with_or_without_their_urn() {
        assert_eq!(canonical("USERNAME").as_deref(), Some("userName"));
        assert_eq!(canonical("Name.givenname").as_deref(), Some("name.givenName"));
        assert_eq!(
            canonical("urn:IETF:params:scim:schemas:core:2.0:User:userName").as_deref(),
            Some("userName")
        );
        let manager = format!("{ENTERPRISE_USER_URN}:manager.value");
        assert_eq!(canonical(&manager).as_deref(), Some(manager.as_str()));
        assert_eq!(canonical("manager.value").as_deref(), Some(manager.as_str()));
        assert_eq!(
            canonical("urn:ietf:params:scim:schemas:extension:enterprise:2.0User:manager.value").as_deref(),
            Some(manager.as_str())
        );
    }

    #[test]
    fn the_urn_of_an_extension_names_the_extension() {
        assert_eq!(canonical(ENTERPRISE_USER_URN).as_deref(), Some(ENTERPRISE_USER_URN));
        assert_eq!(canonical(MISSPELLED_ENTERPRISE_USER_URN).as_deref(), Some(ENTERPRISE_USER_URN));
    }

    #[test]
    fn unknown_names_resolve_to_nothing() {
        for path in ["nope", "name.nope", "urn:example:thing:User:x", "userName.value"] {
            assert_eq!(canonical(path), None, "{path}");
        }
    }
}
