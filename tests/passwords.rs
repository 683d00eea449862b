//! What becomes of passwords, with the operator as a process against a real API server: a hash in one Secret at the
//! most, and nothing anywhere in clear.

#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

#[path = "support/operator.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod operator;

use argon2::{Argon2, PasswordVerifier};
use base64::{Engine, engine::general_purpose::STANDARD};
use k8s_openapi::{
    api::core::v1::{ResourceQuota, ResourceQuotaSpec, Secret},
    apimachinery::pkg::api::resource::Quantity,
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ObjectMeta, PostParams},
};
use operator::{Operator, eventually, plane};
use rollcall::api::{PasswordPolicy, ScimTenant, ScimTenantSpec};
use serde_json::{Value, json};

const CLEAR: &str = "correct-horse-battery";
const NEW: &str = "staple-and-another";

/// A tenant, and the operator that serves it.
struct Fixture {
    operator: Operator,
    secrets: Api<Secret>,
    url: String,
    token: String,
}

impl Fixture {
    async fn new(passwords: PasswordPolicy) -> Self {
        let operator = Operator::start().await;
        let secrets: Api<Secret> = Api::namespaced(operator.client.clone(), &operator.namespace);
        let tenants: Api<ScimTenant> = Api::namespaced(operator.client.clone(), &operator.namespace);
        let spec = ScimTenantSpec { passwords: Some(passwords), ..ScimTenantSpec::default() };
        tenants.create(&PostParams::default(), &ScimTenant::new("okta", spec)).await.unwrap();
        let read = || async {
            let data = secrets.get_opt("okta-default").await.unwrap()?.data?;
            let text = |key| Some(String::from_utf8(data.get(key)?.0.clone()).unwrap());
            Some((text("url")?, text("token")?))
        };
        let (url, token) = eventually("the tenant's Secret", read).await;
        let it = Self { operator, secrets, url, token };
        eventually("the token works", || async {
            (it.send("GET", "/Users", Value::Null).await.0 == 200).then_some(())
        })
        .await;
        it
    }

    async fn send(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let mut request = reqwest::Client::new()
            .request(method.parse().unwrap(), format!("{}{path}", self.url))
            .bearer_auth(&self.token);
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        for clear in [CLEAR, NEW] {
            assert!(!text.contains(clear), "an answer holds a password: {text}");
        }
        (status, serde_json::from_str(&text).unwrap_or_default())
    }

    async fn create(&self, body: Value) -> String {
        let (status, body) = self.send("POST", "/Users", body).await;
        assert_eq!(status, 201, "{body}");
        body["id"].as_str().unwrap().to_owned()
    }

    async fn secret(&self, id: &str) -> Option<Secret> {
        self.secrets.get_opt(&format!("{id}-password")).await.unwrap()
    }

    async fn hash(&self, id: &str) -> String {
        let secret = self.secret(id).await.unwrap();
        String::from_utf8(secret.data.unwrap()["argon2id"].0.clone()).unwrap()
    }

    /// The password is nowhere: neither in an object of any kind, nor in the log.
    fn is_nowhere(&self) {
        let kinds = "scimtenants,users.rollcall.dev,teams,membershipslices,downstreamapps,leases,secrets,configmaps,\
                     events";
        let objects = plane().kubectl(&["get", kinds, "-n", &self.operator.namespace, "-o", "json"]).unwrap();
        assert!(objects.contains("okta-default"), "the objects were read");
        for clear in [CLEAR, NEW] {
            for form in [clear.to_owned(), STANDARD.encode(clear)] {
                assert!(!objects.contains(&form), "{form} is in an object");
                assert!(!self.operator.log().contains(&form), "{form} is in the log");
            }
        }
    }
}

fn ada(password: &str) -> Value {
    json!({ "userName": "ada", "password": password })
}

fn change(password: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "replace", "value": { "password": password } }],
    })
}

