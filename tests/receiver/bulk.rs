//! Bulk requests: what a token may do in one, and how long one may take.

use std::time::Duration;

use reqwest::Response;
use rollcall::api::{TokenScope, TokenSpec};
use serde_json::{Value, json};

use crate::{answer, ask, endpoint::Endpoint, support::Receiver};

async fn send(tenant: &Endpoint, operations: &[Value]) -> Response {
    let request = ask("POST", tenant, "/Bulk").bearer_auth(&tenant.token);
    answer(request.json(&json!({ "Operations": operations }))).await
}

async fn statuses(tenant: &Endpoint, operations: &[Value]) -> Vec<String> {
    let response = send(tenant, operations).await;
    assert_eq!(response.status(), 200);
    let body: Value = response.json().await.unwrap();
    let operations = body["Operations"].as_array().unwrap().iter();
    operations.map(|it| it["status"].as_str().unwrap().to_owned()).collect()
}

fn user(name: &str) -> Value {
    json!({ "method": "POST", "path": "/Users", "bulkId": name, "data": { "userName": name } })
}

#[tokio::test]
async fn each_operation_needs_what_its_own_request_would_need() {
    let receiver = Receiver::start().await;
    let group = json!({ "method": "POST", "path": "/Groups", "bulkId": "g", "data": { "displayName": "g" } });
    let change = json!({ "method": "PATCH", "path": "/Groups/1", "data": { "Operations": [] } });
    let operations = [user("ada"), group, change, json!({ "method": "DELETE", "path": "/Users/1" })];
    let token = |scope: &[TokenScope], read_only| TokenSpec {
        scope: scope.to_vec(),
        read_only,
        ..TokenSpec::default()
    };
    let cases = [
        (token(&[], false), ["201", "201", "400", "404"]),
        (token(&[TokenScope::Users], false), ["201", "403", "403", "404"]),
        (token(&[TokenScope::Groups], false), ["403", "201", "400", "403"]),
        (token(&[], true), ["403", "403", "403", "403"]),
    ];
    for (token, expected) in cases {
        let tenant = receiver.tenant_with(token, None, false).await;
        assert_eq!(statuses(&tenant, &operations).await, expected);
    }
    receiver.stop().await;
}

#[tokio::test]
async fn a_root_search_finds_what_the_token_may_see() {
    let receiver = Receiver::start().await;
    for (scope, found) in [(TokenScope::Users, "User"), (TokenScope::Groups, "Group")] {
        let tenant =
            receiver.tenant_with(TokenSpec { scope: vec![scope], ..TokenSpec::default() }, None, false).await;
        let path = format!("/{found}s");
        let create = ask("POST", &tenant, &path).bearer_auth(&tenant.token);
        let created = answer(create.json(&json!({ "userName": "ada", "displayName": "Ada" }))).await;
        assert_eq!(created.status(), 201);
        let search = ask("POST", &tenant, "/.search").bearer_auth(&tenant.token);
        let body: Value = answer(search.json(&json!({}))).await.json().await.unwrap();
        assert_eq!(
            (&body["totalResults"], &body["Resources"][0]["meta"]["resourceType"]),
            (&json!(1), &json!(found))
        );
    }
    receiver.stop().await;
}

#[tokio::test]
async fn what_there_is_no_time_for_is_not_begun_and_can_be_sent_again() {
    let many = 10_000;
    let receiver = Receiver::start_with(|settings| {
        settings.request_timeout = Duration::from_secs(4);
        settings.bulk_operations = many;
    });
    let receiver = receiver.await;
    let tenant = receiver.tenant().await;
    let operations: Vec<Value> = (0..many).map(|number| user(&format!("user{number}"))).collect();
    let answers = statuses(&tenant, &operations).await;
    let begun = answers.iter().take_while(|it| *it == "201").count();
    assert!(begun > 0 && begun < many, "{begun} operations were begun");
    assert!(answers[begun..].iter().all(|it| it == "503"));
    let count = ask("GET", &tenant, "/Users?count=0").bearer_auth(&tenant.token);
    let found: Value = answer(count).await.json().await.unwrap();
    assert_eq!(found["totalResults"], begun);
    assert_eq!(statuses(&tenant, &operations[begun..=begun]).await, ["201"]);
    receiver.stop().await;
}
