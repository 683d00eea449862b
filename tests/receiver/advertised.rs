//! Everything that `/ServiceProviderConfig` says is so, and what it says is not is not.

use std::time::{Duration, Instant};

use reqwest::{RequestBuilder, StatusCode, header::HeaderMap};
use rollcall::{receiver::Settings, scim::list::PageSizes};
use serde_json::{Value, json};

use crate::{PATIENCE, answer, ask, endpoint::Endpoint, support::Receiver};

/// A receiver whose limits are small enough to reach.
async fn small() -> (Receiver, Endpoint) {
    let small = |settings: &mut Settings| {
        settings.max_body = 2000;
        settings.bulk_operations = 3;
        settings.pages = PageSizes { default: 2, most: 3 };
    };
    let receiver = Receiver::start_with(small).await;
    let tenant = receiver.tenant().await;
    (receiver, tenant)
}

async fn told(request: RequestBuilder, tenant: &Endpoint) -> (StatusCode, HeaderMap, Value) {
    let response = answer(request.bearer_auth(&tenant.token)).await;
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.text().await.unwrap();
    (status, headers, serde_json::from_str(&text).unwrap_or_default())
}

async fn get(tenant: &Endpoint, path: &str) -> Value {
    let (status, _, body) = told(ask("GET", tenant, path), tenant).await;
    assert_eq!(status, 200, "{path}: {body}");
    body
}

async fn config(tenant: &Endpoint) -> Value {
    get(tenant, "/ServiceProviderConfig").await
}

/// Creates users, and gives back the id of the last and its version.
async fn users(tenant: &Endpoint, names: &[&str]) -> (String, String) {
    let mut last = Default::default();
    for name in names {
        let body = json!({ "userName": name, "password": "a-secret-1" });
        let (status, headers, body) = told(ask("POST", tenant, "/Users").json(&body), tenant).await;
        assert_eq!(status, 201, "{body}");
        let version = headers["etag"].to_str().unwrap().to_owned();
        last = (body["id"].as_str().unwrap().to_owned(), version);
    }
    last
}

#[tokio::test]
async fn nothing_is_advertised_that_is_not_shown_here() {
    let (receiver, tenant) = small().await;
    let config = config(&tenant).await;
    let mut names: Vec<&str> = config.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    let known = [
        "authenticationSchemes",
        "bulk",
        "changePassword",
        "etag",
        "filter",
        "meta",
        "pagination",
        "patch",
        "schemas",
        "sort",
    ];
    assert_eq!(names, known);
    receiver.stop().await;
}

#[tokio::test]
async fn patch_is_supported() {
    let (receiver, tenant) = small().await;
    assert_eq!(config(&tenant).await["patch"], json!({ "supported": true }));
    let (id, _) = users(&tenant, &["ada"]).await;
    let change = json!({ "Operations": [{ "op": "add", "path": "title", "value": "Dr" }] });
    let request = ask("PATCH", &tenant, &format!("/Users/{id}")).json(&change);
    let (status, _, body) = told(request, &tenant).await;
    assert_eq!((status.as_u16(), &body["title"]), (200, &json!("Dr")));
    receiver.stop().await;
}

#[tokio::test]
async fn bulk_has_exactly_the_limits_that_are_advertised() {
    let (receiver, tenant) = small().await;
    let bulk = config(&tenant).await["bulk"].clone();
    assert_eq!(bulk, json!({ "supported": true, "maxOperations": 3, "maxPayloadSize": 2000 }));
    let send = async |body: String| {
        let request = ask("POST", &tenant, "/Bulk").header("Content-Type", "application/scim+json");
        told(request.body(body), &tenant).await
    };
    let operations = |count: usize| {
        let delete = |number| json!({ "method": "DELETE", "path": format!("/Users/{number}") });
        json!({ "Operations": (0..count).map(delete).collect::<Vec<_>>() }).to_string()
    };
    let padded = |length: usize| format!("{:length$}", operations(1));
    for (body, limit) in [
        (operations(3), None),
        (padded(2000), None),
        (operations(4), Some("maxOperations is 3")),
        (padded(2001), Some("2000")),
    ] {
        let (status, _, answer) = send(body).await;
        match limit {
            None => assert_eq!(status, 200, "{answer}"),
            Some(limit) => {
                assert_eq!((status.as_u16(), &answer["status"]), (413, &json!("413")));
                assert!(answer["detail"].as_str().unwrap().contains(limit), "{answer}");
            }
        }
    }
    receiver.stop().await;
}

#[tokio::test]
async fn filters_find_as_many_as_are_advertised_at_once() {
    let (receiver, tenant) = small().await;
    assert_eq!(config(&tenant).await["filter"], json!({ "supported": true, "maxResults": 3 }));
    users(&tenant, &["a1", "a2", "a3", "a4", "b1"]).await;
    let found = get(&tenant, "/Users?filter=userName%20sw%20%22a%22&count=100").await;
    assert_eq!((&found["totalResults"], &found["itemsPerPage"]), (&json!(4), &json!(3)));
    receiver.stop().await;
}

#[tokio::test]
async fn passwords_are_not_changed_but_dropped() {
    let (receiver, tenant) = small().await;
    assert_eq!(config(&tenant).await["changePassword"], json!({ "supported": false }));
    let (id, version) = users(&tenant, &["ada"]).await;
    let change = json!({ "Operations": [{ "op": "replace", "path": "password", "value": "a-secret-2" }] });
    let request = ask("PATCH", &tenant, &format!("/Users/{id}")).json(&change);
    let (status, headers, body) = told(request, &tenant).await;
    assert_eq!((status.as_u16(), headers["etag"].to_str().unwrap()), (200, version.as_str()));
    assert!(!body.to_string().contains("a-secret"), "{body}");
    receiver.stop().await;
}

