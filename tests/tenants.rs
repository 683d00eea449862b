//! Tenants, their tokens and their Secrets: the operator as a process against a real API server.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on has failed")]

#[path = "support/operator.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod operator;

use std::{sync::Arc, time::Duration};

use k8s_openapi::{
    ByteString,
    api::{
        coordination::v1::Lease,
        core::v1::{ResourceQuota, ResourceQuotaSpec, Secret},
        events::v1::Event,
    },
    apimachinery::pkg::{api::resource::Quantity, apis::meta::v1::Condition},
};
use kube::{
    Api,
    api::{DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams},
};
use operator::{Operator, eventually, plane};
use rollcall::{
    api::{
        DeletionPolicy, ObservedQuirk, ScimTenant, ScimTenantSpec, TenantRef, TokenRetention, TokenScope,
        TokenSpec, User, UserSpec, names,
    },
    scim::dialect::Quirk,
    store::{TenantKey, dialects::Dialects},
};
use serde_json::json;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio_util::sync::CancellationToken;

/// One tenant, and the operator that looks after it.
struct Fixture {
    operator: Operator,
    tenants: Api<ScimTenant>,
    secrets: Api<Secret>,
    http: reqwest::Client,
    _turn: Turn,
}

/// Tests run beside each other, but for one that measures: what it measures must not be how busy the others are.
static TURNS: RwLock<()> = RwLock::const_new(());

