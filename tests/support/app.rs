//! A third-party SCIM server with a proxy in front, and Rollcall's client of it.

use std::time::Duration;

use reqwest::Client;
use rollcall::api::ScimTarget;
use rollcall::downstream::scim::{BearerToken, ScimApp, ScimOptions};
use rollcall::downstream::{Downstream as _, Had, Has, MemberView, TeamView, UserView};
use rollcall_dev::peers::{Peer, PeerError};
use serde_json::{Map, Value, json};

use super::fault_proxy::FaultProxy;

/// One server of somebody else's, all for one test.
#[derive(Debug)]
pub struct App {
    pub peer: Peer,
    pub proxy: FaultProxy,
    pub scim: ScimApp,
    http: Client,
}

impl App {
    pub async fn start(server: fn() -> Result<Peer, PeerError>) -> Self {
        let peer = tokio::task::spawn_blocking(server).await.unwrap().unwrap();
        let proxy = FaultProxy::start(&peer.base_url).await;
        let scim = client_of(&proxy.base_url(), &peer.token);
        let http = Client::builder().no_proxy().build().unwrap();
        Self { peer, proxy, scim, http }
    }

    /// Rollcall as if it had just been started: it remembers nothing.
    pub fn restart(&mut self) {
        self.scim = client_of(&self.proxy.base_url(), &self.peer.token);
    }

    /// Asks the server itself, as another client of it would.
    pub async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut call = self
            .http
            .request(method.parse().unwrap(), format!("{}{path}", self.peer.base_url))
            .bearer_auth(&self.peer.token)
            .header("content-type", "application/scim+json");
        if let Some(body) = body {
            call = call.body(body.to_string());
        }
        let answer = call.send().await.unwrap();
        (answer.status().as_u16(), serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
    }

    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", path, None).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// Changes something behind Rollcall's back.
    pub async fn patch(&self, path: &str, operation: Value) {
        let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation] });
        let (status, body) = self.ask("PATCH", path, Some(body)).await;
        assert!(status < 300, "{path}: {status} {body}");
    }

    /// Creates something that is not Rollcall's, and gives its id.
    pub async fn create(&self, collection: &str, mut body: Value) -> String {
        let kind = collection.trim_end_matches('s');
        body["schemas"] = json!([format!("urn:ietf:params:scim:schemas:core:2.0:{kind}")]);
        let (status, body) = self.ask("POST", &format!("/{collection}"), Some(body)).await;
        assert_eq!(status, 201, "{body}");
        body["id"].as_str().unwrap().to_owned()
    }

    /// The ids of a group's members, sorted.
    pub async fn members(&self, group: &str) -> Vec<String> {
        let body = self.get(&format!("/Groups/{group}?attributes=members")).await;
        let members = body["members"].as_array().cloned().unwrap_or_default();
        let mut ids: Vec<String> = members.iter().map(|member| member["value"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    }

    /// Pushes a user whom the server does not have yet, and gives them as a member.
    pub async fn member(&self, name: &str) -> MemberView {
        let has = self.scim.apply_user(&user(name), &Had::default()).await.unwrap();
        MemberView {
            id: format!("our-{name}"),
            remote_id: has.remote_id,
            user_name: name.to_owned(),
            email: None,
            external_id: None,
        }
    }
}

/// A client with a short patience.
pub fn client_of(url: &str, token: &str) -> ScimApp {
    let target = ScimTarget {
        url: url.to_owned(),
        timeout: Some(Duration::from_secs(3).into()),
        ..ScimTarget::default()
    };
    ScimApp::new(&target, BearerToken::new(token).unwrap(), ScimOptions { allow_loopback: true }).unwrap()
}

/// An active user with a few attributes.
pub fn user(name: &str) -> UserView {
    let document = json!({
        "userName": name,
        "externalId": format!("ext-{name}"),
        "name": { "givenName": "Ada", "familyName": "Lovelace" },
        "displayName": "Ada Lovelace",
        "emails": [{ "value": name, "type": "work", "primary": true }],
    });
    UserView { id: format!("our-{name}"), active: true, document: map(document) }
}

pub fn team(name: &str, members: &[MemberView]) -> TeamView {
    TeamView {
        id: format!("our-{name}"),
        display_name: name.to_owned(),
        external_id: None,
        members: members.to_vec(),
    }
}

pub fn map(value: Value) -> Map<String, Value> {
    serde_json::from_value(value).unwrap()
}

/// What is handed back to the next call.
pub fn had(has: &Has) -> Had {
    Had { remote_id: has.remote_id.clone() }
}

/// The app's ids of members, sorted.
pub fn remote_ids(members: &[MemberView]) -> Vec<String> {
    let mut ids: Vec<String> = members.iter().map(|member| member.remote_id.clone().unwrap()).collect();
    ids.sort();
    ids
}
