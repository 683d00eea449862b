//! Users and teams that people declare beside an identity provider: whose name is it, and who may write it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on has failed")]

#[path = "support/operator.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod operator;

use k8s_openapi::{
    api::{
        coordination::v1::Lease,
        core::v1::Secret,
        rbac::v1::{RoleBinding, Subject},
    },
    apimachinery::pkg::apis::meta::v1::Condition,
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, PostParams},
};
use operator::{Operator, eventually, plane};
use reqwest::Method;
use rollcall::api::{DownstreamApp, ScimTenant, ScimTenantSpec, User, names};
use serde_json::{Value, json};

/// An operator with one tenant, whose identity provider we are.
struct Fixture {
    operator: Operator,
    token: String,
    users: Api<User>,
}

impl Fixture {
    async fn new() -> Self {
        let operator = Operator::start().await;
        let (client, namespace) = (operator.client.clone(), operator.namespace.clone());
        let tenants: Api<ScimTenant> = Api::namespaced(client.clone(), &namespace);
        let tenant = ScimTenant::new("okta", ScimTenantSpec::default());
        tenants.create(&PostParams::default(), &tenant).await.unwrap();
        let secrets: Api<Secret> = Api::namespaced(client.clone(), &namespace);
        let token = eventually("the tenant's Secret", || async {
            let data = secrets.get_opt("okta-default").await.unwrap()?.data?;
            Some(String::from_utf8(data.get("token")?.0.clone()).unwrap())
        });
        Self { token: token.await, users: Api::namespaced(client, &namespace), operator }
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}/scim/{}/okta/v2{path}", self.operator.url, self.operator.namespace);
        let request = reqwest::Client::new().request(method, url).bearer_auth(&self.token).json(&body);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    async fn create(&self, user_name: &str) -> (u16, Value) {
        self.ask(Method::POST, "/Users", json!({ "userName": user_name })).await
    }

    /// The ids of the users of this name.
    async fn named(&self, user_name: &str) -> Vec<String> {
        let path = format!("/Users?filter=userName%20eq%20%22{user_name}%22");
        let (status, list) = self.ask(Method::GET, &path, Value::Null).await;
        assert_eq!(status, 200, "{list}");
        let all = list["Resources"].as_array().cloned().unwrap_or_default();
        all.iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
    }

    async fn until_named(&self, user_name: &str, expected: &[&str]) {
        eventually(&format!("{expected:?} are {user_name}"), || async {
            (self.named(user_name).await == expected).then_some(())
        })
        .await;
    }

    /// Applies a manifest as people do from Git; gives back what kubectl complains about.
    fn apply(&self, kind: &str, name: &str, annotations: &Value, spec: &Value) -> Result<(), String> {
        let manifest = json!({
            "apiVersion": "rollcall.dev/v1alpha1",
            "kind": kind,
            "metadata": {"name": name, "namespace": self.operator.namespace, "annotations": annotations},
            "spec": spec,
        });
        plane().apply(&manifest.to_string()).map(drop).map_err(|error| error.to_string())
    }

    fn declare(&self, name: &str, user_name: &str) {
        let spec = json!({"tenantRef": {"name": "okta"}, "userName": user_name, "active": true});
        self.apply("User", name, &json!({}), &spec).unwrap();
    }

    /// The holders of claims.
    async fn holders(&self) -> Vec<String> {
        let leases: Api<Lease> = Api::namespaced(self.operator.client.clone(), &self.operator.namespace);
        let claims = leases.list(&ListParams::default().labels(names::LABEL_CLAIM)).await.unwrap();
        claims.into_iter().map(|it| it.spec.unwrap().holder_identity.unwrap()).collect()
    }

    async fn until_holders_are(&self, expected: &[&str]) {
        eventually(&format!("{expected:?} have claims"), || async {
            (self.holders().await == expected).then_some(())
        })
        .await;
    }

    async fn condition(&self, user: &str, type_: &str, status: &str) -> Condition {
        eventually(&format!("{type_} of {user} is {status}"), || async {
            let conditions = self.users.get(user).await.unwrap().status?.conditions;
            conditions.into_iter().find(|it| it.type_ == type_ && it.status == status)
        })
        .await
    }

