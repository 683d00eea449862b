//! The people that every server is given: the same ones, as Okta sends them by default.

use crate::load::Ask;

/// The request that creates one of them.
pub fn create(base: &str, number: usize) -> Ask {
    Ask { method: "POST", path: format!("{base}/Users"), body: document(number) }
}

/// The request that finds one by name.
pub fn find(base: &str, number: usize) -> Ask {
    let path = format!("{base}/Users?filter=userName%20eq%20%22{}%22", name(number).replace('@', "%40"));
    Ask { method: "GET", path, body: String::new() }
}

/// The request that reads one.
pub fn read(base: &str, id: &str) -> Ask {
    Ask { method: "GET", path: format!("{base}/Users/{id}"), body: String::new() }
}

/// The request for the first page.
pub fn page(base: &str, count: usize) -> Ask {
    Ask { method: "GET", path: format!("{base}/Users?startIndex=1&count={count}"), body: String::new() }
}

fn name(number: usize) -> String {
    format!("person{number}@example.com")
}

fn document(number: usize) -> String {
    let name = name(number);
    let family = number % 9973;
    format!(
        r#"{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"{name}","active":true,"#
    ) + &format!(
        r#""name":{{"givenName":"Given{number}","familyName":"Family{family}"}},"displayName":"Given{number} Family{family}","#
    ) + &format!(
        r#""emails":[{{"value":"{name}","type":"work","primary":true}}],"locale":"en-GB","externalId":"00u{number:017}"}}"#
    )
}
