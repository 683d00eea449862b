//! What every answer has.

use serde_json::json;

use crate::{answer, ask, support::Receiver};

#[tokio::test]
async fn http_2_is_spoken_on_the_same_port() {
    let receiver = Receiver::start().await;
    let tenant = receiver.tenant().await;
    let http = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let request = http.post(format!("{}/Users", tenant.url)).bearer_auth(&tenant.token);
    let response = answer(request.json(&json!({ "userName": "two@example.com" }))).await;
    assert_eq!((response.version(), response.status().as_u16()), (reqwest::Version::HTTP_2, 201));
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    assert!(location.starts_with(&format!("{}/Users/", tenant.url)), "{location}");
    receiver.stop().await;
}

#[tokio::test]
async fn a_location_is_under_the_url_that_the_client_used() {
    let receiver = Receiver::start().await;
    let tenant = receiver.tenant().await;
    let path = tenant.url.strip_prefix(&format!("http://{}", receiver.authority())).unwrap();
    let request = ask("POST", &tenant, "/Users").bearer_auth(&tenant.token);
    let request = request.header("Host", "scim.acme.example").header("X-Forwarded-Proto", "https");
    let response = answer(request.json(&json!({ "userName": "where@example.com" }))).await;
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    assert!(location.starts_with(&format!("https://scim.acme.example{path}/Users/")), "{location}");
    receiver.stop().await;
}

#[tokio::test]
async fn every_answer_has_an_id_of_its_own() {
    let receiver = Receiver::start().await;
    let tenant = receiver.tenant().await;
    let mut ids = Vec::new();
    for token in [&tenant.token, &tenant.token, &"wrong".to_owned()] {
        let response = answer(ask("GET", &tenant, "/Users").bearer_auth(token)).await;
        ids.push(response.headers()["x-request-id"].to_str().unwrap().to_owned());
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3);
    receiver.stop().await;
}
