//! The User schema, RFC 7643 section 4.1 and section 8.7.1.

use super::{Attribute, Kind, Mutability, Returned, Schema, USER_URN};

pub(super) fn user() -> Schema {
    let mut attributes = singular();
    attributes.extend(multi_valued());
    Schema {
        id: USER_URN.to_owned(),
        name: "User".to_owned(),
        description: "User Account".to_owned(),
        required: true,
        attributes,
    }
}

fn singular() -> Vec<Attribute> {
    vec![
        Attribute::string(
            "userName",
            "Unique identifier for the User, used to authenticate and compared without regard to case.",
        )
        .required()
        .unique(),
        Attribute::complex("name", "The components of the user's real name.", name()),
        Attribute::string("displayName", "The name of the User, suitable for display to end-users."),
        Attribute::string("nickName", "The casual way to address the user in real life."),
        Attribute::reference("profileUrl", &["external"], "A URL of the User's online profile."),
        Attribute::string("title", "The user's title, such as \"Vice President\"."),
        Attribute::string("userType", "The relationship between the organization and the user."),
        Attribute::string("preferredLanguage", "The User's preferred written or spoken language."),
        Attribute::string("locale", "The User's default location for localizing items such as currency."),
        Attribute::string("timezone", "The User's time zone, in the 'Olson' format."),
        Attribute::boolean("active", "The User's administrative status."),
        Attribute::string(
            "password",
            "The User's cleartext password; it is never stored and never returned.",
        )
        .mutability(Mutability::WriteOnly)
        .returned(Returned::Never),
    ]
}

fn name() -> Vec<Attribute> {
    vec![
        Attribute::string("formatted", "The full name, formatted for display."),
        Attribute::string("familyName", "The family name of the User, or last name."),
        Attribute::string("givenName", "The given name of the User, or first name."),
        Attribute::string("middleName", "The middle name(s) of the User."),
        Attribute::string("honorificPrefix", "The honorific prefix(es) of the User, or title."),
        Attribute::string("honorificSuffix", "The honorific suffix(es) of the User, or suffix."),
    ]
}

fn multi_valued() -> Vec<Attribute> {
    let text = |what: &str| Attribute::string("value", what);
    let place: &[&str] = &["work", "home", "other"];
    let phone: &[&str] = &["work", "home", "mobile", "fax", "pager", "other"];
    let messenger: &[&str] = &["aim", "gtalk", "icq", "xmpp", "msn", "skype", "qq", "yahoo"];
    let photo = Attribute::reference("value", &["external"], "URL of a photo of the User.");
    let certificate = Attribute::new(Kind::Binary, "value", "An X.509 certificate, DER in Base64.").exact();
    vec![
        plural("emails", "Email addresses for the User.", text("An email address."), place),
        plural("phoneNumbers", "Phone numbers for the User.", text("A phone number."), phone),
        plural("ims", "Instant messaging addresses for the User.", text("An address."), messenger),
        plural("photos", "URLs of photos of the User.", photo, &["photo", "thumbnail"]),
        addresses(place),
        groups(),
        plural("entitlements", "Things that the User is entitled to.", text("An entitlement."), &[]),
        plural("roles", "Roles that say who the User is.", text("A role."), &[]),
        plural("x509Certificates", "Certificates issued to the User.", certificate, &[]),
    ]
}

/// The usual multi-valued attribute: value, display, type, primary. RFC 7643 section 2.4.
fn plural(name: &str, description: &str, value: Attribute, types: &[&str]) -> Attribute {
    let display = Attribute::string("display", "A name for people to read.");
    let label = Attribute::string("type", "The attribute's function.").canonical(types);
    Attribute::complex(name, description, vec![value, display, label, primary()]).multi_valued()
}

fn primary() -> Attribute {
    Attribute::boolean("primary", "The preferred value of the attribute; at most one is.")
}

fn addresses(types: &[&str]) -> Attribute {
    Attribute::complex(
        "addresses",
        "Physical mailing addresses for this User.",
        vec![
            Attribute::string("formatted", "The full mailing address, formatted for display."),
            Attribute::string("streetAddress", "The full street address."),
            Attribute::string("locality", "The city or locality."),
            Attribute::string("region", "The state or region."),
            Attribute::string("postalCode", "The zip code or postal code."),
            Attribute::string("country", "The country name."),
            Attribute::string("type", "The attribute's function.").canonical(types),
            primary(),
        ],
    )
    .multi_valued()
}

fn groups() -> Attribute {
    Attribute::complex(
        "groups",
        "The groups to which the user belongs, directly or through other groups.",
        vec![
            Attribute::string("value", "The identifier of the User's group.").exact(),
            Attribute::reference("$ref", &["Group"], "The URI of the group."),
            Attribute::string("display", "The group's name, for people to read."),
            Attribute::string("type", "How the User belongs to it.").canonical(&["direct", "indirect"]),
        ],
    )
    .multi_valued()
    .read_only()
}
