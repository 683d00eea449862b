//! What a ScimTenant declares about attributes, made into what the protocol's room works with.
//!
//! The API server has checked the declaration, so nothing here can fail: what a replaced CRD let through (a name that
//! is no name) can't be addressed by any path, and does no harm.

use std::sync::Arc;

use crate::{
    api::{
        AttributeMutability, AttributeReturned, AttributeRules, AttributeType, AttributeUniqueness,
        ExtendedResource, ExtensionSchema, FillSource, FilledAttribute, PasswordPolicy, SchemaAttribute,
        SchemaSubAttribute, ScimTenantSpec, UniqueId, UserAttribute, UserNameFormat,
    },
    scim::{
        path::AttrPath,
        rules::{Fill, ResourceRules},
        schema::{
            Attribute, ENTERPRISE_USER_URN, Kind, Mutability, ResourceSchema, Returned, Schema, Uniqueness,
        },
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
            resource.extensions.push(schema(extension));
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

fn schema(declared: &ExtensionSchema) -> Schema {
    let ExtensionSchema { id, resource: _, name, description, required, attributes } = declared;
    let last = id.rsplit(':').next().unwrap_or_default();
    Schema {
        id: id.clone(),
        name: name.clone().unwrap_or_else(|| last.to_owned()),
        description: description.clone().unwrap_or_default(),
        required: *required,
        attributes: attributes.iter().map(attribute).collect(),
    }
}

fn attribute(declared: &SchemaAttribute) -> Attribute {
    let SchemaAttribute {
        name,
        type_,
        multi_valued,
        description,
        required,
        case_exact,
        mutability,
        returned,
        uniqueness,
        canonical_values,
        reference_types,
        sub_attributes,
    } = declared.clone();
    let alone = SchemaSubAttribute {
        name,
        type_,
        multi_valued,
        description,
        required,
        case_exact,
        mutability,
        returned,
        canonical_values,
        reference_types,
    };
    let uniqueness = match uniqueness {
        None | Some(AttributeUniqueness::None) => Uniqueness::None,
        Some(AttributeUniqueness::Server) => Uniqueness::Server,
    };
    let sub_attributes = sub_attributes.into_iter().map(part).collect();
    Attribute { uniqueness, sub_attributes, ..part(alone) }
}

fn part(declared: SchemaSubAttribute) -> Attribute {
    let SchemaSubAttribute {
        name,
        type_,
        multi_valued,
        description,
        required,
        case_exact,
        mutability,
        returned,
        canonical_values,
        reference_types,
    } = declared;
    let kind = kind(type_);
    Attribute {
        multi_valued,
        required,
        // RFC 7643 section 2.3 makes references and binary data case exact.
        case_exact: case_exact || matches!(kind, Kind::Reference | Kind::Binary),
        mutability: match mutability {
            Some(AttributeMutability::ReadOnly) => Mutability::ReadOnly,
            None | Some(AttributeMutability::ReadWrite) => Mutability::ReadWrite,
            Some(AttributeMutability::Immutable) => Mutability::Immutable,
            Some(AttributeMutability::WriteOnly) => Mutability::WriteOnly,
        },
        returned: match returned {
            Some(AttributeReturned::Always) => Returned::Always,
            Some(AttributeReturned::Never) => Returned::Never,
            None | Some(AttributeReturned::Default) => Returned::Default,
            Some(AttributeReturned::Request) => Returned::Request,
        },
        closed: !canonical_values.is_empty(),
        canonical_values,
        reference_types,
        ..Attribute::new(kind, &name, &description.unwrap_or_default())
    }
}

fn kind(declared: AttributeType) -> Kind {
    match declared {
        AttributeType::String => Kind::String,
        AttributeType::Boolean => Kind::Boolean,
        AttributeType::Decimal => Kind::Decimal,
        AttributeType::Integer => Kind::Integer,
        AttributeType::DateTime => Kind::DateTime,
        AttributeType::Binary => Kind::Binary,
        AttributeType::Reference => Kind::Reference,
        AttributeType::Complex => Kind::Complex,
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
