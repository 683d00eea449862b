//! Who gets in, and how far.

use jiff::Timestamp;
use reqwest::Response;
use rollcall::api::{TokenScope, TokenSpec};
use serde_json::{Value, json};

use crate::{answer, ask, endpoint::Endpoint, support::Receiver};

const ROUTES: [(&str, &str); 22] = [
    ("GET", "/Users"),
    ("POST", "/Users"),
    ("POST", "/Users/.search"),
    ("GET", "/Users/1"),
    ("HEAD", "/Users/1"),
    ("PUT", "/Users/1"),
    ("PATCH", "/Users/1"),
    ("DELETE", "/Users/1"),
    ("GET", "/Groups"),
    ("POST", "/Groups/.search"),
    ("PATCH", "/Groups/1"),
    ("GET", "/ServiceProviderConfig"),
    ("GET", "/ResourceTypes"),
    ("GET", "/Schemas/x"),
    ("GET", "/Me"),
    ("POST", "/Bulk"),
    ("POST", "/.search"),
    ("GET", ""),
    ("GET", "/"),
    ("OPTIONS", "/Users"),
    ("GET", "/no/such/url"),
    ("BREW", "/Users"),
];

#[tokio::test]
async fn every_route_tells_a_stranger_the_same() {
    let receiver = Receiver::start().await;
    let (own, other) = (receiver.tenant().await, receiver.tenant().await);
    let expired = TokenSpec::default();
    let expired = receiver.tenant_with(expired, Some(Timestamp::now()), false).await;
    let missing = Endpoint { url: own.url.replace("/tenant-", "/nobody-"), token: own.token.clone() };
    let refused = told(answer(ask("GET", &own, "/Users")).await).await;
    assert_eq!(refused.0, 401);
    for (method, path) in ROUTES {
        let requests = [
            ask(method, &own, path),
            ask(method, &own, path).bearer_auth(&other.token),
            ask(method, &own, path).basic_auth("user", Some(&own.token)),
            ask(method, &own, path).bearer_auth(&own.token).bearer_auth(&own.token),
            ask(method, &own, &format!("{path}?access_token={}", own.token)),
            ask(method, &expired, path).bearer_auth(&expired.token),
            ask(method, &missing, path).bearer_auth(&missing.token),
        ];
        for (index, request) in requests.into_iter().enumerate() {
            let mut answer = told(answer(request).await).await;
            if method == "HEAD" {
                assert_eq!(answer.2, "");
                answer.2.clone_from(&refused.2);
            }
            assert_eq!(answer, refused, "{method} {path}, case {index}");
        }
    }
    receiver.stop().await;
}

#[tokio::test]
async fn the_scheme_of_a_token_is_read_in_any_case() {
    let receiver = Receiver::start().await;
    let tenant = receiver.tenant().await;
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let request = ask("GET", &tenant, "/Users");
        let request = request.header("Authorization", format!("{scheme} {}", tenant.token));
        assert_eq!(answer(request).await.status(), 200, "{scheme}");
    }
    receiver.stop().await;
}

#[tokio::test]
async fn a_suspended_tenant_is_told_to_come_back_and_a_stranger_is_not() {
    let receiver = Receiver::start().await;
    let tenant = receiver.tenant_with(TokenSpec::default(), None, true).await;
    let response = answer(ask("GET", &tenant, "/Users").bearer_auth(&tenant.token)).await;
    assert_eq!(response.status(), 503);
    assert!(response.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() > 0);
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["status"], "503");
    assert_eq!(answer(ask("GET", &tenant, "/Users")).await.status(), 401);
    receiver.stop().await;
}

#[tokio::test]
async fn a_read_only_token_reads_and_searches_and_writes_nothing() {
    let receiver = Receiver::start().await;
    let token = TokenSpec { read_only: true, ..TokenSpec::default() };
    let tenant = receiver.tenant_with(token, None, false).await;
    let cases = [
        ("GET", "/Users", 200),
        ("POST", "/Users/.search", 200),
        ("GET", "/Groups", 200),
        ("POST", "/Groups/.search", 200),
        ("GET", "/ServiceProviderConfig", 200),
        ("POST", "/Users", 403),
        ("PUT", "/Users/1", 403),
        ("PATCH", "/Users/1", 403),
        ("DELETE", "/Users/1", 403),
        ("POST", "/Groups", 403),
        ("PUT", "/Groups/1", 403),
        ("PATCH", "/Groups/1", 403),
        ("DELETE", "/Groups/1", 403),
    ];
    for (method, path, expected) in cases {
        let request = ask(method, &tenant, path).bearer_auth(&tenant.token);
        let response = answer(request.json(&json!({}))).await;
        assert_eq!(response.status(), expected, "{method} {path}");
        let body = response.text().await.unwrap();
        assert_eq!(body.contains("read-only"), expected == 403, "{method} {path}: {body}");
    }
    receiver.stop().await;
}

#[tokio::test]
async fn a_token_only_touches_what_its_scope_names() {
    let receiver = Receiver::start().await;
    let scoped = |scope| TokenSpec { scope: vec![scope], ..TokenSpec::default() };
    let users = receiver.tenant_with(scoped(TokenScope::Users), None, false).await;
    let groups = receiver.tenant_with(scoped(TokenScope::Groups), None, false).await;
    let cases = [
        (&users, "GET", "/Users", 200),
        // Entra ID's Test Connection needs an answer to this.
        (&users, "GET", "/Groups", 200),
        (&users, "GET", "/Groups/1", 403),
        (&users, "POST", "/Groups", 403),
        (&groups, "GET", "/Groups", 200),
        (&groups, "GET", "/Users", 403),
        (&groups, "POST", "/Users/.search", 403),
        (&groups, "POST", "/Users", 403),
        (&groups, "GET", "/Users/1", 403),
    ];
    for (tenant, method, path, expected) in cases {
        let request = ask(method, tenant, path).bearer_auth(&tenant.token);
        assert_eq!(answer(request.json(&json!({}))).await.status(), expected, "{method} {path}");
    }
    receiver.stop().await;
}

/// All that an answer tells, but for the id and the time of the request.
async fn told(response: Response) -> (u16, Vec<(String, String)>, String) {
    let status = response.status().as_u16();
    let own = |name: &str| name != "x-request-id" && name != "date";
    let headers = response.headers().iter().filter(|(name, _)| own(name.as_str()));
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    (status, headers.collect(), response.text().await.unwrap())
}
