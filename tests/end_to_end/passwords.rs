//! Passwords on their way through: to the apps that ask, once, and readable nowhere on the way.

use base64::{Engine, engine::general_purpose::STANDARD};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    fault_proxy::Seen,
    operator::eventually,
    world::{Server, World, apply, id as new_id, kubectl, reason, user},
};

const CLEAR: &str = "correct-horse-battery-9A!";
const NEW: &str = "staple-and-another-8B?";
const OFFER: &str = "rollcall.dev/password-offer";

/// A world whose tenant keeps hashes. The chart has made a key.
async fn world() -> World {
    let world = World::start().await;
    policy(&world, "Hash").await;
    world
}

async fn policy(world: &World, policy: &str) {
    apply(&json!({"apiVersion": "rollcall.dev/v1alpha1", "kind": "ScimTenant",
        "metadata": {"name": "okta", "namespace": world.namespace()}, "spec": {"passwords": policy}}))
    .await;
    eventually("the tenant's rule is known", || async {
        let (_, config) = world.try_send(Method::GET, "/ServiceProviderConfig", &Value::Null).await?;
        (config["changePassword"]["supported"] == (policy == "Hash")).then_some(())
    })
    .await;
}

/// Gives the replicas another key.
async fn key(world: &World, seed: &str) {
    apply(&json!({"apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "rollcall-peers", "namespace": world.namespace()},
        "stringData": {"key": format!("{seed:x<64}")}}))
    .await;
}

/// Declares an app that wants passwords.
async fn app(world: &World, name: &str, server: &Server, suspend: bool) {
    let (url, token) = (server.proxy.base_url(), &server.peer.token);
    let scim = json!({"url": url, "timeout": "5s", "tokenSecretRef": {"name": format!("{name}-token")},
        "forwardPasswords": true});
    world.scim_app(name, &url, token, json!({"scim": scim, "suspend": suspend})).await;
}

async fn change(world: &World, id: &str, password: &str) {
    world.patch(&format!("/Users/{id}"), json!([{"op": "replace", "value": {"password": password}}])).await;
}

fn ada(world: &World, password: &str) -> Value {
    let mut ada = user(&format!("ada-{}", world.namespace()));
    ada["password"] = password.into();
    ada
}

/// Waits until an app's row says what became of a password.
async fn forwarded(world: &World, id: &str, app: &str, expected: impl Fn(&Value) -> bool) -> Value {
    world.row("user", id, app, |row| expected(&row["password"])).await["password"].clone()
}

async fn secret(world: &World, id: &str) -> Option<Secret> {
    let secrets: Api<Secret> = Api::namespaced(world.operator.client.clone(), world.namespace());
    secrets.get_opt(&format!("{id}-password")).await.unwrap()
}

async fn entries(world: &World, id: &str) -> Vec<String> {
    let data = secret(world, id).await.and_then(|secret| secret.data).unwrap_or_default();
    data.into_keys().collect()
}

/// Waits until no copy is left that could be opened, and nobody is told of one.
async fn until_dropped(world: &World, id: &str) {
    eventually("the sealed password is dropped", || async {
        let annotations = world.object("user", id).await["metadata"]["annotations"].clone();
        let is_offered = annotations.get(OFFER).is_some();
        (!is_offered && !entries(world, id).await.contains(&"sealed".to_owned())).then_some(())
    })
    .await;
}

/// How often a password passed on the way to an app.
fn count(seen: &[Seen], password: &str) -> usize {
    let text = |it: &Seen| format!("{} {:?} {}", it.path, it.headers, it.body);
    seen.iter().map(|it| text(it).matches(password).count()).sum()
}

