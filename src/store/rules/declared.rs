//! A declared schema as the protocol's room knows schemas.

use crate::{
    api::{
        AttributeMutability, AttributeReturned, AttributeType, AttributeUniqueness, ExtensionSchema,
        SchemaAttribute, SchemaSubAttribute,
    },
    scim::schema::{Attribute, Kind, Mutability, Returned, Schema, Uniqueness},
};

pub(super) fn schema(declared: &ExtensionSchema) -> Schema {
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
