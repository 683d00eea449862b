//! An API server that is down.

use std::time::{Duration, Instant};

use rollcall_dev::{Component, ControlPlane, Options};
use serde_json::{Value, json};

use crate::{
    PATIENCE, answer, ask,
    endpoint::Endpoint,
    support::{Receiver, granted, install_crds, new_namespace},
};

#[tokio::test]
async fn a_stopped_api_server_is_answered_503_and_nothing_of_the_request_stays() {
    let (plane, namespace) = breakable_plane().await;
    let receiver = Receiver::start_on(&plane, namespace, |_| ()).await;
    let tenant = receiver.tenant().await;
    let create = || {
        let request = ask("POST", &tenant, "/Users").bearer_auth(&tenant.token);
        request.json(&json!({ "userName": "durable@example.com" })).timeout(Duration::from_mins(1))
    };

    plane.kill(Component::ApiServer).unwrap();
    let response = create().send().await.unwrap();
    assert_eq!(response.status(), 503);
    assert!(response.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() > 0);
    let found = answer(ask("GET", &tenant, "/Users").bearer_auth(&tenant.token)).await;
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

#[tokio::test]
async fn a_receiver_that_has_read_nothing_yet_believes_no_token_wrong_and_no_user_missing() {
    let (plane, namespace) = breakable_plane().await;
    let rights = granted(&plane, &namespace).await;
    plane.kill(Component::ApiServer).unwrap();
    let receiver = Receiver::launch_on(&plane, namespace.clone(), rights, |_| ()).await;
    let url = format!("http://{}/scim/{namespace}/okta/v2", receiver.authority());
    let tenant = Endpoint { url, token: "whichever".to_owned() };
    let response = answer(ask("GET", &tenant, "/Users").bearer_auth(&tenant.token)).await;
    assert_eq!(response.status(), 503);
    assert!(response.headers().contains_key("retry-after"));
    receiver.stop().await;
}

#[tokio::test]
async fn a_write_whose_client_hangs_up_is_not_left_half_done() {
    let (plane, namespace) = breakable_plane().await;
    let receiver = Receiver::start_on(&plane, namespace, |_| ()).await;
    let tenant = receiver.tenant().await;
    plane.pause(Component::ApiServer).unwrap();
    let request = ask("POST", &tenant, "/Users").bearer_auth(&tenant.token);
    let request = request.json(&json!({ "userName": "gone@example.com" }));
    // By then it has come in and is being stored, on a busy machine, too.
    let gave_up = request.timeout(Duration::from_secs(3)).send().await.unwrap_err();
    assert!(gave_up.is_timeout());
    plane.resume(Component::ApiServer).unwrap();

    let until = Instant::now() + PATIENCE;
    loop {
        let found = answer(ask("GET", &tenant, "/Users").bearer_auth(&tenant.token)).await;
        if found.json::<Value>().await.unwrap()["totalResults"] == 1 {
            break;
        }
        assert!(Instant::now() < until, "the user was never stored");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    receiver.stop().await;
}

/// A control plane of the test's own.
async fn breakable_plane() -> (ControlPlane, String) {
    let started = tokio::task::spawn_blocking(|| {
        let plane = ControlPlane::start(Options { controller_manager: false, ..Options::default() }).unwrap();
        install_crds(&plane);
        let namespace = new_namespace(&plane);
        (plane, namespace)
    });
    started.await.unwrap()
}
