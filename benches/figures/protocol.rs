//! Reads from memory: filters, and the JSON of one user.

use std::time::Duration;

use rollcall::{
    receiver::user_json,
    scim::{
        list::{ListQuery, PageSizes},
        schema::ResourceSchema,
    },
    store::{Directory, Page, Placed, Selection, Start},
};

use crate::{
    directory::{PEOPLE, directory, id, tenant},
    table::Table,
};

/// Neither attribute has an index; both parts are looked at for one person in forty.
pub const TWO_CLAUSES: &str = r#"title eq "Engineer 7" and timezone sw "Europe/B""#;

pub fn measure(table: &mut Table) {
    let (directory, schema) = (directory(PEOPLE), ResourceSchema::user());
    let find = |filter: &str| list(&directory, &schema, filter);

    assert_eq!(find(TWO_CLAUSES).total, PEOPLE / 200);
    table.measure("two clauses without an index, of 100,000 users", Duration::from_millis(60), 1, || {
        find(TWO_CLAUSES)
    });
    let number = PEOPLE / 2 + 1;
    let equalities = [
        ("id eq, of 100,000 users", format!("id eq \"{}\"", id(number))),
        ("userName eq, of 100,000 users", format!("userName eq \"PERSON{number}@example.com\"")),
        ("externalId eq, of 100,000 users", format!("externalId eq \"00u{number:017}\"")),
        ("emails.value eq, of 100,000 users", format!("emails.value eq \"person{number}@example.com\"")),
        (
            "displayName eq, of 100,000 users",
            format!("displayName eq \"Given{number} Family{}\"", number % 9973),
        ),
    ];
    for (figure, filter) in &equalities {
        assert_eq!(find(filter).total, 1, "{filter}");
        table.measure(figure, Duration::from_micros(50), 1000, || find(filter));
    }
    let user = directory.user(&tenant(), &id(number)).unwrap();
    let json = || user_json(&user, "https://scim.example.com/scim/acme/okta/v2", &schema);
    assert!(json().contains("\"userName\":\"person50001@example.com\""));
    table.measure("JSON of one user", Duration::from_micros(10), 1000, json);
}

/// What a list request does once it is in the process: parse the filter, and find a page of people.
pub fn list(directory: &Directory, schema: &ResourceSchema, filter: &str) -> Page<Placed> {
    let query = ListQuery::parse([("filter", filter)], PageSizes { default: 100, most: 1000 }).unwrap();
    let selection = Selection { users: Some(schema), teams: None, query: &query, start: &Start::Skip(0) };
    directory.list(&tenant(), &selection).unwrap()
}
