//! What people declare reaches apps, and is taken away there, whoever leads when it is deleted.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    operator::eventually,
    world::{Server, World, apply, kubectl},
};

/// What keeps an object until every app has revoked.
const REVOKE: &str = "rollcall.dev/revoke";

fn declared(world: &World, kind: &str, name: &str, mut spec: Value) -> Value {
    spec["tenantRef"] = json!({"name": "okta"});
    json!({"apiVersion": "rollcall.dev/v1alpha1", "kind": kind,
        "metadata": {"name": name, "namespace": world.namespace()}, "spec": spec})
}

async fn declare_user(world: &World, name: &str, user_name: &str) {
    apply(&declared(world, "User", name, json!({"userName": user_name, "active": true}))).await;
}

async fn finalizers(world: &World, kind: &str, name: &str) -> Value {
    world.object(kind, name).await["metadata"]["finalizers"].clone()
}

async fn until_gone(world: &World, kind: &str, name: &str) {
    eventually(&format!("the {kind} {name} is gone"), || async {
        world.object(kind, name).await.is_null().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_declared_and_is_deleted_while_nobody_leads_is_revoked_by_the_next_leader() {
    let mut world = World::start().await;
    let (chat, wiki) = (Server::scim2_server().await, Server::scimmy().await);
    world.scim_app("chat", &chat.proxy.base_url(), &chat.peer.token, json!({})).await;
    let delete = json!({"deletionPolicy": "Delete"});
    world.scim_app("wiki", &wiki.proxy.base_url(), &wiki.peer.token, delete).await;
    declare_user(&world, "ada", "git-ada").await;
    let crew = json!({"displayName": "git-crew", "membership": {"count": 1, "added": ["ada"]}});
    apply(&declared(&world, "Team", "crew", crew.clone())).await;
    for server in [&chat, &wiki] {
        server.until_members("git-crew", &["git-ada"]).await;
    }
    for (kind, name) in [("user", "ada"), ("team", "crew")] {
        assert_eq!(finalizers(&world, kind, name).await, json!([REVOKE]));
    }
    // Git, which knows of no finalizer, has nothing against it.
    declare_user(&world, "ada", "git-ada").await;
    apply(&declared(&world, "Team", "crew", crew)).await;
    assert_eq!(finalizers(&world, "user", "ada").await, json!([REVOKE]));

    assert!(world.operator.stop().await);
    kubectl(&["delete", "user/ada", "team/crew", "-n", world.namespace(), "--wait=false"]).await;
    world.operator.launch().await;
    until_gone(&world, "user", "ada").await;
    until_gone(&world, "team", "crew").await;
    assert_eq!(chat.account("git-ada").await["active"], false);
    assert!(wiki.account("git-ada").await.is_null() && wiki.group("git-crew").await.is_null());
    world.user("git-ada").await;
    chat.until_active("git-ada", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_app_has_already_is_kept_from_the_next_look_on_and_then_left_alone() {
    let mut world = World::start().await;
    let chat = Server::scim2_server().await;
    world.scim_app("chat", &chat.proxy.base_url(), &chat.peer.token, json!({"resyncInterval": "1s"})).await;
    declare_user(&world, "ada", "kept-ada").await;
    chat.until_active("kept-ada", true).await;
    world.row("user", "ada", "chat", |row| row["state"] == "Granted").await;
    assert!(world.operator.stop().await);
    let somebodys = r#"{"metadata": {"finalizers": ["example.com/somebodys"]}}"#;
    kubectl(&["patch", "user", "ada", "-n", world.namespace(), "--type=merge", "-p", somebodys]).await;
    world.operator.launch().await;
    eventually("both keep her", || async {
        let both = json!(["example.com/somebodys", REVOKE]);
        (finalizers(&world, "user", "ada").await == both).then_some(())
    })
    .await;

    let account = chat.account("kept-ada").await["id"].as_str().unwrap().to_owned();
    let looked_at_again = async || {
        chat.proxy.seen();
        eventually("she is compared with the app again", || async {
            chat.proxy.seen().iter().any(|it| it.path.contains(&account)).then_some(())
        })
        .await;
    };
    let version = async || world.object("user", "ada").await["metadata"]["resourceVersion"].clone();
    // The first may be for the finalizer, which is a change.
    looked_at_again().await;
    looked_at_again().await;
    let before = version().await;
    for _ in 0..3 {
        looked_at_again().await;
    }
    assert_eq!(version().await, before, "a resync writes nothing");
    let nobodys = r#"[{"op": "remove", "path": "/metadata/finalizers/0"}]"#;
    kubectl(&["patch", "user", "ada", "-n", world.namespace(), "--type=json", "-p", nobodys]).await;
    kubectl(&["delete", "user", "ada", "-n", world.namespace(), "--timeout=120s"]).await;
    assert_eq!(chat.account("kept-ada").await["active"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_twin_takes_nothing_away_from_whose_name_it_is() {
    let world = World::start().await;
    let (chat, wiki) = (Server::scim2_server().await, Server::scimmy().await);
    world.scim_app("chat", &chat.proxy.base_url(), &chat.peer.token, json!({})).await;
    let some = json!({"scope": {"teams": ["twin-team"]}});
    world.scim_app("wiki", &wiki.proxy.base_url(), &wiki.peer.token, some).await;
    let grace = world.user("twin-grace").await;
    world.group("twin-team", &[&grace]).await;
    wiki.until_active("twin-grace", true).await;
    declare_user(&world, "ada", "twin-ada").await;
    chat.until_active("twin-ada", true).await;
    world.row("user", "ada", "chat", |row| row["state"] == "Granted").await;

    declare_user(&world, "ada", "twin-grace").await;
    eventually("she is kept back", || async {
        let conditions = world.object("user", "ada").await["status"]["conditions"].clone();
        let all = conditions.as_array().cloned().unwrap_or_default();
        all.iter().any(|it| it["type"] == "NameConflict" && it["status"] == "True").then_some(())
    })
    .await;
    kubectl(&["delete", "user", "ada", "-n", world.namespace(), "--timeout=120s"]).await;
    assert_eq!(chat.account("twin-ada").await["active"], false, "her own account, which chat had before");
    for server in [&chat, &wiki] {
        assert_eq!(server.account("twin-grace").await["active"], true);
    }
    let shown = world.send(Method::GET, &format!("/Users/{grace}"), Value::Null).await;
    assert_eq!(shown["active"], true);
}
