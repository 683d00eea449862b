//! A tenant that floods slows down itself alone.

use futures::future::join_all;
use reqwest::Response;
use serde_json::Value;

use crate::{answer, ask, endpoint::Endpoint, support::Receiver};

/// The answers to so many reads at once.
async fn flood(tenant: &Endpoint, reads: usize) -> Vec<Response> {
    let read = || answer(ask("GET", tenant, "/Users?count=1").bearer_auth(&tenant.token));
    join_all((0..reads).map(|_| read())).await
}

#[tokio::test]
async fn beside_another_tenant_a_flood_is_refused_and_the_other_is_not() {
    let receiver = Receiver::start_with(|it| it.tenant_rate = 10).await;
    let (quiet, loud) = (receiver.tenant().await, receiver.tenant().await);
    assert!(flood(&quiet, 1).await[0].status().is_success());
    let answers = flood(&loud, 300).await;
    let mut refused: Vec<Response> = answers.into_iter().filter(|it| it.status() != 200).collect();
    // Ten are let through at once, twenty wait, and a few more are in time where sending takes long.
    assert!((100..=270).contains(&refused.len()), "{} were refused", refused.len());
    let one = refused.remove(0);
    let wait: u64 = one.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((2..=4).contains(&wait), "{wait}");
    let body: Value = one.json().await.unwrap();
    assert_eq!(body["status"], "429");
    for answer in flood(&quiet, 5).await {
        assert_eq!(answer.status(), 200);
    }
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
