//! What a ScimTenant declares about attributes, made into what the protocol's room works with.
//!
//! The API server has checked the declaration, so nothing here can fail: what a replaced CRD let through (a name that
//! is no name) can't be addressed by any path, and does no harm.

mod declared;

use std::sync::Arc;

use crate::{
    api::{
        AttributeRules, ExtendedResource, ExtensionSchema, FillSource, FilledAttribute, PasswordPolicy,
        ScimTenantSpec, UniqueId, UserAttribute, UserNameFormat,
    },
    scim::{
        path::AttrPath,
        rules::{Fill, ResourceRules},
        schema::{Attribute, ENTERPRISE_USER_URN, ResourceSchema, Uniqueness},
    },
};

/// Everything that one tenant asks of what is written, and shows of what it asks.
#[derive(Debug, PartialEq, Eq)]
pub struct TenantRules {
    /// For `/Users`.
    pub users: ResourceRules,
    /// For `/Groups`.
    pub groups: ResourceRules,
    /// Whether hashes of passwords are kept.
    pub keeps_passwords: bool,
    /// What it was made from.
    declared: Declared,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Declared {
    schemas: Vec<ExtensionSchema>,
    attributes: Option<AttributeRules>,
    passwords: Option<PasswordPolicy>,
}

impl TenantRules {
    /// The rules of a tenant; the same as `before` if nothing about them changed.
    pub fn of(spec: &ScimTenantSpec, before: Option<&Arc<Self>>) -> Arc<Self> {
        let declared = Declared {
            schemas: spec.schemas.clone(),
            attributes: spec.attributes.clone(),
            passwords: spec.passwords,
        };
        match before {
            Some(before) if before.declared == declared => Arc::clone(before),
            Some(_) | None => Arc::new(Self::new(declared)),
        }
    }

    /// Every resource type.
    pub fn schemas(&self) -> [&ResourceSchema; 2] {
        [&self.users.schema, &self.groups.schema]
    }

    fn new(declared: Declared) -> Self {
        let (mut user, mut group) = (ResourceSchema::user(), ResourceSchema::group());
        for extension in &declared.schemas {
            let resource = match extension.resource {
                ExtendedResource::User => &mut user,
                ExtendedResource::Group => &mut group,
            };
            resource.extensions.push(declared::schema(extension));
        }
        let AttributeRules { required, unique_id, user_name_format, fill } =
            declared.attributes.clone().unwrap_or_default();
        for attribute in required {
            require(&mut user, attribute);
        }
        match unique_id.unwrap_or_default() {
            UniqueId::UserName => {}
            UniqueId::Email => identify_by_email(&mut user),
        }
        let user_name_is_email = match user_name_format.unwrap_or_default() {
            UserNameFormat::Any => false,
            UserNameFormat::Email => true,
        };
        if user_name_is_email {
            with(&mut user, &["userName"], |it| it.description.push_str(" It must be an e-mail address."));
        }
        let keeps_passwords = match declared.passwords.unwrap_or_default() {
            PasswordPolicy::Discard => false,
            PasswordPolicy::Hash => true,
        };
        if keeps_passwords {
            let kept = "The User's cleartext password; only an Argon2id hash of it is kept.";
            with(&mut user, &["password"], |it| kept.clone_into(&mut it.description));
        }
        let fill = fill.iter().map(|it| {
            let from: Vec<&str> = it.from.iter().map(|source| source_path(*source)).collect();
            Fill::new(filled_name(it.attribute), &from)
        });
        Self {
            users: ResourceRules { fill: fill.collect(), user_name_is_email, ..ResourceRules::new(user) },
            groups: ResourceRules::new(group),
            keeps_passwords,
            declared,
        }
    }
}

/// Nobody's rules in particular: what holds where nothing is declared.
impl Default for TenantRules {
    fn default() -> Self {
        Self::new(Declared::default())
    }
}

/// No two users share an address, everybody has one, and `email` is understood, as Okta calls it in filters when an
/// administrator enters that as the unique identifier.
fn identify_by_email(user: &mut ResourceSchema) {
    require(user, UserAttribute::Emails);
    with(user, &["emails", "value"], |it| {
        it.uniqueness = Uniqueness::Server;
        it.required = true;
    });
    let meant = AttrPath { urn: None, name: "emails".to_owned(), sub: Some("value".to_owned()) };
    user.aliases.push(("email".to_owned(), meant));
}

fn require(user: &mut ResourceSchema, attribute: UserAttribute) {
    match place(attribute) {
        // A part is only there if the whole is.
        Place::Core(path) => {
            for length in 1..=path.len() {
                with(user, &path[..length], |it| it.required = true);
            }
        }
        Place::Enterprise(name) => {
            for extension in user.extensions.iter_mut().filter(|it| it.id == ENTERPRISE_USER_URN) {
                extension.required = true;
                extension
                    .attributes
                    .iter_mut()
                    .filter(|it| it.name == name)
                    .for_each(|it| it.required = true);
            }
        }
    }
}

/// Where an attribute of a user stands.
enum Place {
    Core(&'static [&'static str]),
    Enterprise(&'static str),
}

fn place(attribute: UserAttribute) -> Place {
    match attribute {
        UserAttribute::ExternalId => Place::Core(&["externalId"]),
        UserAttribute::DisplayName => Place::Core(&["displayName"]),
        UserAttribute::Name => Place::Core(&["name"]),
        UserAttribute::NameFormatted => Place::Core(&["name", "formatted"]),
        UserAttribute::NameGivenName => Place::Core(&["name", "givenName"]),
        UserAttribute::NameFamilyName => Place::Core(&["name", "familyName"]),
        UserAttribute::NickName => Place::Core(&["nickName"]),
        UserAttribute::Title => Place::Core(&["title"]),
        UserAttribute::UserType => Place::Core(&["userType"]),
        UserAttribute::PreferredLanguage => Place::Core(&["preferredLanguage"]),
        UserAttribute::Locale => Place::Core(&["locale"]),
        UserAttribute::Timezone => Place::Core(&["timezone"]),
        UserAttribute::Emails => Place::Core(&["emails"]),
        UserAttribute::PhoneNumbers => Place::Core(&["phoneNumbers"]),
        UserAttribute::Addresses => Place::Core(&["addresses"]),
        UserAttribute::EmployeeNumber => Place::Enterprise("employeeNumber"),
        UserAttribute::CostCenter => Place::Enterprise("costCenter"),
        UserAttribute::Organization => Place::Enterprise("organization"),
        UserAttribute::Division => Place::Enterprise("division"),
        UserAttribute::Department => Place::Enterprise("department"),
        UserAttribute::Manager => Place::Enterprise("manager"),
    }
}

/// Changes an attribute of the core schema or one that all resources have, or a part of it.
fn with(resource: &mut ResourceSchema, path: &[&str], change: impl Fn(&mut Attribute)) {
    let ResourceSchema { core, common, .. } = resource;
    let (Some(name), part) = (path.first(), path.get(1)) else { return };
    for attribute in core.attributes.iter_mut().chain(common).filter(|it| it.name == **name) {
        match part {
            None => change(attribute),
            Some(part) => {
                attribute.sub_attributes.iter_mut().filter(|it| it.name == **part).for_each(&change);
            }
        }
    }
}

fn filled_name(attribute: FilledAttribute) -> &'static str {
    match attribute {
        FilledAttribute::UserName => "userName",
        FilledAttribute::DisplayName => "displayName",
        FilledAttribute::NickName => "nickName",
    }
}

