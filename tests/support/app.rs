//! A third-party SCIM server with a proxy in front, and Rollcall's client of it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use reqwest::Client;
use rollcall::api::ScimTarget;
use rollcall::downstream::scim::{BearerToken, ScimApp, ScimOptions};
use rollcall::downstream::{Downstream as _, Fence, Had, Has, MemberView, TeamView, UserView};
use rollcall_dev::peers::{Peer, PeerError};
use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;

use super::fault_proxy::FaultProxy;

/// A server that the tests of one process share; it ends with the process.
#[derive(Debug)]
pub struct Shared {
    start: fn() -> Result<Peer, PeerError>,
    peer: OnceLock<Result<Peer, PeerError>>,
    crowd: OnceCell<Vec<MemberView>>,
}

/// What one test has: a proxy and a client of its own in front of a shared server, and names that no other test uses.
#[derive(Debug)]
pub struct App {
    pub peer: &'static Peer,
    pub proxy: FaultProxy,
    pub scim: ScimApp,
    shared: &'static Shared,
    http: Client,
    number: u32,
}

impl Shared {
    pub const fn new(start: fn() -> Result<Peer, PeerError>) -> Self {
        Self { start, peer: OnceLock::new(), crowd: OnceCell::const_new() }
    }

    fn peer(&self) -> &Peer {
        self.peer.get_or_init(self.start).as_ref().unwrap_or_else(|error| panic!("{error}"))
    }
}

impl App {
    pub async fn start(server: &'static Shared) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let peer = tokio::task::spawn_blocking(|| server.peer()).await.unwrap();
        let proxy = FaultProxy::start(&peer.base_url).await;
        let scim = client_of(&proxy.base_url(), &peer.token);
        let http = Client::builder().no_proxy().build().unwrap();
        Self { peer, proxy, scim, shared: server, http, number: NEXT.fetch_add(1, Ordering::Relaxed) }
    }

    /// A name that no other test uses.
    pub fn name(&self, name: &str) -> String {
        format!("{name}-{}", self.number)
    }

    pub fn user(&self, name: &str) -> UserView {
        user(&self.name(name))
    }

    pub fn team(&self, name: &str, members: &[MemberView]) -> TeamView {
        team(&self.name(name), members)
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
        let mut ids: Vec<String> =
            members.iter().map(|member| member["value"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    }

    /// Pushes that many users, and gives them as members.
    pub async fn members_of(&self, count: usize) -> Vec<MemberView> {
        let mut members = Vec::new();
        for number in 0..count {
            members.push(self.member(&format!("m{number:03}")).await);
        }
        members
    }

    /// 302 users whom several tests put into groups.
    pub async fn crowd(&self) -> &'static [MemberView] {
        self.shared.crowd.get_or_init(|| self.made_at_once(302)).await
    }

    /// As [`Self::members_of`], but without Rollcall: one request for each.
    async fn made_at_once(&self, count: usize) -> Vec<MemberView> {
        let mut members = Vec::new();
        for number in 0..count {
            let name = self.name(&format!("crowd{number:03}"));
            let remote_id = Some(self.create("Users", json!({ "userName": name })).await);
            members.push(MemberView {
                id: name.clone(),
                remote_id,
                user_name: name,
                email: None,
                external_id: None,
            });
        }
        members
    }

    /// Pushes a user whom the server does not have yet, and gives them as a member.
    pub async fn member(&self, name: &str) -> MemberView {
        let user = self.user(name);
        let has = self.scim.apply_user(&user, &Had::default()).await.unwrap();
        MemberView {
            id: user.id,
            remote_id: has.remote_id,
            user_name: self.name(name),
            email: None,
            external_id: None,
        }
    }
}

/// A client that waits for servers that are slow, as any is on a busy machine.
pub fn client_of(url: &str, token: &str) -> ScimApp {
    client_that_waits(Duration::from_secs(30), url, token)
}

/// A client of this patience.
pub fn client_that_waits(timeout: Duration, url: &str, token: &str) -> ScimApp {
    let target = ScimTarget { url: url.to_owned(), timeout: Some(timeout.into()), ..ScimTarget::default() };
    ScimApp::new(
        &target,
        BearerToken::new(token).unwrap(),
        ScimOptions { allow_loopback: true },
        Fence::open(),
    )
    .unwrap()
}

/// An active user with a few attributes.
fn user(name: &str) -> UserView {
    let document = json!({
        "userName": name,
        "externalId": format!("ext-{name}"),
        "name": { "givenName": "Ada", "familyName": "Lovelace" },
        "displayName": "Ada Lovelace",
        "emails": [{ "value": format!("{name}@example.com"), "type": "work", "primary": true }],
    });
    UserView { id: format!("our-{name}"), active: true, document: map(document), password: None }
}

fn team(name: &str, members: &[MemberView]) -> TeamView {
    TeamView {
        id: format!("our-{name}"),
        display_name: name.to_owned(),
        external_id: None,
        members: members.to_vec(),
    }
}

fn map(value: Value) -> Map<String, Value> {
    serde_json::from_value(value).unwrap()
}

/// What is handed back to the next call.
pub fn had(has: &Has) -> Had {
    Had { remote_id: has.remote_id.clone(), attributes: has.attributes.clone() }
}

/// The app's ids of members, sorted.
pub fn remote_ids(members: &[MemberView]) -> Vec<String> {
    let mut ids: Vec<String> = members.iter().map(|member| member.remote_id.clone().unwrap()).collect();
    ids.sort();
    ids
}