    async fn end(mut self) {
        assert!(self.operator.stop().await, "the operator ended badly");
        let log = self.operator.log().to_lowercase();
        assert!(!log.contains("forbidden"), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declared_name_is_claimed_and_given_back() {
    let it = Fixture::new().await;
    it.declare("ada", "ada@example.com");
    it.until_holders_are(&["ada"]).await;
    let (status, error) = it.create("ADA@example.com").await;
    assert_eq!((status, error["scimType"].as_str()), (409, Some("uniqueness")));

    it.declare("ada", "countess@example.com");
    it.until_named("ada@example.com", &[]).await;
    assert_eq!(it.create("countess@example.com").await.0, 409);
    it.until_holders_are(&["ada"]).await;
    let (status, other) = it.create("ada@example.com").await;
    assert_eq!(status, 201, "{other}");

    it.users.delete("ada", &DeleteParams::default()).await.unwrap();
    it.until_holders_are(&[other["id"].as_str().unwrap()]).await;
    assert_eq!(it.create("countess@example.com").await.0, 201);
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_declared_while_nobody_led_is_claimed_by_the_next_leader() {
    let mut it = Fixture::new().await;
    it.declare("gone", "gone@example.com");
    it.until_holders_are(&["gone"]).await;
    assert!(it.operator.stop().await);
    it.declare("ada", "ada@example.com");
    it.users.delete("gone", &DeleteParams::default()).await.unwrap();
    it.operator.launch().await;
    // Its own claim, and the one that nobody released.
    eventually("ada has a claim", || async { it.holders().await.contains(&"ada".to_owned()).then_some(()) })
        .await;
    assert_eq!(it.create("ada@example.com").await.0, 409);
    assert_eq!(it.create("gone@example.com").await.0, 201);
    // Nothing stands in the place of what was declared, so it can be declared again, under another name.
    it.declare("gone", "back@example.com");
    it.until_named("back@example.com", &["gone"]).await;
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_declared_and_no_app_is_about_goes_at_once_also_while_nobody_leads() {
    let mut it = Fixture::new().await;
    it.declare("ada", "ada@example.com");
    it.declare("eve", "eve@example.com");
    it.until_named("ada@example.com", &["ada"]).await;
    it.until_named("eve@example.com", &["eve"]).await;
    let gone = async |name: &str| {
        it.users.delete(name, &DeleteParams::default()).await.unwrap();
        it.users.get_opt(name).await.unwrap().is_none()
    };
    assert!(gone("ada").await, "nothing keeps her");
    assert!(it.operator.stop().await);
    assert!(gone("eve").await, "nor her");
    it.operator.launch().await;
    assert_eq!(it.create("eve@example.com").await.0, 201);
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declared_twin_is_kept_back_until_the_name_is_free() {
    let it = Fixture::new().await;
    let (_, grace) = it.create("grace@example.com").await;
    let grace = grace["id"].as_str().unwrap();
    it.declare("twin", "Grace@Example.com");
    let conflict = it.condition("twin", "NameConflict", "True").await;
    assert!(
        conflict.message.contains(grace) && !conflict.message.contains("example"),
        "{}",
        conflict.message
    );
    assert_eq!(it.condition("twin", "Ready", "False").await.reason, "NameConflict");
    it.until_named("grace@example.com", &[grace]).await;
    assert_eq!(it.ask(Method::GET, "/Users/twin", Value::Null).await.0, 404);
    assert_eq!(it.ask(Method::GET, "/Users", Value::Null).await.1["totalResults"], 1);

    assert_eq!(it.ask(Method::DELETE, &format!("/Users/{grace}"), Value::Null).await.0, 204);
    it.condition("twin", "NameConflict", "False").await;
    it.condition("twin", "Ready", "True").await;
    it.until_named("grace@example.com", &["twin"]).await;
    assert_eq!(it.create("grace@example.com").await.0, 409);
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_twin_that_is_renamed_is_shown() {
    let it = Fixture::new().await;
    it.declare("first", "ada@example.com");
    it.until_holders_are(&["first"]).await;
    it.declare("second", "ADA@example.com");
    it.condition("second", "NameConflict", "True").await;
    it.declare("second", "lovelace@example.com");
    it.until_named("lovelace@example.com", &["second"]).await;
    it.condition("second", "Ready", "True").await;
    assert_eq!(it.named("ada@example.com").await, ["first"]);
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declared_twin_of_a_team_grants_nothing() {
    let it = Fixture::new().await;
    let namespace = it.operator.namespace.clone();
    let eve = it.create("eve@example.com").await.1["id"].as_str().unwrap().to_owned();
    let ada = it.create("ada@example.com").await.1["id"].as_str().unwrap().to_owned();
    let group = json!({"displayName": "Ops", "members": [{"value": ada}]});
    assert_eq!(it.ask(Method::POST, "/Groups", group).await.0, 201);
    let tenant = json!({"name": "okta"});
    let spec = json!({"tenantRef": tenant, "displayName": "OPS", "membership": {"count": 1, "added": [eve]}});
    it.apply("Team", "twin", &json!({}), &spec).unwrap();
    let teams: Api<rollcall::api::Team> = Api::namespaced(it.operator.client.clone(), &namespace);
    eventually("the twin is found out", || async {
        let conditions = teams.get("twin").await.unwrap().status?.conditions;
        conditions.into_iter().find(|it| it.type_ == "NameConflict" && it.status == "True")
    })
    .await;
    let grant =
        json!({"team": "ops", "roleRef": {"kind": "ClusterRole", "name": "view"}, "namespaces": [namespace]});
    let rbac = json!({"subjects": {"prefix": "okta:"}, "grants": [grant]});
    it.apply("DownstreamApp", "cluster", &json!({}), &json!({"tenantRef": tenant, "rbac": rbac})).unwrap();
    let apps: Api<DownstreamApp> = Api::namespaced(it.operator.client.clone(), &namespace);
    eventually("the app is in sync", || async {
        let conditions = apps.get("cluster").await.unwrap().status?.conditions;
        conditions.into_iter().find(|it| it.type_ == "Ready" && it.status == "True")
    })
    .await;
    let bindings: Api<RoleBinding> = Api::namespaced(it.operator.client.clone(), &namespace);
    let subjects = eventually("somebody has the role", || async {
        let ours = ListParams::default().labels(names::LABEL_APP);
        let all = bindings.list(&ours).await.unwrap().into_iter();
        let subjects: Vec<Subject> = all.flat_map(|it| it.subjects.unwrap_or_default()).collect();
        (!subjects.is_empty()).then_some(subjects)
    })
    .await;
    let names: Vec<&str> = subjects.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["okta:ada@example.com"]);
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_declare_is_read_and_not_written() {
    let it = Fixture::new().await;
    it.declare("ada", "ada@example.com");
    it.until_named("ada@example.com", &["ada"]).await;
    let put = json!({"userName": "ada@example.com", "active": false});
    for (method, body) in [(Method::PUT, put), (Method::DELETE, Value::Null)] {
        let (status, error) = it.ask(method, "/Users/ada", body).await;
        assert_eq!(status, 403, "{error}");
        assert!(error["detail"].as_str().unwrap().contains("declared in the cluster"), "{error}");
    }
    assert!(it.users.get("ada").await.unwrap().spec.active);
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_hand_over_is_the_identity_providers_from_its_first_write_on() {
    let it = Fixture::new().await;
    let handed_over = json!({names::ANNOTATION_ADOPT: "true"});
    let spec = |active: bool| {
        json!({"tenantRef": {"name": "okta"}, "userName": "ada@example.com", "active": active,
            "title": "Countess"})
    };
    it.apply("User", "ada", &handed_over, &spec(true)).unwrap();
    it.until_named("ada@example.com", &["ada"]).await;
    assert_eq!(it.create("ada@example.com").await.0, 409);
    assert_eq!(it.named("ada@example.com").await, ["ada"]);
    let ada = it.users.get("ada").await.unwrap();
    assert!(ada.finalizers().is_empty(), "nothing keeps whom no app is about");

    let out = json!({"Operations": [{"op": "replace", "path": "active", "value": false}]});
    let (status, answer) = it.ask(Method::PATCH, "/Users/ada", out).await;
    assert_eq!((status, &answer["active"]), (200, &json!(false)), "{answer}");
    let ada = it.users.get("ada").await.unwrap();
    assert!(!ada.spec.active);
    assert_eq!(ada.labels()[names::LABEL_ORIGIN], names::ORIGIN_RECEIVER);
    assert_eq!(ada.finalizers(), [names::FINALIZER_REVOKE]);

    // Git can't let her in again by accident.
    let complaint = it.apply("User", "ada", &handed_over, &spec(true)).unwrap_err();
    assert!(complaint.contains("\"rollcall\"") && complaint.contains(": .spec\n"), "{complaint}");
    assert!(!it.users.get("ada").await.unwrap().spec.active);
    it.apply("User", "ada", &handed_over, &spec(false)).unwrap();

    let put = json!({"userName": "countess@example.com", "active": true});
    assert_eq!(it.ask(Method::PUT, "/Users/ada", put).await.0, 200);
    assert_eq!(it.users.get("ada").await.unwrap().spec.title, None);
    it.until_holders_are(&["ada"]).await;
    assert_eq!(it.create("ada@example.com").await.0, 201);
    assert_eq!(it.ask(Method::DELETE, "/Users/ada", Value::Null).await.0, 204);
    eventually("she is gone", || async { it.users.get_opt("ada").await.unwrap().is_none().then_some(()) })
        .await;
    it.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_was_lost_is_made_again() {
    let mut it = Fixture::new().await;
    let ada = it.create("ada@example.com").await.1["id"].as_str().unwrap().to_owned();
    it.until_holders_are(&[&ada]).await;
    assert!(it.operator.stop().await);
    let leases: Api<Lease> = Api::namespaced(it.operator.client.clone(), &it.operator.namespace);
    let claims = ListParams::default().labels(names::LABEL_CLAIM);
    leases.delete_collection(&DeleteParams::default(), &claims).await.unwrap();
    it.operator.launch().await;
    it.until_holders_are(&[&ada]).await;
    it.end().await;
}