#[tokio::test]
async fn lists_are_sorted() {
    let (receiver, tenant) = small().await;
    assert_eq!(config(&tenant).await["sort"], json!({ "supported": true }));
    users(&tenant, &["b", "C", "a"]).await;
    let sorted = get(&tenant, "/Users?sortBy=userName&sortOrder=descending&count=3").await;
    let names: Vec<&Value> =
        sorted["Resources"].as_array().unwrap().iter().map(|it| &it["userName"]).collect();
    assert_eq!(names, ["C", "b", "a"]);
    receiver.stop().await;
}

#[tokio::test]
async fn resources_have_versions_that_can_be_asked_for() {
    let (receiver, tenant) = small().await;
    assert_eq!(config(&tenant).await["etag"], json!({ "supported": true }));
    let (id, version) = users(&tenant, &["ada"]).await;
    let path = format!("/Users/{id}");
    let read = ask("GET", &tenant, &path).header("If-None-Match", &version);
    assert_eq!(told(read, &tenant).await.0, 304);
    let delete = |version: &str| ask("DELETE", &tenant, &path).header("If-Match", version);
    assert_eq!(told(delete("W/\"7000\""), &tenant).await.0, 412);
    assert_eq!(told(delete(&version), &tenant).await.0, 204);
    receiver.stop().await;
}

#[tokio::test]
async fn pages_are_as_they_are_advertised() {
    let (receiver, tenant) = small().await;
    let expected = json!({
        "cursor": true,
        "index": true,
        "defaultPaginationMethod": "index",
        "defaultPageSize": 2,
        "maxPageSize": 3,
        "cursorTimeout": 3600,
    });
    assert_eq!(config(&tenant).await["pagination"], expected);
    users(&tenant, &["a", "b", "c", "d"]).await;
    let page = get(&tenant, "/Users").await;
    assert_eq!(
        (&page["startIndex"], &page["itemsPerPage"], page.get("nextCursor")),
        (&json!(1), &json!(2), None)
    );
    assert_eq!(get(&tenant, "/Users?count=10").await["itemsPerPage"], 3);
    assert_eq!(get(&tenant, "/Users?startIndex=4").await["itemsPerPage"], 1);
    let page = get(&tenant, "/Users?cursor=").await;
    assert_eq!(page["itemsPerPage"], 2);
    let next = page["nextCursor"].as_str().unwrap();
    let page = get(&tenant, &format!("/Users?cursor={next}&count=10")).await;
    assert_eq!((&page["itemsPerPage"], page.get("nextCursor")), (&json!(2), None));
    receiver.stop().await;
}

#[tokio::test]
async fn a_cursor_is_good_on_every_replica_and_after_a_restart() {
    let receiver = Receiver::start().await;
    let tenant = receiver.tenant().await;
    users(&tenant, &["a", "b", "c"]).await;
    let page = get(&tenant, "/Users?cursor=&count=1").await;
    let next = page["nextCursor"].as_str().unwrap().to_owned();
    let second = receiver.start_beside().await;
    let url = tenant.url.replace(receiver.authority(), second.authority());
    let there = Endpoint { url, token: tenant.token.clone() };
    receiver.stop().await;
    let until = Instant::now() + PATIENCE;
    let page = loop {
        let (status, _, body) = told(ask("GET", &there, &format!("/Users?cursor={next}")), &there).await;
        if status != 503 {
            break body;
        }
        assert!(Instant::now() < until, "the second receiver is never ready: {body}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let names: Vec<&Value> = page["Resources"].as_array().unwrap().iter().map(|it| &it["userName"]).collect();
    assert_eq!(names, ["b", "c"]);
    second.stop().await;
}

#[tokio::test]
async fn a_cursor_is_good_for_as_long_as_is_advertised() {
    let receiver = Receiver::start_with(|it| it.cursor_timeout = Duration::ZERO).await;
    let tenant = receiver.tenant().await;
    assert_eq!(config(&tenant).await["pagination"]["cursorTimeout"], 0);
    users(&tenant, &["a", "b"]).await;
    let page = get(&tenant, "/Users?cursor=&count=1").await;
    let next = page["nextCursor"].as_str().unwrap();
    let (status, _, body) = told(ask("GET", &tenant, &format!("/Users?cursor={next}")), &tenant).await;
    assert_eq!((status.as_u16(), &body["scimType"]), (400, &json!("expiredCursor")));
    receiver.stop().await;
}

#[tokio::test]
async fn the_one_way_to_authenticate_is_the_one_that_is_advertised() {
    let (receiver, tenant) = small().await;
    let schemes = config(&tenant).await["authenticationSchemes"].clone();
    assert_eq!(schemes.as_array().unwrap().len(), 1);
    assert_eq!((&schemes[0]["type"], &schemes[0]["primary"]), (&json!("oauthbearertoken"), &json!(true)));
    let bearer = answer(ask("GET", &tenant, "/Users").bearer_auth(&tenant.token)).await;
    assert_eq!(bearer.status(), 200);
    let basic = answer(ask("GET", &tenant, "/Users").basic_auth("user", Some(&tenant.token))).await;
    assert_eq!(basic.status(), 401);
    assert!(basic.headers()["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
    receiver.stop().await;
}
