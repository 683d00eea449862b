//! One tenant, one operator, the apps behind it, and what a test asks of them.

use std::sync::OnceLock;

use reqwest::Method;
use rollcall_dev::peers::{Peer, canaille_server, scim2_server, scimmy};
use serde_json::{Value, json};

use crate::{
    access,
    fault_proxy::FaultProxy,
    operator::{Operator, eventually, plane},
    scim::{self, Scim},
};

/// A namespace with an operator, a tenant `okta`, and the namespace `<namespace>-shop` for role bindings.
pub struct World {
    pub operator: Operator,
    pub scim: Scim,
}

impl World {
    pub async fn start() -> Self {
        let mut operator = Operator::prepare().await;
        operator.arguments.push("--allow-loopback-downstream".to_owned());
        operator.launch().await;
        let namespace = operator.namespace.clone();
        let shop = format!("{namespace}-shop");
        kubectl(&["create", "namespace", &shop]).await;
        let scim = Scim::connect(&operator.client, &namespace).await;
        Self { operator, scim }
    }

    pub fn namespace(&self) -> &str {
        &self.operator.namespace
    }

    /// The namespace in which roles are granted.
    pub fn shop(&self) -> String {
        format!("{}-shop", self.namespace())
    }

    /// The team that may view the shop. The servers are shared, so no other test has a team of that name.
    pub fn platform(&self) -> String {
        format!("Platform-{}", self.namespace())
    }

    /// Sends a SCIM request. `None` if there is no answer.
    pub async fn try_send(&self, method: Method, path: &str, body: &Value) -> Option<(u16, Value)> {
        self.scim.send(method, path, body).await
    }

    /// Sends a SCIM request that must succeed.
    pub async fn send(&self, method: Method, path: &str, body: Value) -> Value {
        let (status, answer) = self.try_send(method.clone(), path, &body).await.expect("an answer");
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    /// Creates a user as Okta does; gives back the id.
    pub async fn user(&self, name: &str) -> String {
        id(&self.send(Method::POST, "/Users", user(name)).await)
    }

    /// Creates a group; gives back the id.
    pub async fn group(&self, name: &str, members: &[&str]) -> String {
        let members: Vec<String> = members.iter().map(|&id| id.to_owned()).collect();
        id(&self.send(Method::POST, "/Groups", scim::group(name, &members)).await)
    }

    pub async fn patch(&self, path: &str, operations: Value) {
        self.send(Method::PATCH, path, scim::patch(&operations)).await;
    }

    pub async fn deactivate(&self, user: &str) {
        self.patch(&format!("/Users/{user}"), json!([{"op": "replace", "value": {"active": false}}])).await;
    }

    /// Declares an app of the `scim` kind.
    pub async fn scim_app(&self, name: &str, url: &str, token: &str, more: Value) {
        apply(&json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
            "metadata": {"name": format!("{name}-token"), "namespace": self.namespace()},
            "stringData": {"token": token}}))
        .await;
        let scim = json!({"url": url, "timeout": "5s", "tokenSecretRef": {"name": format!("{name}-token")}});
        self.app(name, json!({"scim": scim}), more).await;
    }

    /// Declares an app that grants `view` in the shop to the team [`Self::platform`].
    pub async fn rbac_app(&self, name: &str, more: Value) {
        let rbac = json!({"subjects": {"prefix": "okta:"}, "grants": [{"team": self.platform().to_lowercase(),
            "roleRef": {"kind": "ClusterRole", "name": "view"}, "namespaces": [self.shop()]}]});
        self.app(name, json!({"rbac": rbac}), more).await;
    }

    async fn app(&self, name: &str, mut spec: Value, more: Value) {
        spec["tenantRef"] = json!({"name": "okta"});
        let fields = spec.as_object_mut().unwrap();
        fields.extend(more.as_object().cloned().unwrap_or_default());
        apply(&json!({"apiVersion": "rollcall.dev/v1alpha1", "kind": "DownstreamApp",
            "metadata": {"name": name, "namespace": self.namespace()}, "spec": spec}))
        .await;
    }

    /// One of our objects as it is now; `Null` if there is none.
    pub async fn object(&self, kind: &str, name: &str) -> Value {
        let (namespace, kind, name) = (self.namespace().to_owned(), kind.to_owned(), name.to_owned());
        let text = tokio::task::spawn_blocking(move || {
            let arguments = ["get", &kind, &name, "-n", &namespace, "-o", "json", "--ignore-not-found"];
            plane().kubectl(&arguments).unwrap()
        });
        serde_json::from_str(&text.await.unwrap()).unwrap_or(Value::Null)
    }

    /// All objects of a kind with these labels.
    pub async fn objects(&self, kind: &str, labels: &str) -> Vec<Value> {
        let (namespace, kind, labels) = (self.namespace().to_owned(), kind.to_owned(), labels.to_owned());
        let text = tokio::task::spawn_blocking(move || {
            plane().kubectl(&["get", &kind, "-n", &namespace, "-o", "json", "-l", &labels]).unwrap()
        });
        let list: Value = serde_json::from_str(&text.await.unwrap()).unwrap();
        list["items"].as_array().unwrap().clone()
    }

    /// Waits until an app's row in an object's status is as `expected` says.
    pub async fn row(&self, kind: &str, name: &str, app: &str, expected: impl Fn(&Value) -> bool) -> Value {
        eventually(&format!("{kind} {name} says what {app} has"), || async {
            let object = self.object(kind, name).await;
            let rows = object["status"]["apps"].as_array().cloned().unwrap_or_default();
            rows.into_iter().find(|row| row["name"] == app && expected(row))
        })
        .await
    }

    /// Waits until an app's status is as `expected` says.
    pub async fn app_status(&self, app: &str, expected: impl Fn(&Value) -> bool) -> Value {
        eventually(&format!("the status of {app}"), || async {
            let status = self.object("downstreamapp", app).await["status"].clone();
            expected(&status).then_some(status)
        })
        .await
    }

    /// Whether Kubernetes itself lets a person read Pods in the shop.
    pub async fn can_view(&self, user_name: &str) -> bool {
        let (user, question) = (format!("okta:{user_name}"), format!("get pods -n {}", self.shop()));
        tokio::task::spawn_blocking(move || access::can(plane(), &user, &question)).await.unwrap()
    }

    pub async fn until_can_view(&self, user_name: &str, expected: bool) {
        eventually(&format!("{user_name} can view the shop: {expected}"), || async {
            (self.can_view(user_name).await == expected).then_some(())
        })
        .await;
    }
}

