//! A tenant that floods slows down itself alone.

use std::time::{Duration, Instant};

use futures::future::join_all;
use reqwest::Response;
use serde_json::{Value, json};

use crate::{answer, ask, endpoint::Endpoint, support::Receiver};

/// The answers to so many reads at once.
async fn flood(tenant: &Endpoint, reads: usize) -> Vec<Response> {
    let read = || answer(ask("GET", tenant, "/Users?count=1").bearer_auth(&tenant.token));
    join_all((0..reads).map(|_| read())).await
}

#[tokio::test]
async fn beside_another_tenant_a_flood_is_refused_and_the_other_is_not() {
    let patience = Duration::from_secs(1);
    let receiver = Receiver::start_with(|it| {
        it.tenant_rate = 10;
        it.request_timeout = patience * 6;
    })
    .await;
    let (quiet, loud) = (receiver.tenant().await, receiver.tenant().await);
    assert!(flood(&quiet, 1).await[0].status().is_success());
    let started = Instant::now();
    let (answers, others) = tokio::join!(flood(&loud, 300), flood(&quiet, 5));
    let mut refused: Vec<Response> = answers.into_iter().filter(|it| it.status() != 200).collect();
    // Two are let through at once, ten wait, and a few more are in time where sending takes long.
    assert!((270..=288).contains(&refused.len()), "{} were refused", refused.len());
    assert!(started.elapsed() >= patience, "they were refused at once, within {:?}", started.elapsed());
    let one = refused.remove(0);
    assert_eq!(one.headers()["retry-after"], "10");
    let body: Value = one.json().await.unwrap();
    assert_eq!(body["status"], "429");
    for answer in others {
        assert_eq!(answer.status(), 200);
    }
    receiver.stop().await;
}

#[tokio::test]
async fn beside_another_tenant_bulk_requests_wait_for_what_is_in_them() {
    let receiver = Receiver::start_with(|it| it.tenant_rate = 40).await;
    let (quiet, loud) = (receiver.tenant().await, receiver.tenant().await);
    assert!(flood(&quiet, 1).await[0].status().is_success());
    let operation = json!({ "method": "DELETE", "path": "/Users/nobody" });
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": vec![operation; 20],
    });
    let started = Instant::now();
    for _ in 0..2 {
        let bulk = ask("POST", &loud, "/Bulk").bearer_auth(&loud.token).json(&body);
        assert_eq!(answer(bulk).await.status(), 200);
    }
    // Twenty writes are eighty reads, two seconds of its share.
    assert!(started.elapsed() >= Duration::from_millis(1800), "it took {:?}", started.elapsed());
    receiver.stop().await;
}

#[tokio::test]
async fn a_tenant_that_is_alone_is_not_held_back() {
    let receiver = Receiver::start_with(|it| it.tenant_rate = 10).await;
    let tenant = receiver.tenant().await;
    for answer in flood(&tenant, 100).await {
        assert_eq!(answer.status(), 200);
    }
    receiver.stop().await;
}
