//! An operator of its own behind a proxy of its own, a tenant, an app, and what a test asks of them.

use std::{collections::BTreeSet, fmt::Debug, time::Duration};

use k8s_openapi::{NamespaceResourceScope, api::rbac::v1::RoleBinding};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{ListParams, PostParams},
};
use reqwest::Method;
use rollcall::api::{
    AppliedState, AppliedTo, DownstreamApp, DownstreamAppSpec, Grant, RbacTarget, RoleRef, Subjects, Team,
    TenantRef, User,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::{
    api_proxy::ApiProxy,
    leftovers::Auditor,
    operator::{Operator, eventually, plane},
    scim::{Scim, named, patch, user},
};

/// How long a name may be blocked by what a crash has left.
const FREE_WITHIN: Duration = Duration::from_mins(1);

/// How many different groups the app grants something to, in a whole test.
const GRANTED: usize = 90;

const APP: &str = "k8s";

pub struct Lane {
    pub operator: Operator,
    pub site: Site,
}

/// All of a lane but the process that is killed.
pub struct Site {
    pub proxy: ApiProxy,
    pub client: Client,
    pub namespace: String,
    pub up: watch::Sender<bool>,
    pub auditor: Auditor,
    scim: Scim,
}

impl Lane {
    pub async fn start() -> Self {
        let mut operator = Operator::prepare().await;
        let proxy = ApiProxy::start(plane()).await;
        operator.reach_through(proxy.url());
        operator.launch().await;
        let (client, namespace) = (operator.client.clone(), operator.namespace.clone());
        let scim = Scim::connect(&client, &namespace).await;
        let shop = format!("{namespace}-shop");
        tokio::task::spawn_blocking(move || plane().kubectl(&["create", "namespace", &shop]).unwrap())
            .await
            .unwrap();
        let auditor = Auditor::start(&client, &namespace).await;
        let site = Site { proxy, client, namespace, up: watch::Sender::new(true), auditor, scim };
        site.declare_app().await;
        Self { operator, site }
    }
}

impl Site {
    /// An app that grants a role to the members of `crew` and of the groups that [`granted`] names.
    async fn declare_app(&self) {
        let teams = (0..GRANTED).flat_map(|it| [granted(it), renamed(&granted(it))]);
        let grant = |team| Grant {
            team,
            role_ref: RoleRef { name: "view".to_owned(), ..RoleRef::default() },
            namespaces: vec![format!("{}-shop", self.namespace)],
            cluster_wide: false,
        };
        let rbac = RbacTarget {
            subjects: Subjects { prefix: "okta:".to_owned(), ..Subjects::default() },
            grants: teams.chain(["crew".to_owned()]).map(grant).collect(),
        };
        let spec = DownstreamAppSpec {
            tenant_ref: TenantRef { name: "okta".to_owned() },
            rbac: Some(rbac),
            ..DownstreamAppSpec::default()
        };
        let app = DownstreamApp::new(APP, spec);
        self.api::<DownstreamApp>().create(&PostParams::default(), &app).await.unwrap();
    }

    /// Sends a request as an identity provider does: it tries again when there is no answer, or 503.
    pub async fn push(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        eventually(&format!("{method} {path} is answered"), || async {
            let answer = self.scim.send(method.clone(), path, &body).await;
            if answer.is_none() {
                self.up.subscribe().wait_for(|up| *up).await.unwrap();
            }
            answer.filter(|(status, _)| *status != 503)
        })
        .await
    }

    /// The same for a request that can't fail.
    pub async fn must(&self, method: Method, path: &str, body: Value) -> Value {
        let (status, answer) = self.push(method.clone(), path, body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    /// Creates a user or group as an identity provider does: who is there already is the one of an earlier attempt.
    pub async fn create(&self, path: &str, body: Value) -> String {
        let attribute = if path == "/Users" { "userName" } else { "displayName" };
        let name = body[attribute].as_str().unwrap().to_owned();
        match self.push(Method::POST, path, body).await {
            (201, created) => id(&created),
            (409, _) => self.only(path, attribute, &name).await,
            (status, answer) => panic!("POST {path}: {status} {answer}"),
        }
    }

    /// A new user.
    pub async fn person(&self, name: &str) -> String {
        self.create("/Users", user(name)).await
    }

    /// A new user who is a member of `crew`, and whom the app has.
    pub async fn crew_member(&self, name: &str) -> String {
        let id = self.person(name).await;
        self.join_crew(&id).await;
        self.until_granted::<User>(&id).await;
        id
    }

    /// Puts a user into `crew`, which is created for the first one.
    pub async fn join_crew(&self, id: &str) {
        let crew = self.create("/Groups", json!({"displayName": "crew"})).await;
        let add = json!([{"op": "add", "path": "members", "value": [{"value": id}]}]);
        self.must(Method::PATCH, &format!("/Groups/{crew}"), patch(&add)).await;
    }

    /// The one resource of that name; there must be exactly one.
    pub async fn only(&self, path: &str, attribute: &str, name: &str) -> String {
        let found = self.find(path, attribute, name).await;
        assert_eq!(found.len(), 1, "{path} of the name {name}");
        found[0].clone()
    }

    /// The ids of everything of that name.
    pub async fn find(&self, path: &str, attribute: &str, name: &str) -> Vec<String> {
        let list = self.must(Method::GET, &format!("{path}?{}", named(attribute, name)), Value::Null).await;
        list["Resources"].as_array().into_iter().flatten().map(id).collect()
    }

    /// Deletes as an identity provider does: what is gone was deleted by an earlier attempt.
    pub async fn delete(&self, path: &str) {
        let (status, answer) = self.push(Method::DELETE, path, Value::Null).await;
        assert!(matches!(status, 204 | 404), "DELETE {path}: {status} {answer}");
    }

    /// Creates something with a name that nobody has, and deletes it again: nothing blocks the name for long.
    pub async fn is_free(&self, path: &str, attribute: &str, name: &str) {
        assert_eq!(self.find(path, attribute, name).await, [""; 0], "{name} is used");
        let start = std::time::Instant::now();
        let mut body = if path == "/Users" { user(name) } else { json!({}) };
        body[attribute] = json!(name);
        let created = self.must(Method::POST, path, body).await;
        assert!(start.elapsed() < FREE_WITHIN, "{name} was blocked for {:?}", start.elapsed());
        self.delete(&format!("{path}/{}", id(&created))).await;
    }

    /// Members of a group, over SCIM.
    pub async fn members(&self, group: &str) -> BTreeSet<String> {
        let group = self.must(Method::GET, &format!("/Groups/{group}"), Value::Null).await;
        group["members"].as_array().into_iter().flatten().map(|it| text(&it["value"])).collect()
    }

    /// Whom the app lets in.
    pub async fn subjects(&self) -> BTreeSet<String> {
        let bindings: Api<RoleBinding> =
            Api::namespaced(self.client.clone(), &format!("{}-shop", self.namespace));
        let bindings = bindings.list(&ListParams::default()).await.unwrap().items;
        bindings.into_iter().flat_map(|it| it.subjects.unwrap_or_default()).map(|it| it.name).collect()
    }

    /// Waits until exactly these of `asked` are let in.
    pub async fn until_let_in(&self, asked: &[&str], expected: &[&str]) {
        let subject = |name: &&str| format!("okta:{name}");
        let asked: BTreeSet<String> = asked.iter().map(subject).collect();
        let expected: BTreeSet<String> = expected.iter().map(subject).collect();
        eventually(&format!("of {asked:?} the app lets in {expected:?}"), || async {
            let seen = self.subjects().await;
            (asked.intersection(&seen).cloned().collect::<BTreeSet<_>>() == expected).then_some(())
        })
        .await;
    }

    pub async fn until_granted<K: Applied>(&self, id: &str) {
        self.until_row::<K>(id, AppliedState::Granted).await;
    }

    /// Waits until the object's status says that the app has its present revision in this state.
    pub async fn until_row<K: Applied>(&self, id: &str, state: AppliedState) {
        eventually(&format!("the app has {id} as {state:?}"), || async {
            let object = self.api::<K>().get(id).await.unwrap();
            let row = object.rows().iter().find(|row| row.name == APP)?;
            (row.state == state && row.revision == object.meta().generation).then_some(())
        })
        .await;
    }

    /// Waits until the object is gone for good.
    pub async fn until_gone<K: Stored>(&self, id: &str) {
        eventually(&format!("{id} is gone"), || async {
            self.api::<K>().get_opt(id).await.unwrap().is_none().then_some(())
        })
        .await;
    }

    /// Everything of a kind that is there, but what is being deleted, and placeholders.
    pub async fn all<K: Stored>(&self, labels: &str) -> Vec<K> {
        let mut all = self.api::<K>().list(&ListParams::default().labels(labels)).await.unwrap().items;
        all.retain(|it| it.meta().deletion_timestamp.is_none());
        all
    }

    pub fn api<K: Stored>(&self) -> Api<K> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }
}

/// Any kind of object in the lane's namespace.
pub trait Stored:
    Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned + ResourceExt
{
}

impl<K> Stored for K where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned
{
}

/// An object whose status says what apps have of it.
pub trait Applied: Stored {
    fn rows(&self) -> &[AppliedTo];
}

impl Applied for User {
    fn rows(&self) -> &[AppliedTo] {
        self.status.as_ref().map_or(&[], |status| &status.apps)
    }
}

impl Applied for Team {
    fn rows(&self) -> &[AppliedTo] {
        self.status.as_ref().map_or(&[], |status| &status.apps)
    }
}

/// The name of a group that the app grants something to.
pub fn granted(number: usize) -> String {
    assert!(number < GRANTED, "the app grants to fewer groups");
    format!("group-{number}")
}

/// Another name of something, which the app grants the same to.
pub fn renamed(name: &str) -> String {
    format!("{name}-renamed")
}

pub fn id(resource: &Value) -> String {
    text(&resource["id"])
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}
