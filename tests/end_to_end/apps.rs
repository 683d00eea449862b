//! What reaches the apps, and what the statuses say of it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    operator::{eventually, plane},
    world::{Server, World, kubectl},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_push_from_okta_reaches_every_app_and_a_deactivation_reaches_them_promptly() {
    let world = World::start().await;
    let (chat, wiki) = (Server::scim2_server().await, Server::scimmy().await);
    world.scim_app("chat", &chat.proxy.base_url(), &chat.peer.token, json!({})).await;
    world.scim_app("wiki", &wiki.proxy.base_url(), &wiki.peer.token, json!({})).await;
    world.rbac_app("cluster", json!({})).await;

    let (ada, grace) = (world.user("push-ada").await, world.user("push-grace").await);
    let team = world.group(&world.platform(), &[&ada, &grace]).await;
    world.until_can_view("push-ada", true).await;
    for server in [&chat, &wiki] {
        server.until_members(&world.platform(), &["push-ada", "push-grace"]).await;
        assert_eq!(server.account("push-ada").await["active"], json!(true));
    }
    for app in ["chat", "wiki", "cluster"] {
        let row = world.row("user", &ada, app, |row| row["state"] == "Granted").await;
        assert_eq!(row["revision"], 1, "{row}");
        world.row("team", &team, app, |row| row["state"] == "Granted").await;
        world
            .app_status(app, |status| status["users"] == 2 && status["teams"] == 1 && status["failing"] == 0)
            .await;
    }

    world.deactivate(&ada).await;
    tokio::join!(
        world.until_can_view("push-ada", false),
        chat.until_active("push-ada", false),
        wiki.until_active("push-ada", false)
    );
    assert!(world.can_view("push-grace").await, "somebody else's access is not touched");
    for app in ["chat", "wiki", "cluster"] {
        let row = world.row("user", &ada, app, |row| row["state"] == "Revoked").await;
        assert_eq!(row["revision"], 2, "{row}");
    }
    eventually("the user's status sums it up", || async {
        (world.object("user", &ada).await["status"]["summary"] == "3/3").then_some(())
    })
    .await;

    world.patch(&format!("/Users/{ada}"), json!([{"op": "replace", "value": {"active": true}}])).await;
    world.until_can_view("push-ada", true).await;
    chat.until_active("push-ada", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn membership_follows_every_change_of_a_group() {
    let world = World::start().await;
    let chat = Server::scim2_server().await;
    world.scim_app("chat", &chat.proxy.base_url(), &chat.peer.token, json!({})).await;
    world.rbac_app("cluster", json!({})).await;
    let (ada, bob) = (world.user("move-ada").await, world.user("move-bob").await);
    let team = world.group("Movers", &[&ada]).await;
    chat.until_members("Movers", &["move-ada"]).await;
    assert!(!world.can_view("move-ada").await, "another team's role");

    let group = format!("/Groups/{team}");
    world
        .patch(&group, json!([{"op": "replace", "value": {"id": team, "displayName": world.platform()}}]))
        .await;
    world.until_can_view("move-ada", true).await;
    let replace = json!([{"op": "remove", "path": format!("members[value eq \"{ada}\"]")},
        {"op": "add", "path": "members", "value": [{"value": bob}]}]);
    world.patch(&group, replace).await;
    tokio::join!(world.until_can_view("move-ada", false), world.until_can_view("move-bob", true));
    chat.until_members(&world.platform(), &["move-bob"]).await;
    world.row("user", &ada, "cluster", |row| row["state"] == "Revoked").await;

    world.send(Method::DELETE, &group, Value::Null).await;
    world.until_can_view("move-bob", false).await;
    eventually("the team is gone once every app has revoked", || async {
        world.object("team", &team).await.is_null().then_some(())
    })
    .await;
    assert_eq!(
        chat.members(&world.platform()).await,
        Vec::<String>::new(),
        "the group is retained, without members"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_is_repaired_and_what_is_not_ours_stays() {
    let world = World::start().await;
    let chat = Server::scim2_server().await;
    let often = json!({"resyncInterval": "2s"});
    world.scim_app("chat", &chat.proxy.base_url(), &chat.peer.token, often.clone()).await;
    world.rbac_app("cluster", often).await;
    let foreign = chat
        .change(
            Method::POST,
            "/Users",
            json!({"userName": "drift-foreign",
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"]}),
        )
        .await;
    let ada = world.user("drift-ada").await;
    world.group(&world.platform(), &[&ada]).await;
    world.until_can_view("drift-ada", true).await;
    chat.until_active("drift-ada", true).await;

    kubectl(&["delete", "rolebinding", "--all", "-n", &world.shop()]).await;
    let account = chat.account("drift-ada").await;
    let path = format!("/Users/{}", account["id"].as_str().unwrap());
    let deactivate = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "replace", "path": "active", "value": false}]});
    chat.change(Method::PATCH, &path, deactivate).await;
    eventually("the binding is back", || async { world.can_view("drift-ada").await.then_some(()) }).await;
    eventually("the account is active again", || async {
        (chat.account("drift-ada").await["active"] == true).then_some(())
    })
    .await;
    assert_eq!(chat.account("drift-foreign").await["id"], foreign["id"], "a foreign account is not touched");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_lets_people_in_and_out() {
    let world = World::start().await;
    let chat = Server::scim2_server().await;
    let scope = json!({"scope": {"teams": ["scope-writers"]}});
    world.scim_app("chat", &chat.proxy.base_url(), &chat.peer.token, scope).await;
    let (ada, bob) = (world.user("scope-ada").await, world.user("scope-bob").await);
    let team = world.group("Scope-Writers", &[&ada]).await;
    let other = world.group("scope-readers", &[&bob]).await;
    chat.until_members("Scope-Writers", &["scope-ada"]).await;
    assert!(chat.account("scope-bob").await.is_null(), "nobody outside of the scope");
    assert!(chat.group("scope-readers").await.is_null(), "no team outside of the scope");
    assert!(world.object("team", &other).await["status"]["apps"].is_null());

    let group = format!("/Groups/{team}");
    world.patch(&group, json!([{"op": "replace", "path": "members", "value": [{"value": bob}]}])).await;
    chat.until_active("scope-bob", true).await;
    chat.until_active("scope-ada", false).await;
    chat.until_members("Scope-Writers", &["scope-bob"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_app_neither_grants_nor_revokes_until_it_goes_on() {
    let world = World::start().await;
    world.rbac_app("cluster", json!({})).await;
    let ada = world.user("pause-ada").await;
    let team = world.group(&world.platform(), &[&ada]).await;
    world.until_can_view("pause-ada", true).await;
    world.rbac_app("cluster", json!({"suspend": true})).await;
    let suspended = |status: &Value| status["conditions"][0]["reason"] == "Suspended";
    world.app_status("cluster", suspended).await;
    let bob = world.user("pause-bob").await;
    world.deactivate(&ada).await;
    let add = json!([{"op": "add", "path": "members", "value": [{"value": bob}]}]);
    world.patch(&format!("/Groups/{team}"), add).await;
    // The other app acts on the same changes, so when it has, this one would have had the time.
    let chat = Server::scim2_server().await;
    world.scim_app("chat", &chat.proxy.base_url(), &chat.peer.token, json!({})).await;
    chat.until_members(&world.platform(), &["pause-bob"]).await;
    assert!(world.can_view("pause-ada").await && !world.can_view("pause-bob").await);

    world.rbac_app("cluster", json!({"suspend": false})).await;
    eventually("it goes on", || async {
        (!world.can_view("pause-ada").await && world.can_view("pause-bob").await).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_in_what_can_be_no_namespace_is_refused_by_the_api_server() {
    let world = World::start().await;
    let app = |namespace: &str| {
        json!({"apiVersion": "rollcall.dev/v1alpha1", "kind": "DownstreamApp",
            "metadata": {"name": "cluster", "namespace": world.namespace()},
            "spec": {"tenantRef": {"name": "okta"}, "rbac": {"subjects": {"prefix": "okta:"}, "grants": [
                {"team": "ops", "roleRef": {"kind": "ClusterRole", "name": "view"}, "namespaces": [namespace]}]}}})
        .to_string()
    };
    for bad in ["../kube-system", "a.b", "A", "-a", "a-"] {
        let refused = plane().apply(&app(bad)).unwrap_err().to_string();
        assert!(refused.contains("namespaces"), "{bad}: {refused}");
    }
    plane().apply(&app("shop-1")).unwrap();
}
