//! The Group schema, RFC 7643 section 4.2 and section 8.7.1.

use super::{Attribute, GROUP_URN, Mutability, Schema};

pub(super) fn group() -> Schema {
    Schema {
        id: GROUP_URN.to_owned(),
        name: "Group".to_owned(),
        description: "Group".to_owned(),
        required: true,
        attributes: vec![
            // RFC 7643 section 4.2: "displayName: A human-readable name for the Group. REQUIRED." It is
            // unique here because Entra ID looks groups up by it and asks for 409 on the second of a name.
            Attribute::string("displayName", "A human-readable name for the Group.").required().unique(),
            Attribute::complex(
                "members",
                "A list of members of the Group.",
                vec![
                    Attribute::string("value", "Identifier of the member of this Group.")
                        .exact()
                        .mutability(Mutability::Immutable),
                    Attribute::reference("$ref", &["User", "Group"], "The URI of the member.")
                        .mutability(Mutability::Immutable),
                    Attribute::string("type", "The type of the member, 'User' or 'Group'.")
                        .canonical(&["User", "Group"])
                        .mutability(Mutability::Immutable),
                    Attribute::string("display", "The member's displayName.").read_only(),
                ],
            )
            .multi_valued(),
        ],
    }
}
