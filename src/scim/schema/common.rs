//! The attributes that every resource has, RFC 7643 section 3.1. They belong to no schema, so `/Schemas`
//! does not list them.

use super::{Attribute, Kind, Returned};

pub(super) fn common() -> Vec<Attribute> {
    vec![
        Attribute::reference("schemas", &["uri"], "URNs of the schemas that describe the resource.")
            .multi_valued()
            .returned(Returned::Always),
        Attribute::string("id", "Identifier that the service provider gave the resource.")
            .exact()
            .read_only()
            .returned(Returned::Always)
            .unique(),
        Attribute::string("externalId", "Identifier that the provisioning client gave the resource.").exact(),
        Attribute::complex(
            "meta",
            "What the service provider knows about the resource.",
            vec![
                Attribute::string("resourceType", "Name of the resource type.").exact(),
                Attribute::new(Kind::DateTime, "created", "When the resource was created."),
                Attribute::new(Kind::DateTime, "lastModified", "When the resource was last changed."),
                Attribute::reference("location", &["uri"], "The resource's URI."),
                Attribute::string("version", "The resource's version, as an entity tag.").exact(),
            ],
        )
        .read_only(),
    ]
}
