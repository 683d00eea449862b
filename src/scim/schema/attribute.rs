//! One attribute of a schema and its characteristics, RFC 7643 section 2.2 and section 7.

use serde::Serialize;

/// What is known about an attribute. Serialised, it is the attribute's entry in a `/Schemas` answer.
#[allow(clippy::struct_excessive_bools, reason = "each is one independent characteristic")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attribute {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: Kind,
    pub multi_valued: bool,
    pub description: String,
    pub required: bool,
    pub case_exact: bool,
    pub mutability: Mutability,
    pub returned: Returned,
    pub uniqueness: Uniqueness,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub canonical_values: Vec<String>,
    /// Whether no other values are taken. RFC 7643 section 7 leaves that to the service provider; those of the RFC are
    /// suggestions here, those that a tenant declares are all there are.
    #[serde(skip)]
    pub closed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reference_types: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sub_attributes: Vec<Attribute>,
}

/// The data types of RFC 7643 section 2.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    String,
    Boolean,
    Decimal,
    Integer,
    DateTime,
    Binary,
    Reference,
    Complex,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Mutability {
    ReadOnly,
    ReadWrite,
    Immutable,
    WriteOnly,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Returned {
    Always,
    Never,
    Default,
    Request,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Uniqueness {
    None,
    Server,
    Global,
}

/// Attributes are written as a chain: `Attribute::string("userName", "...").required().unique()`.
///
/// RFC 7643 section 2.2 gives the defaults: "required" false, "caseExact" false, "mutability" readWrite,
/// "returned" default, "uniqueness" none, "type" string, single-valued.
impl Attribute {
    pub fn new(kind: Kind, name: &str, description: &str) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            multi_valued: false,
            description: description.to_owned(),
            required: false,
            case_exact: false,
            mutability: Mutability::ReadWrite,
            returned: Returned::Default,
            uniqueness: Uniqueness::None,
            canonical_values: Vec::new(),
            closed: false,
            reference_types: Vec::new(),
            sub_attributes: Vec::new(),
        }
    }

    pub fn string(name: &str, description: &str) -> Self {
        Self::new(Kind::String, name, description)
    }

    pub fn boolean(name: &str, description: &str) -> Self {
        Self::new(Kind::Boolean, name, description)
    }

    /// A reference, which RFC 7643 section 2.3.7 makes case exact.
    pub fn reference(name: &str, types: &[&str], description: &str) -> Self {
        let mut attribute = Self::new(Kind::Reference, name, description).exact();
        attribute.reference_types = owned(types);
        attribute
    }

    pub fn complex(name: &str, description: &str, sub_attributes: Vec<Self>) -> Self {
        Self { sub_attributes, ..Self::new(Kind::Complex, name, description) }
    }

    #[must_use]
    pub fn multi_valued(mut self) -> Self {
        self.multi_valued = true;
        self
    }

    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    #[must_use]
    pub fn exact(mut self) -> Self {
        self.case_exact = true;
        self
    }

    #[must_use]
    pub fn mutability(mut self, mutability: Mutability) -> Self {
        self.mutability = mutability;
        self
    }

    /// Read-only, and so are its sub-attributes.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.mutability = Mutability::ReadOnly;
        for sub in &mut self.sub_attributes {
            sub.mutability = Mutability::ReadOnly;
        }
        self
    }

    #[must_use]
    pub fn returned(mut self, returned: Returned) -> Self {
        self.returned = returned;
        self
    }

    /// Unique among all resources of the type in one tenant.
    #[must_use]
    pub fn unique(mut self) -> Self {
        self.uniqueness = Uniqueness::Server;
        self
    }

    #[must_use]
    pub fn canonical(mut self, values: &[&str]) -> Self {
        self.canonical_values = owned(values);
        self
    }

    /// The sub-attribute of this name, in any case.
    pub fn sub(&self, name: &str) -> Option<&Self> {
        find(&self.sub_attributes, name)
    }

    /// Whether an answer never holds it, so that a client which reads, changes and writes back leaves it out.
    pub fn is_hidden(&self) -> bool {
        self.mutability == Mutability::WriteOnly || self.returned == Returned::Never
    }

    /// Whether no two resources of a tenant may have the same value.
    pub fn is_unique(&self) -> bool {
        matches!(self.uniqueness, Uniqueness::Server | Uniqueness::Global)
    }

    pub fn is_immutable(&self) -> bool {
        self.mutability == Mutability::Immutable
    }

    pub fn is_read_only(&self) -> bool {
        self.mutability == Mutability::ReadOnly
    }
}

/// RFC 7643 section 2.1: "Attribute names are case insensitive".
pub(crate) fn find<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a Attribute> {
    attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
}

fn owned(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}