fn source_path(source: FillSource) -> &'static str {
    match source {
        FillSource::UserName => "userName",
        FillSource::ExternalId => "externalId",
        FillSource::DisplayName => "displayName",
        FillSource::NickName => "nickName",
        FillSource::NameFormatted => "name.formatted",
        FillSource::NameGivenName => "name.givenName",
        FillSource::NameFamilyName => "name.familyName",
        FillSource::Emails => "emails",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::rules::Unique;

    fn rules(spec: serde_json::Value) -> Arc<TenantRules> {
        TenantRules::of(&serde_json::from_value(spec).unwrap(), None)
    }

    #[test]
    fn rules_are_made_anew_only_when_they_change() {
        let spec = |value| serde_json::from_value::<ScimTenantSpec>(value).unwrap();
        let before = TenantRules::of(&spec(json!({ "attributes": { "required": ["title"] } })), None);
        let same = spec(json!({ "suspend": true, "attributes": { "required": ["title"] } }));
        assert!(Arc::ptr_eq(&before, &TenantRules::of(&same, Some(&before))));
        assert!(!Arc::ptr_eq(&before, &TenantRules::of(&spec(json!({})), Some(&before))));
    }

    #[test]
    fn what_is_required_is_said_of_the_attribute_and_of_all_that_it_is_in() {
        let rules = rules(json!({ "attributes": { "required": ["name.givenName", "department"] } }));
        let name = rules.users.schema.attribute("name").unwrap();
        assert!(name.required && name.sub("givenName").unwrap().required);
        assert!(!name.sub("familyName").unwrap().required);
        let enterprise = rules.users.schema.extension(ENTERPRISE_USER_URN).unwrap();
        assert!(enterprise.required && enterprise.attribute("department").unwrap().required);
    }

    #[test]
    fn an_address_that_tells_users_apart_is_required_and_unique() {
        let rules = rules(json!({ "attributes": { "uniqueId": "Email" } }));
        let emails = rules.users.schema.attribute("emails").unwrap();
        assert!(emails.required && emails.sub("value").unwrap().is_unique());
        let paths: Vec<&str> = rules.users.unique.iter().map(Unique::path).collect();
        assert_eq!(paths, ["emails.value"]);
    }

    #[test]
    fn a_tenant_that_declares_nothing_has_the_schemas_of_the_rfc() {
        let rules = rules(json!({}));
        assert_eq!(
            (&rules.users.schema, &rules.groups.schema),
            (&ResourceSchema::user(), &ResourceSchema::group())
        );
        assert!(rules.users.unique.is_empty() && rules.groups.unique.is_empty() && !rules.keeps_passwords);
    }
}