/// The passwords are nowhere: neither in an object of any kind, nor in the log, nor in the metrics.
async fn are_nowhere(world: &World) {
    let kinds = kubectl(&["api-resources", "--namespaced", "--verbs=list", "-o", "name"]).await;
    let kinds: Vec<&str> = kinds.split_whitespace().collect();
    assert!(kinds.contains(&"secrets") && kinds.contains(&"events.events.k8s.io"), "{kinds:?}");
    let objects =
        kubectl(&["get", &kinds.join(","), "-n", world.namespace(), "-o", "json", "--show-managed-fields"])
            .await;
    assert!(objects.contains("argon2id"), "the objects were read");
    let metrics =
        reqwest::get(format!("{}/metrics", world.operator.admin)).await.unwrap().text().await.unwrap();
    for (place, text) in [("an object", objects), ("the log", world.operator.log()), ("the metrics", metrics)]
    {
        for clear in [CLEAR, NEW] {
            for form in [clear.to_owned(), STANDARD.encode(clear)] {
                assert!(!text.contains(&form), "{form} is in {place}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_reaches_the_app_that_asks_for_it_once_and_is_readable_nowhere() {
    let world = world().await;
    let (chat, other) = (Server::scim2_server().await, Server::scimmy().await);
    app(&world, "chat", &chat, false).await;
    world.scim_app("other", &other.proxy.base_url(), &other.peer.token, json!({})).await;

    let id = new_id(&world.send(Method::POST, "/Users", ada(&world, CLEAR)).await);
    let first = forwarded(&world, &id, "chat", |it| it["state"] == "Forwarded").await;
    are_nowhere(&world).await;
    until_dropped(&world, &id).await;
    assert_eq!(entries(&world, &id).await, ["argon2id", "offer"]);

    let before = secret(&world, &id).await.unwrap().metadata.resource_version;
    world.send(Method::PUT, &format!("/Users/{id}"), ada(&world, CLEAR)).await;
    assert_eq!(secret(&world, &id).await.unwrap().metadata.resource_version, before, "it has it already");
    change(&world, &id, NEW).await;
    forwarded(&world, &id, "chat", |it| it["state"] == "Forwarded" && it["revision"] != first["revision"])
        .await;
    until_dropped(&world, &id).await;

    let seen = chat.proxy.seen();
    assert_eq!((count(&seen, CLEAR), count(&seen, NEW)), (1, 1));
    let row = world.row("user", &id, "other", |row| row["state"] == "Granted").await;
    assert_eq!(row.get("password"), None);
    assert_eq!(count(&other.proxy.seen(), CLEAR), 0);
    are_nowhere(&world).await;
}

/// Whether a person gets a token for their password.
async fn signs_in(canaille: &Server, name: &str, password: &str) -> bool {
    let origin = canaille.peer.base_url.strip_suffix("/scim/v2").unwrap();
    let fields = [
        ("grant_type", "password"),
        ("client_id", "rollcall"),
        ("client_secret", "rollcall"),
        ("username", name),
        ("password", password),
    ];
    let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = http.post(format!("{origin}/oauth/token"));
    let request = request.header("Content-Type", "application/x-www-form-urlencoded").body(form);
    // Canaille's tokens of one second are the same, and its database refuses the second one: that says nothing of the
    // password.
    eventually("Canaille accepts or refuses a password", || async {
        let answer: Value = request.try_clone()?.send().await.unwrap().json().await.unwrap();
        match answer["error"].as_str() {
            None => Some(answer["access_token"].is_string()),
            Some("internal_server_error") => None,
            Some(error) => {
                assert_eq!(error, "invalid_request", "{answer}");
                Some(false)
            }
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_a_forwarded_password_signs_in_with_it() {
    let world = world().await;
    let canaille = Server::canaille().await;
    app(&world, "canaille", &canaille, false).await;
    let mut ada = ada(&world, CLEAR);
    let name = ada["userName"].as_str().unwrap().to_owned();
    // Canaille takes nobody without the one, and of an address nothing else.
    ada["name"]["formatted"] = "Test User".into();
    ada["emails"] = json!([{ "value": format!("{name}@example.com") }]);
    let id = new_id(&world.send(Method::POST, "/Users", ada).await);
    let first = forwarded(&world, &id, "canaille", |it| it["state"] == "Forwarded").await;
    assert!(signs_in(&canaille, &name, CLEAR).await);

    change(&world, &id, NEW).await;
    forwarded(&world, &id, "canaille", |it| {
        it["state"] == "Forwarded" && it["revision"] != first["revision"]
    })
    .await;
    assert!(signs_in(&canaille, &name, NEW).await);
    assert!(!signs_in(&canaille, &name, CLEAR).await, "the old one is over");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_waits_for_an_app_outlives_the_process_that_received_it() {
    let mut world = world().await;
    let chat = Server::scimmy().await;
    app(&world, "chat", &chat, true).await;
    let id = new_id(&world.send(Method::POST, "/Users", ada(&world, CLEAR)).await);
    assert_eq!(entries(&world, &id).await, ["argon2id", "offer", "sealed"]);
    are_nowhere(&world).await;
    world.operator.kill();
    world.operator.launch().await;
    app(&world, "chat", &chat, false).await;
    forwarded(&world, &id, "chat", |it| it["state"] == "Forwarded").await;
    until_dropped(&world, &id).await;
    assert_eq!(count(&chat.proxy.seen(), CLEAR), 1);
    are_nowhere(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_or_with_another_one_a_password_is_not_forwarded_and_the_row_says_why() {
    let world = world().await;
    kubectl(&["delete", "secret", "rollcall-peers", "-n", world.namespace()]).await;
    let chat = Server::scim2_server().await;
    app(&world, "chat", &chat, false).await;
    let id = new_id(&world.send(Method::POST, "/Users", ada(&world, CLEAR)).await);
    let told = forwarded(&world, &id, "chat", |it| it["state"] == "NotForwarded").await;
    assert!(told["error"].as_str().unwrap().contains("there is no key"), "{told}");
    world.app_status("chat", |status| status["passwordsNotForwarded"] == 1).await;
    until_dropped(&world, &id).await;

    key(&world, "one").await;
    app(&world, "chat", &chat, true).await;
    world.app_status("chat", |status| reason(status) == "Suspended").await;
    change(&world, &id, CLEAR).await;
    key(&world, "another").await;
    app(&world, "chat", &chat, false).await;
    let told = forwarded(&world, &id, "chat", |it| {
        it["error"].as_str().is_some_and(|error| error.contains("has changed since"))
    })
    .await;
    assert_eq!(told["state"], "NotForwarded");
    until_dropped(&world, &id).await;
    assert_eq!(count(&chat.proxy.seen(), CLEAR), 0);

    change(&world, &id, CLEAR).await;
    forwarded(&world, &id, "chat", |it| it["state"] == "Forwarded").await;
    assert_eq!(count(&chat.proxy.seen(), CLEAR), 1, "the same password, sent again, is passed on");
    world.app_status("chat", |status| status.get("passwordsNotForwarded").is_none()).await;
    are_nowhere(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_password_is_dropped_with_the_rule_and_with_the_user() {
    let world = world().await;
    let chat = Server::scim2_server().await;
    app(&world, "chat", &chat, true).await;
    let id = new_id(&world.send(Method::POST, "/Users", ada(&world, CLEAR)).await);
    assert_eq!(entries(&world, &id).await, ["argon2id", "offer", "sealed"]);
    policy(&world, "Discard").await;
    until_dropped(&world, &id).await;
    assert_eq!(entries(&world, &id).await, ["argon2id", "offer"]);

    policy(&world, "Hash").await;
    change(&world, &id, NEW).await;
    assert_eq!(entries(&world, &id).await, ["argon2id", "offer", "sealed"]);
    world.send(Method::DELETE, &format!("/Users/{id}"), Value::Null).await;
    eventually("no sealed password is left", || async {
        (!entries(&world, &id).await.contains(&"sealed".to_owned())).then_some(())
    })
    .await;
    let seen = chat.proxy.seen();
    assert_eq!((count(&seen, CLEAR), count(&seen, NEW)), (0, 0));
}
