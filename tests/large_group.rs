//! A group of 50,000 through the receiver and the store, onto a real API server, and the memory that takes. One test, in
//! a process of its own, as it looks at all of that.
//!
//! The group and its slices are real. Its members are put into the memory of the store alone: 50,000 User objects would
//! take minutes, and nothing here is about them.

#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]
#![cfg(target_os = "linux")]

#[path = "support/endpoint.rs"]
mod endpoint;
#[path = "replicas/gate.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod gate;
#[path = "support/memory.rs"]
mod memory;
#[path = "support/receiver.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod support;

use std::fmt::Write;

use bytes::Bytes;
use endpoint::Endpoint;
use memory::{in_use, peak};
use reqwest::{Method, StatusCode};
use rollcall::api::User;
use serde_json::{Value, json};
use support::Receiver;

const MEMBERS: usize = 50_000;

/// How much more memory may be in use at any time than before the request.
const MOST_MIB: usize = 64;

#[tokio::test(flavor = "multi_thread")]
async fn fifty_thousand_members_pass_within_64_mib() {
    let receiver = Receiver::start().await;
    let tenant = receiver.tenant().await;
    for number in 0..MEMBERS {
        receiver.store().directory().put_user(user(&tenant, number));
    }
    let (post, patch) = (whole(), addition());
    // The connection, and what the first request of all needs, is not what this is about.
    let (status, small) =
        send(&tenant, Method::POST, "/Groups", json!({ "displayName": "Small" }).to_string()).await;
    assert_eq!(status, StatusCode::CREATED, "{small}");

    let before = in_use();
    let (status, body) = send(&tenant, Method::POST, "/Groups?excludedAttributes=members", post).await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
    let created = peak() - before;
    let large = format!("/Groups/{}", body["id"].as_str().unwrap());
    let small = format!("/Groups/{}", small["id"].as_str().unwrap());
    let before = in_use();
    let (status, body) = send(&tenant, Method::PATCH, &small, patch).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{body}");
    let patched = peak() - before;

    for group in [&large, &small] {
        assert_eq!(members(&tenant, group).await, MEMBERS);
    }
    let one =
        json!({ "Operations": [{ "op": "remove", "path": format!("members[value eq \"{}\"]", id(7)) }] });
    assert_eq!(send(&tenant, Method::PATCH, &large, one.to_string()).await.0, StatusCode::NO_CONTENT);
    assert_eq!(members(&tenant, &large).await, MEMBERS - 1);
    receiver.stop().await;

    let [created, patched] = [created, patched].map(|kib| kib / 1024);
    println!("a POST took {created} MiB, a PATCH {patched} MiB at most");
    assert!(
        created <= MOST_MIB && patched <= MOST_MIB,
        "a POST took {created} MiB, a PATCH {patched} MiB at most"
    );
}

async fn members(tenant: &Endpoint, group: &str) -> usize {
    let (status, body) = send(tenant, Method::GET, group, Bytes::new()).await;
    assert_eq!(status, StatusCode::OK);
    body["members"].as_array().unwrap().len()
}

async fn send(
    tenant: &Endpoint,
    method: Method,
    path: &str,
    body: impl Into<reqwest::Body>,
) -> (StatusCode, Value) {
    let request = Receiver::http().request(method, format!("{}{path}", tenant.url));
    let request = request.bearer_auth(&tenant.token).header("Content-Type", "application/scim+json");
    let answer = request.body(body).send().await.unwrap();
    (answer.status(), serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
}

/// A group with everybody in it. Like the other body, in one piece that no request copies.
fn whole() -> Bytes {
    format!("{{\"displayName\":\"Everybody\",\"members\":[{}]}}", everybody()).into()
}

/// The same people, added to another group.
fn addition() -> Bytes {
    let add = "{\"Operations\":[{\"op\":\"add\",\"path\":\"members\",\"value\":[";
    format!("{add}{}]}}]}}", everybody()).into()
}

fn everybody() -> String {
    let mut text = String::new();
    for number in 0..MEMBERS {
        let comma = if number == 0 { "" } else { "," };
        write!(text, "{comma}{{\"value\":\"{}\",\"display\":\"user{number}@example.com\"}}", id(number))
            .unwrap();
    }
    text
}

fn id(number: usize) -> String {
    format!("0190a7f2-5c1e-7b3a-9d44-{number:012x}")
}

fn user(tenant: &Endpoint, number: usize) -> User {
    let mut parts = tenant.url.trim_end_matches("/v2").rsplit('/');
    let (name, namespace) = (parts.next().unwrap(), parts.next().unwrap());
    serde_json::from_value(json!({
        "apiVersion": "rollcall.dev/v1alpha1", "kind": "User",
        "metadata": { "name": id(number), "namespace": namespace, "resourceVersion": "1", "generation": 1,
            "labels": { "rollcall.dev/origin": "Receiver" } },
        "spec": { "tenantRef": { "name": name }, "userName": format!("user{number}@example.com"), "active": true },
    }))
    .unwrap()
}
