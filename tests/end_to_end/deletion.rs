//! Deleting: access always goes; things go only when somebody said so.

use futures::{StreamExt as _, stream};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    operator::eventually,
    world::{Server, World, kubectl, reason},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_user_loses_access_at_once_and_then_the_object_goes() {
    let world = World::start().await;
    let chat = Server::scim2_server().await;
    world.scim_app("chat", &chat.proxy.base_url(), &chat.peer.token, json!({})).await;
    world.rbac_app("cluster", json!({})).await;
    let ada = world.user("leave-ada").await;
    let team = world.group(&world.platform(), &[&ada]).await;
    world.until_can_view("leave-ada", true).await;
    chat.until_active("leave-ada", true).await;

    world.send(Method::DELETE, &format!("/Users/{ada}"), Value::Null).await;
    let gone = world.try_send(Method::GET, &format!("/Users/{ada}"), &Value::Null).await.unwrap();
    assert_eq!(gone.0, 404, "SCIM shows it no more, at once");
    let shown = world.send(Method::GET, &format!("/Groups/{team}"), Value::Null).await;
    assert!(shown["members"].as_array().is_none_or(Vec::is_empty), "nor as a member: {shown}");
    world.until_can_view("leave-ada", false).await;
    chat.until_active("leave-ada", false).await;
    eventually("the object is gone", || async { world.object("user", &ada).await.is_null().then_some(()) })
        .await;
    let again = world.user("leave-ada").await;
    assert_ne!(again, ada, "an id is never used again");
    eventually("the team names nobody who is gone", || async {
        (world.object("team", &team).await["spec"]["membership"]["count"] == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_a_large_group_and_of_members_who_are_deleted_at_the_same_time() {
    /// A group keeps fewer in itself.
    const MEMBERS: usize = 300;
    let world = World::start().await;
    let people = stream::iter(0..MEMBERS).map(|number| {
        let world = &world;
        async move { world.user(&format!("many-{number}")).await }
    });
    let people: Vec<String> = people.buffer_unordered(16).collect().await;
    let members: Vec<&str> = people.iter().map(String::as_str).collect();
    let [kept, deleted] = [world.group("Kept", &members).await, world.group("Deleted", &members).await];
    assert!(!slices(&world, &deleted).await.is_empty(), "it is large enough");

    let gone = stream::iter(&people[100..]).map(|id| {
        let (world, path) = (&world, format!("/Users/{id}"));
        async move { world.send(Method::DELETE, &path, Value::Null).await }
    });
    gone.buffer_unordered(16).collect::<Vec<Value>>().await;
    world.send(Method::DELETE, &format!("/Groups/{deleted}"), Value::Null).await;
    eventually("the objects are gone", || async {
        let users = world.objects("users", "").await.len();
        (users == 100 && world.object("team", &deleted).await.is_null()).then_some(())
    })
    .await;
    eventually("the slices of the group are gone", || async {
        slices(&world, &deleted).await.is_empty().then_some(())
    })
    .await;
    assert_eq!(world.object("team", &kept).await["spec"]["membership"]["count"], 100, "before they went");
    world.group("Deleted", &[]).await;
    world.user("many-299").await;
}

async fn slices(world: &World, team: &str) -> Vec<Value> {
    world.objects("membershipslices", &format!("rollcall.dev/team={team}")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_policy_delete_accounts_and_groups_go_too() {
    let world = World::start().await;
    let chat = Server::scim2_server().await;
    let delete = json!({"deletionPolicy": "Delete"});
    world.scim_app("chat", &chat.proxy.base_url(), &chat.peer.token, delete).await;
    let ada = world.user("purge-ada").await;
    let team = world.group("purge-team", &[&ada]).await;
    chat.until_members("purge-team", &["purge-ada"]).await;
    world.send(Method::DELETE, &format!("/Users/{ada}"), Value::Null).await;
    world.send(Method::DELETE, &format!("/Groups/{team}"), Value::Null).await;
    eventually("account and group are gone", || async {
        (chat.account("purge-ada").await.is_null() && chat.group("purge-team").await.is_null()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_an_app_leaves_it_as_it_is_unless_that_was_asked_for_twice() {
    let world = World::start().await;
    world.rbac_app("cluster", json!({})).await;
    let ada = world.user("app-ada").await;
    world.group(&world.platform(), &[&ada]).await;
    world.until_can_view("app-ada", true).await;
    world.row("user", &ada, "cluster", |row| row["state"] == "Granted").await;
    kubectl(&["delete", "sapp", "cluster", "-n", world.namespace(), "--timeout=120s"]).await;
    assert!(world.can_view("app-ada").await, "retained");
    eventually("no status speaks of the app any more", || async {
        world.object("user", &ada).await["status"]["apps"].is_null().then_some(())
    })
    .await;

    world.rbac_app("cluster", json!({"deletionPolicy": "Delete"})).await;
    world.row("user", &ada, "cluster", |row| row["state"] == "Granted").await;
    kubectl(&["delete", "sapp", "cluster", "-n", world.namespace(), "--wait=false"]).await;
    let status = world.app_status("cluster", |status| reason(status) == "DeletionNotConfirmed").await;
    assert!(status.to_string().contains("rollcall.dev/confirm-deletion=cluster"), "it says how: {status}");
    assert!(world.can_view("app-ada").await, "not before it is confirmed");
    let confirm = "rollcall.dev/confirm-deletion=cluster";
    kubectl(&["annotate", "sapp", "cluster", "-n", world.namespace(), confirm]).await;
    world.until_can_view("app-ada", false).await;
    eventually("the app is gone", || async {
        world.object("downstreamapp", "cluster").await.is_null().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_status_tells_of_is_taken_away_with_its_app_all_the_same() {
    let mut world = World::start().await;
    let chat = Server::scimmy().await;
    world.rbac_app("cluster", json!({"deletionPolicy": "Delete"})).await;
    let spec = json!({"deletionPolicy": "Delete"});
    world.scim_app("chat", &chat.proxy.base_url(), &chat.peer.token, spec).await;
    let ada = world.user("lost-ada").await;
    let team = world.group(&world.platform(), &[&ada]).await;
    world.until_can_view("lost-ada", true).await;
    for app in ["cluster", "chat"] {
        world.row("user", &ada, app, |row| row["state"] == "Granted").await;
    }
    world.operator.kill();
    for (kind, id) in [("user", &ada), ("team", &team)] {
        let gone = r#"{"status": null}"#;
        let patch = ["patch", kind, id, "--subresource=status", "--type=merge", "-p", gone];
        kubectl(&[&patch[..], &["-n", world.namespace()]].concat()).await;
    }
    for app in ["cluster", "chat"] {
        let confirm = format!("rollcall.dev/confirm-deletion={app}");
        kubectl(&["annotate", "sapp", app, "-n", world.namespace(), &confirm]).await;
        kubectl(&["delete", "sapp", app, "-n", world.namespace(), "--wait=false"]).await;
    }
    world.operator.launch().await;
    for app in ["cluster", "chat"] {
        eventually("the app is gone", || async {
            world.object("downstreamapp", app).await.is_null().then_some(())
        })
        .await;
    }
    world.until_can_view("lost-ada", false).await;
    assert!(chat.account("lost-ada").await.is_null());
}
