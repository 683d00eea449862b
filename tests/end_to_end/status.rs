//! Whether statuses and metrics tell the truth, above all while something is missing.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    fault_proxy::Fault,
    operator::eventually,
    world::{Server, World, apply, id, kubectl, reason, user},
};

fn condition<'a>(status: &'a Value, kind: &str) -> &'a Value {
    let conditions = status["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    conditions.iter().find(|it| it["type"] == kind).unwrap_or(&Value::Null)
}

/// Waits until an object's `Ready` and summary are like this.
async fn until_says(world: &World, kind: &str, name: &str, ready: &str, why: &str, summary: &str) {
    eventually(&format!("{kind} says {ready} {why} {summary}"), || async {
        let status = world.object(kind, name).await["status"].clone();
        let condition = condition(&status, "Ready");
        let says = condition["status"] == ready && condition["reason"] == why && status["summary"] == summary;
        says.then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_ready_before_every_app_in_whose_scope_they_are_has_them() {
    let world = World::start().await;
    let chat = Server::scim2_server().await;
    world.scim_app("chat", &chat.proxy.base_url(), &chat.peer.token, json!({})).await;
    world.scim_app("wiki", &chat.proxy.base_url(), "wrong-token", json!({})).await;
    let ada = world.user("count-ada").await;
    let team = world.group("count-team", &[&ada]).await;
    until_says(&world, "user", &ada, "False", "Pending", "1/2").await;
    until_says(&world, "team", &team, "False", "Pending", "1/2").await;

    world.scim_app("wiki", &chat.proxy.base_url(), &chat.peer.token, json!({})).await;
    until_says(&world, "user", &ada, "True", "Applied", "2/2").await;
    until_says(&world, "team", &team, "True", "Applied", "2/2").await;

    let elsewhere = json!({"scope": {"teams": ["count-others"]}});
    world.scim_app("other", &chat.proxy.base_url(), "wrong-token", elsewhere).await;
    world.scim_app("late", &chat.proxy.base_url(), "wrong-token", json!({})).await;
    until_says(&world, "user", &ada, "False", "Pending", "2/3").await;
    until_says(&world, "team", &team, "False", "Pending", "2/3").await;
    kubectl(&["delete", "sapp", "late", "-n", world.namespace(), "--timeout=120s"]).await;
    until_says(&world, "user", &ada, "True", "Applied", "2/2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_an_app_has_not_got_yet_shows_although_nothing_is_heard_from_it() {
    let world = World::start().await;
    let chat = Server::scim2_server().await;
    world.scim_app("chat", &chat.proxy.base_url(), &chat.peer.token, json!({})).await;
    let ada = world.user("unheard-ada").await;
    until_says(&world, "user", &ada, "True", "Applied", "1/1").await;
    world.app_status("chat", |status| reason(status) == "InSync").await;
    chat.proxy.fail(Fault::retry_after(503, "600"));
    world.deactivate(&ada).await;
    world.app_status("chat", |status| reason(status) == "AppUnavailable").await;
    until_says(&world, "user", &ada, "False", "Applying", "0/1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_is_not_ready_before_it_was_asked_also_when_there_is_nothing_to_do() {
    let world = World::start().await;
    let chat = Server::scim2_server().await;
    chat.proxy.fail(Fault::Hang);
    world.scim_app("chat", &chat.proxy.base_url(), &chat.peer.token, json!({})).await;
    let status = world.app_status("chat", |status| reason(status) == "Connecting").await;
    assert_eq!(condition(&status, "Ready")["status"], "False", "{status}");
    assert!(status["lastSyncAt"].is_null(), "{status}");
    let status = world.app_status("chat", |status| reason(status) == "AppUnavailable").await;
    assert!(status["lastSyncAt"].is_null(), "{status}");
    let status = world.app_status("chat", |status| reason(status) == "InSync").await;
    assert!(status["lastSyncAt"].is_string(), "{status}");

    world.scim_app("wiki", "http://127.0.0.1:1/scim", "any-token", json!({})).await;
    let status = world.app_status("wiki", |status| reason(status) == "AppUnavailable").await;
    assert!(status["lastSyncAt"].is_null(), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_cleared_while_the_operator_was_away_is_cleared_in_the_app() {
    let mut world = World::start().await;
    let chat = Server::scim2_server().await;
    world.scim_app("chat", &chat.proxy.base_url(), &chat.peer.token, json!({})).await;
    let mut body = user("clear-ada");
    body["title"] = json!("Countess");
    body["nickName"] = json!("Enchantress");
    let ada = id(&world.send(Method::POST, "/Users", body).await);
    world.row("user", &ada, "chat", |row| row["state"] == "Granted").await;
    let account = chat.account("clear-ada").await;
    assert_eq!((&account["title"], &account["nickName"]), (&json!("Countess"), &json!("Enchantress")));
    let own = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "add", "path": "locale", "value": "en"}]});
    chat.change(Method::PATCH, &format!("/Users/{}", id(&account)), own).await;

    world.operator.kill();
    let clear = r#"{"spec":{"title":null}}"#;
    kubectl(&["patch", "suser", &ada, "-n", world.namespace(), "--type=merge", "--patch", clear]).await;
    world.operator.launch().await;
    world.row("user", &ada, "chat", |row| row["revision"] == 2).await;
    let account = chat.account("clear-ada").await;
    assert!(account["title"].is_null(), "{account}");
    assert_eq!(account["nickName"], "Enchantress", "what is still wanted stays");
    assert_eq!(account["locale"], "en", "what is the app's own stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_tenant_is_answered_503_and_its_apps_pause_until_it_goes_on() {
    let world = World::start().await;
    world.rbac_app("cluster", json!({})).await;
    let ada = world.user("tenant-ada").await;
    world.group(&world.platform(), &[&ada]).await;
    world.until_can_view("tenant-ada", true).await;
    until_says(&world, "user", &ada, "True", "Applied", "1/1").await;
    let counted =
        world.app_status("cluster", |status| reason(status) == "InSync" && status["users"] == 1).await;

    suspend(&world, true).await;
    let status = world.app_status("cluster", |status| reason(status) == "TenantSuspended").await;
    assert_eq!(condition(&status, "Ready")["status"], "False", "{status}");
    assert_eq!(status["users"], counted["users"], "what was counted stays: {status}");
    eventually("SCIM requests are refused", || async {
        (world.try_send(Method::GET, "/Users?count=0", &Value::Null).await?.0 == 503).then_some(())
    })
    .await;
    let inactive = r#"{"spec":{"active":false}}"#;
    kubectl(&["patch", "suser", &ada, "-n", world.namespace(), "--type=merge", "--patch", inactive]).await;
    // The controllers have noticed, and do nothing about it.
    until_says(&world, "user", &ada, "False", "Applying", "0/1").await;
    assert!(world.can_view("tenant-ada").await, "nothing is revoked");

    suspend(&world, false).await;
    world.until_can_view("tenant-ada", false).await;
    until_says(&world, "user", &ada, "True", "Applied", "1/1").await;
    world.app_status("cluster", |status| reason(status) == "InSync").await;
}

async fn suspend(world: &World, suspend: bool) {
    apply(&json!({"apiVersion": "rollcall.dev/v1alpha1", "kind": "ScimTenant",
        "metadata": {"name": "okta", "namespace": world.namespace()}, "spec": {"suspend": suspend}}))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_apps_are_counted_by_kind_and_outcome() {
    let world = World::start().await;
    let chat = Server::scim2_server().await;
    world.scim_app("chat", &chat.proxy.base_url(), &chat.peer.token, json!({})).await;
    world.app_status("chat", |status| reason(status) == "InSync").await;
    let refusal =
        r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"400","detail":"no"}"#;
    chat.proxy.fail_next(Method::POST, Fault::body(400, refusal));
    let ada = world.user("metric-ada").await;
    // The refusal is for her account, not for the group that is pushed next.
    world.row("user", &ada, "chat", |row| row["state"] == "Granted").await;
    world.group(&world.platform(), &[&ada]).await;
    world.rbac_app("cluster", json!({})).await;
    world.until_can_view("metric-ada", true).await;
    for (kind, call, outcome) in [
        ("scim", "probe", "ok"),
        ("scim", "apply_user", "item"),
        ("scim", "apply_user", "ok"),
        ("rbac", "probe", "ok"),
        ("rbac", "apply_team", "ok"),
    ] {
        let labels = format!(r#"{{kind="{kind}",call="{call}",outcome="{outcome}"}} "#);
        let name = format!("rollcall_downstream_calls_total{labels}");
        eventually(&name, || async { (count(&world, &name).await > 0).then_some(()) }).await;
    }
}

/// What `/metrics` says of a counter; 0 if it is not there.
async fn count(world: &World, name: &str) -> u64 {
    let text = reqwest::get(format!("{}/metrics", world.operator.admin)).await.unwrap().text().await.unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(name));
    value.and_then(|value| value.parse().ok()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_somebody_took_out_of_a_status_is_back_after_the_next_resync() {
    let world = World::start().await;
    world.rbac_app("cluster", json!({"resyncInterval": "1s"})).await;
    let ada = world.user("row-ada").await;
    let team = world.group(&world.platform(), &[&ada]).await;
    for (kind, id) in [("user", &ada), ("team", &team)] {
        world.row(kind, id, "cluster", |row| row["state"] == "Granted").await;
        let gone = r#"{"status": {"apps": null}}"#;
        let patch = ["patch", kind, id, "--subresource=status", "--type=merge", "-p", gone];
        kubectl(&[&patch[..], &["-n", world.namespace()]].concat()).await;
        world.row(kind, id, "cluster", |row| row["state"] == "Granted").await;
    }
}