fn fits(password: &str, hash: &str) -> bool {
    hash.starts_with("$argon2id$") && Argon2::default().verify_password(password.as_bytes(), hash).is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_dropped_unless_the_tenant_keeps_hashes() {
    let it = Fixture::new(PasswordPolicy::Discard).await;
    let (_, config) = it.send("GET", "/ServiceProviderConfig", Value::Null).await;
    assert_eq!(config["changePassword"]["supported"], false);
    let id = it.create(ada(CLEAR)).await;
    assert_eq!(it.send("PATCH", &format!("/Users/{id}"), change(NEW)).await.0, 200);
    assert!(it.secret(&id).await.is_none());
    it.is_nowhere();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_password_only_a_hash_is_kept_and_only_in_its_secret() {
    let it = Fixture::new(PasswordPolicy::Hash).await;
    let (_, config) = it.send("GET", "/ServiceProviderConfig", Value::Null).await;
    assert_eq!(config["changePassword"]["supported"], true);
    let id = it.create(ada(CLEAR)).await;
    let path = format!("/Users/{id}");
    assert!(fits(CLEAR, &it.hash(&id).await));
    let first = it.secret(&id).await.unwrap().resource_version();

    assert_eq!(it.send("PUT", &path, ada(CLEAR)).await.0, 200);
    assert_eq!(it.secret(&id).await.unwrap().resource_version(), first, "the same password writes nothing");
    assert_eq!(it.send("PUT", &path, json!({ "userName": "ada" })).await.0, 200);
    assert!(fits(CLEAR, &it.hash(&id).await), "none in a PUT keeps what there is");

    let wrong = json!({ "userName": "ada", "password": [CLEAR, NEW] });
    assert_eq!(it.send("PUT", &path, wrong).await.0, 400);
    let filter = format!("/Users?filter=password%20eq%20%22{CLEAR}%22");
    assert_eq!(it.send("GET", &filter, Value::Null).await.0, 400);
    assert_eq!(it.send("PATCH", &path, change(NEW)).await.0, 200);
    assert!(fits(NEW, &it.hash(&id).await));
    it.is_nowhere();

    assert_eq!(it.send("DELETE", &path, Value::Null).await.0, 204);
    eventually("the Secret goes with the user", || async { it.secret(&id).await.is_none().then_some(()) })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_of_somebody_else_is_left_alone() {
    let it = Fixture::new(PasswordPolicy::Hash).await;
    let id = it.create(json!({ "userName": "ada" })).await;
    let metadata = ObjectMeta { name: Some(format!("{id}-password")), ..ObjectMeta::default() };
    let foreign = Secret { metadata, ..Secret::default() };
    it.secrets.create(&PostParams::default(), &foreign).await.unwrap();
    assert_eq!(it.send("PATCH", &format!("/Users/{id}"), change(NEW)).await.0, 503);
    assert_eq!(it.secret(&id).await.unwrap().data, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_whose_hash_can_not_be_stored_is_not_created() {
    let it = Fixture::new(PasswordPolicy::Hash).await;
    let quotas: Api<ResourceQuota> = Api::namespaced(it.operator.client.clone(), &it.operator.namespace);
    let hard = Some([("count/secrets".to_owned(), Quantity("1".into()))].into());
    let none = ResourceQuota {
        metadata: ObjectMeta { name: Some("none".into()), ..ObjectMeta::default() },
        spec: Some(ResourceQuotaSpec { hard, ..ResourceQuotaSpec::default() }),
        ..ResourceQuota::default()
    };
    quotas.create(&PostParams::default(), &none).await.unwrap();
    eventually("the quota holds", || async { quotas.get("none").await.unwrap().status?.used }).await;
    assert_eq!(it.send("POST", "/Users", ada(CLEAR)).await.0, 503);
    assert_eq!(it.send("GET", "/Users", Value::Null).await.1["totalResults"], 0);
    quotas.delete("none", &DeleteParams::default()).await.unwrap();
    let id = eventually("the same request succeeds", || async {
        let (status, body) = it.send("POST", "/Users", ada(CLEAR)).await;
        (status == 201).then(|| body["id"].as_str().unwrap().to_owned())
    })
    .await;
    assert!(fits(CLEAR, &it.hash(&id).await));
    it.is_nowhere();
}
