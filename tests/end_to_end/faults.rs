//! Apps that misbehave: what fails is tried again or reported, and holds up nobody else.

use reqwest::Method;
use serde_json::json;

use crate::{
    fault_proxy::{Fault, Seen},
    operator::eventually,
    world::{Server, World, apply, reason},
};

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_refuses_our_token_says_so_and_catches_up_with_a_new_one() {
    let world = World::start().await;
    let chat = Server::scim2_server().await;
    world.scim_app("chat", &chat.proxy.base_url(), "wrong-token", json!({})).await;
    world.rbac_app("cluster", json!({})).await;
    let ada = world.user("token-ada").await;
    world.group(&world.platform(), &[&ada]).await;
    world.until_can_view("token-ada", true).await;
    let status = world.app_status("chat", |status| reason(status) == "AppUnavailable").await;
    assert!(!status.to_string().contains("wrong-token"), "{status}");
    apply(&json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {"name": "chat-token", "namespace": world.namespace()},
        "stringData": {"token": chat.peer.token}}))
    .await;
    chat.until_members(&world.platform(), &["token-ada"]).await;
    world.app_status("chat", |status| reason(status) == "InSync").await;
    assert!(!world.operator.log().contains("wrong-token"), "no token in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_user_whom_an_app_rejects_holds_up_nobody_else() {
    let world = World::start().await;
    let chat = Server::scim2_server().await;
    world.scim_app("chat", &chat.proxy.base_url(), &chat.peer.token, json!({})).await;
    world.app_status("chat", |status| reason(status) == "InSync").await;
    let body = r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"400","detail":"no, not her"}"#;
    for _ in 0..2 {
        chat.proxy.fail_next(Method::POST, Fault::body(400, body));
    }
    let ada = world.user("reject-ada").await;
    let row = world.row("user", &ada, "chat", |row| row["state"] == "Failing").await;
    assert!(row["error"].as_str().unwrap().contains("no, not her"), "{row}");
    assert!(row["retryAt"].is_string(), "{row}");
    let bob = world.user("reject-bob").await;
    world.row("user", &bob, "chat", |row| row["state"] == "Granted").await;
    world.row("user", &ada, "chat", |row| row["state"] == "Granted" && row["error"].is_null()).await;
    world.app_status("chat", |status| reason(status) == "InSync" && status["failing"] == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_every_kind_are_outlived_and_remove_nothing() {
    let world = World::start().await;
    let chat = Server::scim2_server().await;
    world.scim_app("chat", &chat.proxy.base_url(), &chat.peer.token, json!({"resyncInterval": "3s"})).await;
    world.rbac_app("cluster", json!({})).await;
    let (ada, bob) = (world.user("fault-ada").await, world.user("fault-bob").await);
    let team = world.group("fault-team", &[&ada, &bob]).await;
    chat.until_members("fault-team", &["fault-ada", "fault-bob"]).await;

    let faults = [
        Fault::retry_after(429, "1"),
        Fault::status(500),
        Fault::status(503),
        Fault::body(200, "<html>garbage</html>"),
        Fault::Drop,
        Fault::LoseAnswer,
        Fault::Hang,
    ];
    for fault in faults {
        chat.proxy.fail(fault);
    }
    let eve = world.user("fault-eve").await;
    let add = json!([{"op": "add", "path": "members", "value": [{"value": eve}]}]);
    world.patch(&format!("/Groups/{team}"), add).await;
    chat.until_members("fault-team", &["fault-ada", "fault-bob", "fault-eve"]).await;
    for name in ["fault-ada", "fault-bob", "fault-eve"] {
        assert_eq!(chat.account(name).await["active"], json!(true), "{name}");
        let found = chat.get(&format!("/Users?filter=userName%20eq%20%22{name}%22")).await;
        assert_eq!(found["totalResults"], 1, "nobody twice: {name}");
    }
    eventually("everything is in sync again", || async {
        let status = world.object("downstreamapp", "chat").await["status"].clone();
        (reason(&status) == "InSync").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_joins_a_team_before_the_app_has_their_account_is_in_the_group_once_it_does() {
    let world = World::start().await;
    let chat = Server::scim2_server().await;
    world.scim_app("chat", &chat.proxy.base_url(), &chat.peer.token, json!({})).await;
    let ada = world.user("late-ada").await;
    let team = world.group("late-team", &[&ada]).await;
    chat.until_members("late-team", &["late-ada"]).await;
    chat.proxy.fail_next(Method::POST, Fault::Hang);
    let grace = world.user("late-grace").await;
    let asked = |seen: &Seen| seen.method == Method::POST && seen.body["userName"] == "late-grace";
    eventually("the app is asked for an account", || async {
        chat.proxy.writes().iter().any(asked).then_some(())
    })
    .await;
    let add = json!([{"op": "add", "path": "members", "value": [{"value": grace}]}]);
    world.patch(&format!("/Groups/{team}"), add).await;
    world.row("user", &grace, "chat", |row| row["state"] == "Granted").await;
    chat.until_members("late-team", &["late-ada", "late-grace"]).await;
}
