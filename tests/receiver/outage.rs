//! An API server that is down.

use std::time::Duration;

use rollcall_dev::{Component, ControlPlane, Options};
use serde_json::{Value, json};

use crate::{
    answer, ask,
    support::{Receiver, install_crds, new_namespace},
};

#[tokio::test]
async fn a_stopped_api_server_is_answered_503_and_nothing_of_the_request_stays() {
    let (plane, namespace) = tokio::task::spawn_blocking(|| {
        let plane = ControlPlane::start(Options { controller_manager: false, ..Options::default() }).unwrap();
        install_crds(&plane);
        let namespace = new_namespace(&plane);
        (plane, namespace)
    })
    .await
    .unwrap();
    let receiver = Receiver::start_on(&plane, namespace, |_| ()).await;
    let tenant = receiver.tenant().await;
    let create = || {
        let request = ask(&receiver, "POST", &tenant, "/Users").bearer_auth(&tenant.token);
        request.json(&json!({ "userName": "durable@example.com" })).timeout(Duration::from_secs(60))
    };

    plane.kill(Component::ApiServer).unwrap();
    let response = create().send().await.unwrap();
    assert_eq!(response.status(), 503);
    assert!(response.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() > 0);
    let found = answer(ask(&receiver, "GET", &tenant, "/Users").bearer_auth(&tenant.token)).await;
    assert_eq!(found.json::<Value>().await.unwrap()["totalResults"], 0);

    let plane = tokio::task::spawn_blocking(|| {
        plane.start_component(Component::ApiServer).unwrap();
        plane
    });
    let plane = plane.await.unwrap();
    assert_eq!(create().send().await.unwrap().status(), 201);
    receiver.stop().await;
    drop(plane);
}
