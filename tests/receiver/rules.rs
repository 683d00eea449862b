//! Rules that come while users exist: they hold from then on, and nobody is kept from being deactivated.

use serde_json::{Value, json};

use crate::{PATIENCE, answer, ask, endpoint::Endpoint, support::Receiver};

const URN: &str = "urn:example:1.0:Acme";

async fn send(tenant: &Endpoint, method: &str, path: &str, body: Value) -> (u16, Value) {
    let request = ask(method, tenant, path).bearer_auth(&tenant.token).body(body.to_string());
    let response = answer(request).await;
    (response.status().as_u16(), response.json().await.unwrap_or_default())
}

#[tokio::test]
async fn rules_that_come_later_hold_for_what_is_new_and_let_everybody_be_deactivated() {
    let receiver = Receiver::start().await;
    let tenant = receiver.tenant().await;
    let old = json!({ "userName": "ada", (URN): { "site": "Rome" } });
    let (_, ada) = send(&tenant, "POST", "/Users", old).await;
    let path = format!("/Users/{}", ada["id"].as_str().unwrap());

    let site = json!({ "name": "site", "type": "string", "canonicalValues": ["London"] });
    let level = json!({ "name": "level", "type": "integer", "required": true });
    let rules = json!({
        "schemas": [{ "id": URN, "resource": "User", "required": true, "attributes": [site, level] }],
        "attributes": { "uniqueId": "Email", "userNameFormat": "Email", "required": ["title", "department"] },
    });
    receiver.change(&tenant, rules).await;
    let known = async {
        while send(&tenant, "GET", &format!("/Schemas/{URN}"), Value::Null).await.0 != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, known).await.unwrap();

    assert_eq!(send(&tenant, "POST", "/Users", json!({ "userName": "bob" })).await.0, 400);
    let off = json!({ "Operations": [{ "op": "Replace", "path": "active", "value": "False" }] });
    let (status, shown) = send(&tenant, "PATCH", &path, off).await;
    assert_eq!(
        (status, &shown["active"], &shown[URN]["site"]),
        (200, &json!(false), &json!("Rome")),
        "{shown}"
    );
    let on = json!({ "userName": "ada", "active": true, (URN): { "site": "Rome" } });
    let (status, shown) = send(&tenant, "PUT", &path, on).await;
    assert_eq!((status, &shown["active"]), (200, &json!(true)), "{shown}");
    let moved = json!({ "userName": "ada", (URN): { "site": "Paris" } });
    assert_eq!(send(&tenant, "PUT", &path, moved).await.0, 400);
    let rename = json!({ "Operations": [{ "op": "replace", "value": { "userName": "grace" } }] });
    assert_eq!(send(&tenant, "PATCH", &path, rename).await.0, 400);
    receiver.stop().await;
}

#[tokio::test]
async fn an_attribute_that_is_called_email_stays_what_it_is_beside_emails() {
    let receiver = Receiver::start().await;
    let tenant = receiver.tenant().await;
    receiver.change(&tenant, json!({ "attributes": { "uniqueId": "Email" } })).await;
    let both = json!({ "userName": "ada", "email": "private", "emails": [{ "value": "ada@x.example" }] });
    let known = async {
        while send(&tenant, "POST", "/Users", json!({ "userName": "nobody" })).await.0 == 201 {
            let (_, found) = send(&tenant, "GET", "/Users", Value::Null).await;
            let path = format!("/Users/{}", found["Resources"][0]["id"].as_str().unwrap());
            assert_eq!(send(&tenant, "DELETE", &path, Value::Null).await.0, 204);
        }
    };
    tokio::time::timeout(PATIENCE, known).await.unwrap();
    let (status, shown) = send(&tenant, "POST", "/Users", both).await;
    assert_eq!((status, &shown["email"]), (201, &json!("private")), "{shown}");
    let (_, found) =
        send(&tenant, "GET", "/Users?filter=email%20eq%20%22ADA@x.example%22", Value::Null).await;
    assert_eq!(found["totalResults"], 1);
    receiver.stop().await;
}