/// The right to run, beside others or alone.
enum Turn {
    Shared(#[expect(dead_code, reason = "it is held, not read")] RwLockReadGuard<'static, ()>),
    Alone(#[expect(dead_code, reason = "it is held, not read")] RwLockWriteGuard<'static, ()>),
}

impl Fixture {
    async fn new() -> Self {
        let turn = Turn::Shared(TURNS.read().await);
        Self::of(Operator::start().await, turn)
    }

    async fn alone() -> Self {
        let turn = Turn::Alone(TURNS.write().await);
        Self::of(Operator::start().await, turn)
    }

    fn of(operator: Operator, turn: Turn) -> Self {
        let tenants = Api::namespaced(operator.client.clone(), &operator.namespace);
        let secrets = Api::namespaced(operator.client.clone(), &operator.namespace);
        Self { operator, tenants, secrets, http: reqwest::Client::new(), _turn: turn }
    }

    async fn apply(&self, spec: ScimTenantSpec) -> ScimTenant {
        self.tenants.create(&PostParams::default(), &ScimTenant::new("okta", spec)).await.unwrap()
    }

    async fn change(&self, change: serde_json::Value) {
        self.tenants.patch("okta", &PatchParams::default(), &Patch::Merge(change)).await.unwrap();
    }

    async fn tenant(&self) -> ScimTenant {
        self.tenants.get("okta").await.unwrap()
    }

    async fn key(&self, secret: &str, key: &str) -> Option<String> {
        let secret = self.secrets.get_opt(secret).await.unwrap()?;
        Some(String::from_utf8(secret.data?.get(key)?.0.clone()).unwrap())
    }

    /// The token of a Secret, once there is one that `is_it`.
    async fn token_such_that(&self, secret: &str, is_it: impl Fn(&str) -> bool) -> String {
        eventually("the Secret has its token", || async {
            self.key(secret, "token").await.filter(|token| is_it(token))
        })
        .await
    }

    async fn token(&self, secret: &str) -> String {
        self.token_such_that(secret, |_| true).await
    }

    /// What a request with this token is answered.
    async fn status(&self, token: &str, path: &str) -> u16 {
        let url = format!("{}/scim/{}/okta/v2/{path}", self.operator.url, self.operator.namespace);
        self.http.get(url).bearer_auth(token).send().await.unwrap().status().as_u16()
    }

    /// Sends a request with a body.
    async fn send(
        &self,
        token: &str,
        method: reqwest::Method,
        url: String,
        body: serde_json::Value,
    ) -> reqwest::Response {
        let request = self.http.request(method, url).bearer_auth(token);
        let request = request.header("Content-Type", "application/scim+json").body(body.to_string());
        request.send().await.unwrap()
    }

    async fn answers(&self, token: &str, status: u16) {
        eventually(&format!("a request is answered {status}"), || async {
            (self.status(token, "Users").await == status).then_some(())
        })
        .await;
    }

    /// Waits until these hold a claim each on something that is no name, and nobody else does.
    async fn until_claimed(&self, holders: &[&str]) {
        let leases: Api<Lease> = Api::namespaced(self.operator.client.clone(), &self.operator.namespace);
        let labels = format!("{}=User", names::LABEL_CLAIM);
        let mut expected = holders.to_vec();
        expected.sort_unstable();
        eventually(&format!("{expected:?} have claims"), || async {
            let leases = leases.list(&ListParams::default().labels(&labels)).await.unwrap();
            let holder = |lease: Lease| lease.spec.unwrap().holder_identity.unwrap();
            let mut holders: Vec<String> = leases.into_iter().map(holder).collect();
            holders.sort();
            (holders == expected).then_some(())
        })
        .await;
    }

    async fn condition(&self, type_: &str, status: &str, reason: &str) -> Condition {
        eventually(&format!("{type_} is {status} because of {reason}"), || async {
            let conditions = self.tenant().await.status?.conditions;
            let fits = |it: &Condition| it.type_ == type_ && it.status == status && it.reason == reason;
            conditions.into_iter().find(fits)
        })
        .await
    }
}

fn named(name: &str) -> TokenSpec {
    TokenSpec { name: name.into(), ..TokenSpec::default() }
}

fn with(tokens: Vec<TokenSpec>) -> ScimTenantSpec {
    ScimTenantSpec { tokens, ..ScimTenantSpec::default() }
}

#[expect(clippy::unnecessary_wraps, reason = "this is what the fields of a spec take")]
fn seconds(seconds: u64) -> Option<kube::core::Duration> {
    Some(Duration::from_secs(seconds).into())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_tenant_has_a_working_token() {
    let it = Fixture::alone().await;
    let tenant = it.apply(ScimTenantSpec::default()).await;
    let token = it.token_such_that("okta-default", |_| true).await;
    let url = format!("{}/scim/{}/okta/v2", it.operator.url, it.operator.namespace);
    assert_eq!(it.key("okta-default", "url").await, Some(url.clone()));
    it.answers(&token, 200).await;
    let ready = it.condition("Ready", "True", "Serving").await;
    assert_eq!(ready.observed_generation, tenant.metadata.generation);
    assert_eq!(it.tenant().await.status.unwrap().endpoint, Some(url));
    let secret = it.secrets.get("okta-default").await.unwrap();
    let owner = &secret.metadata.owner_references.unwrap()[0];
    assert_eq!((Some(&owner.uid), owner.controller), (tenant.metadata.uid.as_ref(), Some(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_request_shows_in_the_status() {
    let it = Fixture::new().await;
    it.apply(ScimTenantSpec::default()).await;
    it.condition("IdentityProviderConnected", "Unknown", "NoRequestYet").await;
    let token = it.token("okta-default").await;
    it.answers(&token, 200).await;
    it.condition("IdentityProviderConnected", "True", "RequestReceived").await;
    assert!(it.tenant().await.status.unwrap().tokens[0].last_used_at.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_token_may_do_what_its_scope_says() {
    let it = Fixture::new().await;
    let users = TokenSpec { scope: vec![TokenScope::Users], ..named("users") };
    let groups = TokenSpec { scope: vec![TokenScope::Groups], ..named("groups") };
    it.apply(with(vec![users, groups])).await;
    let (users, groups) = (it.token("okta-users").await, it.token("okta-groups").await);
    it.answers(&users, 200).await;
    it.answers(&groups, 403).await;
    assert_eq!((it.status(&users, "Groups/x").await, it.status(&groups, "Groups/x").await), (403, 404));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_leaves_the_spec_stops_and_its_secret_goes() {
    let it = Fixture::new().await;
    it.apply(with(vec![named("a"), named("b")])).await;
    let (a, b) = (it.token("okta-a").await, it.token("okta-b").await);
    it.answers(&a, 200).await;
    it.change(json!({"spec": {"tokens": [{"name": "b"}]}})).await;
    it.answers(&a, 401).await;
    it.answers(&b, 200).await;
    eventually("the Secret is gone", || async {
        it.secrets.get_opt("okta-a").await.unwrap().is_none().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_token_works_until_its_overlap_ends() {
    let it = Fixture::new().await;
    it.apply(with(vec![TokenSpec { rotation_overlap: seconds(6), ..named("default") }])).await;
    let old = it.token("okta-default").await;
    it.answers(&old, 200).await;
    it.change(json!({"metadata": {"annotations": {names::ANNOTATION_ROTATE: "default"}}})).await;
    let new = it.token_such_that("okta-default", |token| token != old).await;
    it.answers(&new, 200).await;
    assert_eq!(it.status(&old, "Users").await, 200, "within the overlap");
    it.answers(&old, 401).await;
    assert_eq!(it.status(&new, "Users").await, 200);
    eventually("the annotation is gone", || async {
        let annotations = it.tenant().await.metadata.annotations.unwrap_or_default();
        (!annotations.contains_key(names::ANNOTATION_ROTATE)).then_some(())
    })
    .await;
    assert_eq!(it.key("okta-default", "token").await, Some(new), "rotated once");
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_the_secret_revokes_its_token() {
    let it = Fixture::new().await;
    it.apply(ScimTenantSpec::default()).await;
    let old = it.token("okta-default").await;
    it.answers(&old, 200).await;
    it.secrets.delete("okta-default", &DeleteParams::default()).await.unwrap();
    it.answers(&old, 401).await;
    let new = it.token_such_that("okta-default", |token| token != old).await;
    it.answers(&new, 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_secret_is_repaired_and_its_value_never_accepted() {
    let it = Fixture::new().await;
    it.apply(ScimTenantSpec::default()).await;
    let old = it.token("okta-default").await;
    let forged = rollcall::store::Token::issue().unwrap();
    let edit = json!({"stringData": {"token": forged.reveal(), "url": "http://elsewhere"}});
    it.secrets.patch("okta-default", &PatchParams::default(), &Patch::Merge(edit)).await.unwrap();
    let new = it.token_such_that("okta-default", |token| token != forged.reveal()).await;
    it.answers(&new, 200).await;
    assert_ne!(new, old);
    assert_eq!(it.status(forged.reveal(), "Users").await, 401);
    assert!(it.key("okta-default", "url").await.unwrap().starts_with(&it.operator.url));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_not_ours_is_left_alone_and_reported() {
    let it = Fixture::new().await;
    let foreign = Secret {
        metadata: ObjectMeta { name: Some("okta-default".into()), ..ObjectMeta::default() },
        data: Some([("token".to_owned(), ByteString(b"theirs".to_vec()))].into()),
        ..Secret::default()
    };
    let foreign = it.secrets.create(&PostParams::default(), &foreign).await.unwrap();
    it.apply(ScimTenantSpec::default()).await;
    let ready = it.condition("Ready", "False", "SecretNotOwned").await;
    assert!(ready.message.contains("okta-default") && ready.message.contains("delete"), "{}", ready.message);
    it.condition("Stalled", "True", "SecretNotOwned").await;
    assert_eq!(it.secrets.get("okta-default").await.unwrap(), foreign);
    it.secrets.delete("okta-default", &DeleteParams::default()).await.unwrap();
    it.condition("Ready", "True", "Serving").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_may_not_be_written_is_reported_and_tried_again() {
    let it = Fixture::new().await;
    let quotas: Api<ResourceQuota> = Api::namespaced(it.operator.client.clone(), &it.operator.namespace);
    let none = ResourceQuota {
        metadata: ObjectMeta { name: Some("none".into()), ..ObjectMeta::default() },
        spec: Some(ResourceQuotaSpec {
            hard: Some([("count/secrets".to_owned(), Quantity("0".into()))].into()),
            ..ResourceQuotaSpec::default()
        }),
        ..ResourceQuota::default()
    };
    quotas.create(&PostParams::default(), &none).await.unwrap();
    eventually("the quota holds", || async { quotas.get("none").await.unwrap().status?.hard }).await;
    it.apply(ScimTenantSpec::default()).await;
    let ready = it.condition("Ready", "False", "SecretNotWritten").await;
    assert!(ready.message.contains("okta-default") && ready.message.contains("quota"), "{}", ready.message);
    quotas.delete("none", &DeleteParams::default()).await.unwrap();
    it.condition("Ready", "True", "Serving").await;
    let token = it.token("okta-default").await;
    it.answers(&token, 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_can_be_shown_until_its_first_use_only() {
    let it = Fixture::new().await;
    let once = TokenSpec { retention: Some(TokenRetention::UntilFirstUse), ..named("default") };
    it.apply(with(vec![once])).await;
    let token = it.token("okta-default").await;
    it.answers(&token, 200).await;
    let hash = eventually("the token is out of the Secret", || async {
        match it.key("okta-default", "token").await {
            None => it.key("okta-default", "hash").await,
            Some(_) => None,
        }
    })
    .await;
    let row = it.tenant().await.status.unwrap().tokens[0].clone();
    assert_eq!(row.hash, hash);
    it.condition("Ready", "True", "Serving").await;
    assert_eq!(it.status(&token, "Users").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_stops_and_says_so() {
    let it = Fixture::new().await;
    it.apply(with(vec![TokenSpec { expires_after: seconds(5), ..named("default") }])).await;
    let token = it.token("okta-default").await;
    it.answers(&token, 200).await;
    it.condition("TokensExpiring", "True", "ExpiresSoon").await;
    it.answers(&token, 401).await;
    it.condition("Ready", "False", "TokenExpired").await;
    it.change(json!({"metadata": {"annotations": {names::ANNOTATION_ROTATE: "*"}}})).await;
    let new = it.token_such_that("okta-default", |new| new != token).await;
    it.answers(&new, 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_changes_its_name_gets_a_new_token() {
    let it = Fixture::new().await;
    it.apply(ScimTenantSpec::default()).await;
    let old = it.token("okta-default").await;
    it.change(json!({"spec": {"tokens": [{"name": "default", "secretName": "idp"}]}})).await;
    let new = it.token("idp").await;
    it.answers(&new, 200).await;
    it.answers(&old, 401).await;
    eventually("the old Secret is gone", || async {
        it.secrets.get_opt("okta-default").await.unwrap().is_none().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_changes_nothing() {
    let mut it = Fixture::new().await;
    it.apply(ScimTenantSpec::default()).await;
    let token = it.token("okta-default").await;
    it.answers(&token, 200).await;
    it.condition("IdentityProviderConnected", "True", "RequestReceived").await;
    it.condition("Ready", "True", "Serving").await;
    eventually("the counts are there", || async { it.tenant().await.status?.users }).await;
    let seen =
        || async { it.tenant().await.status.is_some_and(|it| !it.observed_dialect.is_empty()).then_some(()) };
    eventually("the dialect is there", seen).await;
    let (tenant, secret) = (it.tenant().await, it.secrets.get("okta-default").await.unwrap());
    it.operator.kill();
    it.operator.launch().await;
    // Its controllers lead again, and have looked at the tenant's Secret: one that was deleted is there again.
    let witness = ScimTenant::new("witness", ScimTenantSpec::default());
    it.tenants.create(&PostParams::default(), &witness).await.unwrap();
    it.token("witness-default").await;
    it.answers(&token, 200).await;
    assert_eq!(it.tenant().await, tenant);
    assert_eq!(it.secrets.get("okta-default").await.unwrap(), secret);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_that_is_asked_to_stop_ends_well_and_hands_its_lease_over() {
    let mut it = Fixture::new().await;
    it.apply(ScimTenantSpec::default()).await;
    it.token("okta-default").await;
    assert!(it.operator.stop().await, "{}", it.operator.log());
    let leases = Api::<k8s_openapi::api::coordination::v1::Lease>::namespaced(
        it.operator.client.clone(),
        &it.operator.namespace,
    );
    let lease = leases.get("rollcall-controllers").await.unwrap().spec.unwrap();
    assert_eq!(lease.holder_identity, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_log_event_or_status_ever_holds_a_token() {
    let it = Fixture::new().await;
    it.apply(ScimTenantSpec::default()).await;
    let token = it.token("okta-default").await;
    it.answers(&token, 200).await;
    it.condition("IdentityProviderConnected", "True", "RequestReceived").await;
    let events: Api<Event> = Api::namespaced(it.operator.client.clone(), &it.operator.namespace);
    let event = eventually("the issue is an event", || async {
        let events = events.list(&ListParams::default()).await.unwrap();
        events.items.into_iter().find(|event| event.reason.as_deref() == Some("TokenIssued"))
    })
    .await;
    let metrics = reqwest::get(format!("{}/metrics", it.operator.admin)).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("rollcall_leader 1"), "{metrics}");
    let status = serde_json::to_string(&it.tenant().await).unwrap();
    for shown in [it.operator.log(), serde_json::to_string(&event).unwrap(), metrics, status] {
        assert!(!shown.contains(&token) && !shown.contains(&token[10..40]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_tenant_keeps_its_users_unless_a_person_confirms() {
    let it = Fixture::new().await;
    let spec = ScimTenantSpec { deletion_policy: Some(DeletionPolicy::Delete), ..ScimTenantSpec::default() };
    it.apply(spec).await;
    it.token("okta-default").await;
    eventually("the tenant has its finalizer", || async { it.tenant().await.metadata.finalizers }).await;
    let users: Api<User> = Api::namespaced(it.operator.client.clone(), &it.operator.namespace);
    let mut user = User::new(
        "ada",
        UserSpec {
            tenant_ref: TenantRef { name: "okta".into() },
            user_name: "ada".into(),
            active: true,
            ..UserSpec::default()
        },
    );
    user.metadata.labels = Some([(names::LABEL_ORIGIN.to_owned(), names::ORIGIN_RECEIVER.to_owned())].into());
    users.create(&PostParams::default(), &user).await.unwrap();
    it.tenants.delete("okta", &DeleteParams::default()).await.unwrap();
    let waits = it.condition("Stalled", "True", "DeletionNotConfirmed").await;
    assert!(waits.message.contains("rollcall.dev/confirm-deletion=okta"), "{}", waits.message);
    assert!(users.get_opt("ada").await.unwrap().is_some());
    it.change(json!({"metadata": {"annotations": {names::ANNOTATION_CONFIRM_DELETION: "okta"}}})).await;
    eventually("tenant and user are gone", || async {
        let tenant = it.tenants.get_opt("okta").await.unwrap();
        (tenant.is_none() && users.get_opt("ada").await.unwrap().is_none()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_does_not_exist_is_named_with_what_to_do() {
    let _turn = TURNS.read().await;
    let mut operator = Operator::prepare().await;
    let list = operator.arguments.iter().position(|it| it == "--namespaces").unwrap() + 1;
    operator.arguments[list].push_str(",no-such-place");
    operator.spawn();
    eventually("the log says so", || async {
        let log = operator.log();
        let said =
            |line: &&str| line.contains("no-such-place") && line.contains("take it out of --namespaces");
        log.lines().find(said).map(drop)
    })
    .await;
    let missing = "users of namespace no-such-place have not been listed yet";
    let ready = format!("{}/readyz", operator.admin);
    eventually("so does /readyz", || async {
        let answer = reqwest::get(&ready).await.ok()?;
        let told = answer.status() == 503 && answer.text().await.ok()?.contains(missing);
        told.then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_does_its_own_way_is_shown_once_in_the_status() {
    let fixture = Fixture::new().await;
    fixture.apply(ScimTenantSpec::default()).await;
    let token = fixture.token("okta-default").await;
    fixture.answers(&token, 200).await;
    let users = format!("{}/scim/{}/okta/v2/Users", fixture.operator.url, fixture.operator.namespace);
    let send = |method, url: String, body| fixture.send(&token, method, url, body);
    let created = send(reqwest::Method::POST, users.clone(), json!({ "schemas": [], "userName": "ada" }));
    let created: serde_json::Value = serde_json::from_str(&created.await.text().await.unwrap()).unwrap();
    let id = created["id"].as_str().unwrap();
    let ada = format!("{users}/{id}");
    let disable = |value: &str| {
        let operation = json!({ "op": "Replace", "path": "active", "value": value });
        json!({ "schemas": [], "Operations": [operation] })
    };
    // What is refused shows nothing: here, that a value came without a path.
    let refused = json!({ "schemas": [], "Operations": [{ "op": "replace", "value": { "active": 7 } }] });
    assert_eq!(send(reqwest::Method::PATCH, ada.clone(), refused).await.status().as_u16(), 400);
    for spelling in ["False", "True"] {
        assert_eq!(send(reqwest::Method::PATCH, ada.clone(), disable(spelling)).await.status().as_u16(), 200);
    }

    let observed =
        || async { fixture.tenant().await.status.map(|it| it.observed_dialect).unwrap_or_default() };
    let names = |rows: &[ObservedQuirk]| rows.iter().map(|row| row.name.clone()).collect::<Vec<_>>();
    let expected = ["capitalisedOperations", "listsAll", "patchesUsers", "stringBooleans"];
    let first = eventually("the dialect is in the status", || async {
        Some(observed().await).filter(|rows| names(rows) == expected)
    })
    .await;
    assert!(first.iter().all(|row| row.first_seen_at.is_some()));

    // An operation of a bulk request shows what a request of its own would; one that fails shows nothing.
    let bulk = json!({ "schemas": [], "Operations": [
        { "method": "PUT", "path": format!("/Users/{id}"), "data": { "userName": "ada", "emails": "ada@example.com" } },
        { "method": "POST", "path": "/Users", "bulkId": "1", "data": { "userName": "ada", "roles": [{ "value": "x", "primary": true }, { "value": "y", "primary": true }] } },
    ] });
    assert_eq!(
        send(reqwest::Method::POST, users.replace("/Users", "/Bulk"), bulk).await.status().as_u16(),
        200
    );
    let expected =
        [&expected[..], &["noSchemas", "plainReferences", "putsUsers", "sendsBulk", "singleValuesForLists"]]
            .concat();
    let first = eventually("and that of a bulk request", || async {
        let wanted: std::collections::BTreeSet<&str> = expected.iter().copied().collect();
        Some(observed().await)
            .filter(|rows| rows.iter().map(|row| row.name.as_str()).eq(wanted.iter().copied()))
    })
    .await;

    // More of the same writes nothing; something new is added to what is there, which stays as it is.
    assert_eq!(send(reqwest::Method::PATCH, ada.clone(), disable("False")).await.status().as_u16(), 200);
    assert_eq!(send(reqwest::Method::DELETE, ada, json!({})).await.status().as_u16(), 204);
    let second = eventually("the new quirk is in the status", || async {
        Some(observed().await).filter(|rows| names(rows).contains(&"deletesUsers".to_owned()))
    })
    .await;
    assert_eq!(second.len(), first.len() + 1);
    assert!(first.iter().all(|row| second.contains(row)), "{first:?} became {second:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_were_shared_before_they_had_to_be_unique_are_counted_in_the_status() {
    const URN: &str = "urn:example:1.0:Badge";
    let fixture = Fixture::new().await;
    fixture.apply(ScimTenantSpec::default()).await;
    let token = fixture.token("okta-default").await;
    fixture.answers(&token, 200).await;
    let users = format!("{}/scim/{}/okta/v2/Users", fixture.operator.url, fixture.operator.namespace);
    let send = |method, url: String, body| fixture.send(&token, method, url, body);
    let shared = |status: &'static str| {
        let fixture = &fixture;
        async move {
            let conditions = fixture.tenant().await.status?.conditions;
            let is_it = |it: &Condition| it.type_ == "UniqueValuesShared" && it.status == status;
            conditions.into_iter().find(is_it)
        }
    };
    eventually("nothing is shared", || shared("False")).await;
    let mut ada = String::new();
    for (name, badge, floor) in [("ada", "Red-7", 1), ("bob", "RED-7", 2), ("cleo", "red-8", 1)] {
        let user = json!({ "userName": name, (URN): { "badge": badge, "floor": floor } });
        let created = send(reqwest::Method::POST, users.clone(), user).await;
        let location = created.headers()["location"].to_str().unwrap().to_owned();
        ada = if name == "ada" { location } else { ada };
    }
    let attribute = |name: &str, kind: &str| json!({ "name": name, "type": kind, "uniqueness": "server" });
    let attributes = [attribute("badge", "string"), attribute("floor", "integer")];
    fixture
        .change(
            json!({ "spec": { "schemas": [{ "id": URN, "resource": "User", "attributes": attributes }] } }),
        )
        .await;
    let told = eventually("values are shared", || shared("True")).await;
    assert_eq!(told.reason, "SharedBefore");
    let both = format!("the same 1 value of {URN}:badge and the same 1 value of {URN}:floor");
    assert!(told.message.contains(&both), "{}", told.message);
    assert!(!told.message.to_lowercase().contains("red"), "{}", told.message);

    let mended = json!({ "schemas": [], "Operations": [{ "op": "replace", "value": { (URN): { "badge": "blue", "floor": 3 } } }] });
    assert_eq!(send(reqwest::Method::PATCH, ada, mended).await.status().as_u16(), 200);
    eventually("nothing is shared any more", || shared("False")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_from_before_they_had_to_be_unique_are_claimed_for_those_who_had_them_first() {
    const URN: &str = "urn:example:1.0:Badge";
    let mut fixture = Fixture::new().await;
    fixture.apply(ScimTenantSpec::default()).await;
    let token = fixture.token("okta-default").await;
    fixture.answers(&token, 200).await;
    let users = format!("{}/scim/{}/okta/v2/Users", fixture.operator.url, fixture.operator.namespace);
    let mut people = Vec::new();
    for (name, badge) in [("ada", "Red-7"), ("bob", "RED-7"), ("cleo", "red-8")] {
        let user = json!({ "userName": name, (URN): { "badge": badge } });
        let created = fixture.send(&token, reqwest::Method::POST, users.clone(), user).await;
        let created: serde_json::Value = created.json().await.unwrap();
        people.push(created["id"].as_str().unwrap().to_owned());
    }
    let [ada, bob, cleo] = people.try_into().unwrap();
    let declare = async |uniqueness: &str| {
        let badge = json!({ "name": "badge", "type": "string", "uniqueness": uniqueness });
        let schema = json!({ "id": URN, "resource": "User", "attributes": [badge] });
        fixture.change(json!({ "spec": { "schemas": [schema] } })).await;
    };
    declare("server").await;
    fixture.until_claimed(&[&ada, &cleo]).await;
    fixture.condition("UniqueValuesShared", "True", "SharedBefore").await;

    // What people declare is claimed at once.
    let eve = json!({
        "apiVersion": "rollcall.dev/v1alpha1", "kind": "User",
        "metadata": { "name": "eve", "namespace": fixture.operator.namespace },
        "spec": {
            "tenantRef": { "name": "okta" }, "userName": "eve", "active": true,
            "attributes": { (URN): json!({ "badge": "red-9" }).to_string() },
        },
    });
    plane().apply(&eve.to_string()).unwrap();
    fixture.until_claimed(&[&ada, &cleo, "eve"]).await;
    let create = async |name: &str, badge: &str| {
        let user = json!({ "userName": name, (URN): { "badge": badge } });
        fixture.send(&token, reqwest::Method::POST, users.clone(), user).await.status().as_u16()
    };
    for badge in ["red-7", "red-8", "red-9"] {
        assert_eq!(create("dora", badge).await, 409, "{badge}");
    }

    // Who shares the value gets its claim as soon as the first one has another.
    let blue = json!({ "schemas": [], "Operations": [{ "op": "replace", "value": { (URN): { "badge": "blue" } } }] });
    let changed = fixture.send(&token, reqwest::Method::PATCH, format!("{users}/{ada}"), blue).await;
    assert_eq!(changed.status().as_u16(), 200);
    fixture.until_claimed(&[&ada, &bob, &cleo, "eve"]).await;
    fixture.condition("UniqueValuesShared", "False", "NoneShared").await;
    assert_eq!(create("dora", "red-7").await, 409);

    declare("none").await;
    eventually("a badge may be another's again", || async {
        (create("dora", "red-7").await == 201).then_some(())
    })
    .await;
    assert!(fixture.operator.stop().await);
    assert!(!fixture.operator.log().to_lowercase().contains("red-7"), "values are not told");
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_see_the_same_at_once_lose_nothing_of_each_other() {
    let fixture = Fixture::new().await;
    fixture.apply(ScimTenantSpec::default()).await;
    let key = TenantKey::new(&fixture.operator.namespace, "okta");
    let stop = CancellationToken::new();
    let replicas = [Arc::new(Dialects::default()), Arc::new(Dialects::default())];
    let recording = replicas.each_ref().map(|replica| {
        let (replica, client, stop) = (Arc::clone(replica), fixture.operator.client.clone(), stop.clone());
        tokio::spawn(async move { replica.record(client, stop).await })
    });
    let now = jiff::Timestamp::now();
    replicas[0].note(&key, [Quirk::StringBooleans, Quirk::PathsAsKeys].into_iter().collect(), now);
    replicas[1].note(&key, [Quirk::StringBooleans, Quirk::PutsUsers].into_iter().collect(), now);
    eventually("what both have seen is in the status, once", || async {
        let rows = fixture.tenant().await.status?.observed_dialect;
        let names: Vec<_> = rows.iter().map(|row| row.name.as_str()).collect();
        (names == ["pathsAsKeys", "putsUsers", "stringBooleans"]).then_some(())
    })
    .await;
    stop.cancel();
    for recording in recording {
        recording.await.unwrap();
    }
}