/// Somebody else's SCIM server, with a proxy in front that can misbehave.
pub struct Server {
    pub peer: &'static Peer,
    pub proxy: FaultProxy,
    http: reqwest::Client,
}

impl Server {
    pub async fn scim2_server() -> Self {
        static PEER: OnceLock<Peer> = OnceLock::new();
        Self::of(&PEER, || scim2_server().unwrap()).await
    }

    pub async fn scimmy() -> Self {
        static PEER: OnceLock<Peer> = OnceLock::new();
        Self::of(&PEER, || scimmy().unwrap()).await
    }

    pub async fn canaille() -> Self {
        static PEER: OnceLock<Peer> = OnceLock::new();
        let server = Self::of(&PEER, || canaille_server().unwrap()).await;
        // Canaille 0.3.6 answers every list with a count with 500, as it compares the text of it with a number.
        server.proxy.leave_out("&count=1");
        server
    }

    async fn of(peer: &'static OnceLock<Peer>, start: fn() -> Peer) -> Self {
        let peer = tokio::task::spawn_blocking(move || peer.get_or_init(start)).await.unwrap();
        let proxy = FaultProxy::start(&peer.base_url).await;
        Self { peer, proxy, http: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    /// What the server itself says.
    pub async fn get(&self, path: &str) -> Value {
        let request = self.http.get(format!("{}{path}", self.peer.base_url)).bearer_auth(&self.peer.token);
        request.send().await.unwrap().json().await.unwrap_or(Value::Null)
    }

    /// Somebody changes something at the server behind our back.
    pub async fn change(&self, method: Method, path: &str, body: Value) -> Value {
        let url = format!("{}{path}", self.peer.base_url);
        let request = self.http.request(method, url).bearer_auth(&self.peer.token);
        let request = request.header("content-type", "application/scim+json").body(body.to_string());
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
        answer.json().await.unwrap_or(Value::Null)
    }

    /// The account of that name; `Null` if there is none.
    pub async fn account(&self, user_name: &str) -> Value {
        self.get(&format!("/Users?filter=userName%20eq%20%22{user_name}%22")).await["Resources"][0].clone()
    }

    /// The group of that name; `Null` if there is none.
    pub async fn group(&self, name: &str) -> Value {
        self.get(&format!("/Groups?filter=displayName%20eq%20%22{name}%22")).await["Resources"][0].clone()
    }

    /// Names of the accounts in a group.
    pub async fn members(&self, group: &str) -> Vec<String> {
        let mut names = Vec::new();
        for member in self.group(group).await["members"].as_array().unwrap_or(&Vec::new()) {
            let account = self.get(&format!("/Users/{}", member["value"].as_str().unwrap())).await;
            names.push(account["userName"].as_str().unwrap_or("?").to_owned());
        }
        names.sort();
        names
    }

    pub async fn until_active(&self, user_name: &str, expected: bool) {
        eventually(&format!("{user_name} is active at the app: {expected}"), || async {
            (self.account(user_name).await["active"] == expected).then_some(())
        })
        .await;
    }

    pub async fn until_members(&self, group: &str, expected: &[&str]) {
        eventually(&format!("{group} has {expected:?} at the app"), || async {
            (self.members(group).await == expected).then_some(())
        })
        .await;
    }
}

/// A user as Okta sends one.
pub fn user(name: &str) -> Value {
    json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name,
        "name": {"givenName": "Test", "familyName": "User"}, "displayName": format!("Test {name}"),
        "emails": [{"primary": true, "value": format!("{name}@example.com"), "type": "work"}],
        "externalId": format!("00u-{name}"), "groups": [], "password": "1mz050nq", "active": true})
}

pub fn id(resource: &Value) -> String {
    resource["id"].as_str().expect("a resource with an id").to_owned()
}

/// Why an app is ready, or is not.
pub fn reason(status: &Value) -> &str {
    status["conditions"][0]["reason"].as_str().unwrap_or_default()
}

pub async fn kubectl(arguments: &[&str]) -> String {
    let arguments: Vec<String> = arguments.iter().map(|it| (*it).to_owned()).collect();
    tokio::task::spawn_blocking(move || {
        plane().kubectl(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).unwrap()
    })
    .await
    .unwrap()
}

pub async fn apply(object: &Value) {
    let text = object.to_string();
    tokio::task::spawn_blocking(move || plane().apply(&text).unwrap()).await.unwrap();
}
