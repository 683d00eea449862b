//! A directory of many people in memory, as the store has them after it has read them from the API server.

use rollcall::{
    api::User,
    store::{Directory, TenantKey},
};
use serde_json::json;

/// How many people there are, unless it is about more.
pub const PEOPLE: usize = 100_000;

/// The tenant that they are in.
pub fn tenant() -> TenantKey {
    TenantKey::new("acme", "okta")
}

/// The id of one of them: in the form of a UUIDv7, in the order of creation.
pub fn id(number: usize) -> String {
    format!("0199d5a0-{:04x}-7000-8000-{number:012x}", number >> 8)
}

/// So many people.
pub fn directory(people: usize) -> Directory {
    let directory = Directory::default();
    for number in 0..people {
        directory.put_user(person(number));
    }
    directory
}

/// One of them, with what Okta sends by default.
fn person(number: usize) -> User {
    let cities = ["Berlin", "London", "Madrid", "Oslo", "Paris"];
    let (given, family) = (format!("Given{number}"), format!("Family{}", number % 9973));
    let email = format!("person{number}@example.com");
    serde_json::from_value(json!({
        "apiVersion": "rollcall.dev/v1alpha1",
        "kind": "User",
        "metadata": {
            "name": id(number), "namespace": "acme", "resourceVersion": (number + 1).to_string(), "generation": 1,
            "uid": id(number), "creationTimestamp": "2026-11-23T12:00:00Z",
        },
        "spec": {
            "tenantRef": { "name": "okta" },
            "userName": email,
            "externalId": format!("00u{number:017}"),
            "active": !number.is_multiple_of(17),
            "displayName": format!("{given} {family}"),
            "name": { "givenName": given, "familyName": family },
            "title": format!("Engineer {}", number % 40),
            "locale": "en-GB",
            "timezone": format!("Europe/{}", cities[number / 40 % cities.len()]),
            "emails": [{ "value": email, "type": "work", "primary": true }],
            "phoneNumbers": [{ "value": format!("+49 30 {number:07}"), "type": "work" }],
            "enterprise": { "department": format!("Department {}", number % 200), "employeeNumber": number.to_string() },
        },
    }))
    .unwrap()
}
