//! The Enterprise User extension, RFC 7643 section 4.3 and section 8.7.1.

use super::{Attribute, ENTERPRISE_USER_URN, Schema};

/// The extension, for those who build a resource type of their own.
pub fn enterprise_user() -> Schema {
    Schema {
        id: ENTERPRISE_USER_URN.to_owned(),
        name: "EnterpriseUser".to_owned(),
        description: "Enterprise User".to_owned(),
        required: false,
        attributes: vec![
            Attribute::string("employeeNumber", "Identifier that the organisation assigned to the person."),
            Attribute::string("costCenter", "The name of a cost center."),
            Attribute::string("organization", "The name of an organization."),
            Attribute::string("division", "The name of a division."),
            Attribute::string("department", "The name of a department."),
            Attribute::complex(
                "manager",
                "The User's manager.",
                vec![
                    Attribute::string("value", "The id of the User's manager.").exact(),
                    Attribute::reference("$ref", &["User"], "The URI of the User's manager."),
                    Attribute::string("displayName", "The manager's name, for people to read.").read_only(),
                ],
            ),
        ],
    }
}
