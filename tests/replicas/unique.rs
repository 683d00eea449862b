//! Attributes that a tenant calls unique are, across replicas.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::future::join_all;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api, ResourceExt as _,
    api::{ListParams, Patch, PatchParams},
};
use rollcall::{
    scim::{Document, rules::Unique, version::Conditions},
    store::{
        StoreError, TenantRules, UserView,
        sweep::Sweeper,
        values::{Compared, Values},
    },
};
use serde_json::json;

use crate::{
    gate::Passes,
    replica::{Replica, SLACK, Site},
};

fn emails() -> [Unique; 1] {
    [Unique::new("emails.value", false).unwrap()]
}

fn person(user_name: &str, addresses: &[&str]) -> Document {
    let emails: Vec<_> = addresses.iter().map(|address| json!({ "value": address })).collect();
    serde_json::from_value(json!({ "userName": user_name, "emails": emails })).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_users_who_want_the_same_two_addresses_exactly_one_is_created() {
    let site = Site::new().await;
    let replicas = site.three().await;
    // Each way round, so that whoever takes them as they come would wait for the other.
    let addresses = [["x@example.com", "y@example.com"], ["Y@example.com", "X@example.com"]];
    let unique = emails();
    let start = Instant::now();
    let creating = (0..30).map(|number| {
        let document = person(&format!("user{number}"), &addresses[number % 2]);
        replicas[number % 3].store.create_user(&site.tenant, document, &unique)
    });
    let results = join_all(creating).await;
    let created: Vec<_> = results.iter().flatten().collect();
    assert_eq!(created.len(), 1);
    for error in results.iter().filter_map(|it| it.as_ref().err()) {
        assert!(
            matches!(error, StoreError::Taken { attribute, .. } if attribute == "emails.value"),
            "{error}"
        );
    }
    assert!(start.elapsed() < Duration::from_secs(20), "they waited for each other");
    for number in 0..30 {
        let named = replicas[0].named(&format!("user{number}")).unwrap();
        assert!(named.is_empty() || named == [created[0].id()], "what was refused has left nothing");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_from_before_the_rule_is_respected_until_it_is_given_up() {
    let site = Site::new().await;
    let [a, b, _c] = site.three().await;
    let old = a.store.create_user(&site.tenant, person("ada", &["x@example.com"]), &[]).await.unwrap();
    let newer = person("grace", &["X@example.com"]);
    let refused = b.store.create_user(&site.tenant, newer.clone(), &emails()).await;
    assert!(matches!(refused, Err(StoreError::Taken { .. })), "{refused:?}");
    // Given up by a replica that dies before it tells anybody.
    b.gate.set(Passes::AllButWatches);
    let silent = site.silent().await;
    let without = |_| Ok(person("ada", &["other@example.com"]));
    silent
        .store
        .change_user(&site.tenant, old.id(), &Conditions::default(), &emails(), without)
        .await
        .unwrap();
    drop(silent);
    b.store.create_user(&site.tenant, newer, &emails()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_refused_change_claimed_is_free_again() {
    let site = Site::new().await;
    let a = site.replica("a").await;
    let unique = emails();
    let create = |name: &str, address: &str| {
        let document = person(name, &[address]);
        let (a, site, unique) = (&a, &site, &unique);
        async move { a.store.create_user(&site.tenant, document, unique).await }
    };
    let ada = create("ada", "ada@example.com").await.unwrap();
    create("grace", "grace@example.com").await.unwrap();
    // The first of the two is free and claimed, then the second is not.
    let both = |_| Ok(person("ada", &["a-new@example.com", "grace@example.com"]));
    let refused = a.store.change_user(&site.tenant, ada.id(), &Conditions::default(), &unique, both).await;
    assert!(matches!(refused, Err(StoreError::Taken { .. })), "{refused:?}");
    let start = Instant::now();
    create("mary", "a-new@example.com").await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(3), "it had to be taken over");
}

const URN: &str = "urn:example:1.0:Badge";

/// A tenant's rules by which badges are unique.
fn rules() -> Arc<TenantRules> {
    let badge = json!({ "name": "badge", "type": "string", "uniqueness": "server" });
    let schema = json!({ "id": URN, "resource": "User", "attributes": [badge] });
    TenantRules::of(&serde_json::from_value(json!({ "schemas": [schema] })).unwrap(), None)
}

fn wearing(user_name: &str, badge: &str) -> Document {
    serde_json::from_value(json!({ "userName": user_name, (URN): { "badge": badge } })).unwrap()
}

/// A leader beside the replicas of a site, for whose writes it need not wait.
struct Leader {
    site: Site,
    replica: Replica,
    values: Values,
}

impl Leader {
    async fn new(site: &Site) -> Self {
        let replica = site.silent().await;
        Self { site: site.clone(), values: Values::new(replica.store.clone()), replica }
    }

    async fn create(&self, user_name: &str, badge: &str, unique: &[Unique]) -> UserView {
        let document = wearing(user_name, badge);
        self.replica.store.create_user(&self.site.tenant, document, unique).await.unwrap()
    }

    async fn change(&self, user: &UserView, user_name: &str, badge: &str, unique: &[Unique]) {
        let change = {
            let document = wearing(user_name, badge);
            move |_| Ok(document.clone())
        };
        let (store, none) = (&self.replica.store, Conditions::default());
        store.change_user(&self.site.tenant, user.id(), &none, unique, change).await.unwrap();
    }

    async fn compare(&self) -> Compared {
        self.values.compare(&self.site.tenant, &rules()).await.unwrap()
    }

    /// What a leader does when a tenant calls other attributes unique; how many claims were missing.
    async fn claim_what_is_missing(&self) -> usize {
        let missing = self.compare().await.missing;
        for wanted in &missing {
            assert_eq!(self.values.claim(&rules(), wanted).await.unwrap(), None, "nobody else has it");
        }
        missing.len()
    }

    /// The holders of claims on badges, with their claims and the versions of these.
    async fn claims(&self) -> Vec<(String, String, Option<String>)> {
        let leases: Api<Lease> = Api::namespaced(self.site.client.clone(), &self.site.tenant.namespace);
        let leases = leases.list(&ListParams::default().labels("rollcall.dev/claim=User")).await.unwrap();
        let claim = |lease: Lease| {
            let (name, version) = (lease.name_any(), lease.resource_version());
            (lease.spec.unwrap().holder_identity.unwrap(), name, version)
        };
        let mut claims: Vec<_> = leases.items.into_iter().map(claim).collect();
        claims.sort();
        claims
    }

    async fn holders(&self) -> Vec<String> {
        self.claims().await.into_iter().map(|(holder, _, _)| holder).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_from_before_the_rule_is_refused_by_a_replica_that_has_not_heard_of_it() {
    let site = Site::new().await;
    let late = site.replica("late").await;
    late.gate.set(Passes::AllButWatches);
    let leader = Leader::new(&site).await;
    let ada = leader.create("ada", "red", &[]).await;
    assert_eq!(leader.claim_what_is_missing().await, 1);
    let bob = leader.create("bob", "blue", &[]).await;

    let unique = &rules().users.unique;
    let create = |name, badge| late.store.create_user(&site.tenant, wearing(name, badge), unique);
    let refused = create("grace", "RED").await;
    assert!(late.store.directory().user(&site.tenant, ada.id()).is_none(), "it has heard of her");
    assert!(matches!(refused, Err(StoreError::Taken { .. })), "{refused:?}");

    // It knows no better of what nobody has claimed, and then the claim is that of whoever has taken it.
    let mary = create("mary", "blue").await.unwrap();
    let compared = eventually_compared(&leader, |it| !it.behind.is_empty()).await;
    assert!(compared.missing.is_empty(), "{:?}", compared.missing);
    assert_eq!(compared.behind[0].0.id.as_ref(), mary.id());
    assert_eq!(compared.behind[0].1.named.id.as_ref(), bob.id());
    let owner = leader.values.claim(&rules(), &compared.behind[0].1).await.unwrap();
    assert_eq!(owner.unwrap().id.as_ref(), mary.id());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_those_who_share_a_value_the_first_gets_the_claim_and_the_next_one_after_them() {
    let site = Site::new().await;
    let leader = Leader::new(&site).await;
    let ada = leader.create("ada", "red", &[]).await;
    let bob = leader.create("bob", "RED", &[]).await;
    let cleo = leader.create("cleo", "blue", &[]).await;
    assert_eq!(leader.claim_what_is_missing().await, 2);
    assert_eq!(leader.holders().await, sorted(&[&ada, &cleo]));
    let claims = leader.claims().await;

    let compared = leader.compare().await;
    assert!(compared.missing.is_empty(), "whose value is another's gets no claim");
    let [(first, behind)] = compared.behind.as_slice() else { panic!("{:?}", compared.behind) };
    assert_eq!((first.id.as_ref(), behind.named.id.as_ref()), (ada.id(), bob.id()));
    let owner = leader.values.claim(&rules(), behind).await.unwrap();
    assert_eq!(owner.as_ref(), Some(first));
    assert_eq!(leader.claims().await, claims, "nothing was written");

    leader.change(&ada, "ada", "green", &rules().users.unique).await;
    assert!(!leader.values.has(&rules(), first, behind));
    assert_eq!(leader.claim_what_is_missing().await, 1);
    assert_eq!(leader.holders().await, sorted(&[&ada, &bob, &cleo]));
    assert_eq!(leader.claim_what_is_missing().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_claim_on_a_value_that_need_not_be_unique_any_more_goes_with_the_value() {
    let site = Site::new().await;
    let leader = Leader::new(&site).await;
    let ada = leader.create("ada", "red", &[]).await;
    let bob = leader.create("bob", "blue", &[]).await;
    assert_eq!(leader.claim_what_is_missing().await, 2);
    leader.change(&ada, "ada", "blue", &[]).await;
    for (_, claim, _) in leader.claims().await {
        let leases: Api<Lease> = Api::namespaced(site.client.clone(), &site.tenant.namespace);
        let old = json!({ "spec": { "acquireTime": "2020-01-01T00:00:00.000000Z" } });
        leases.patch(&claim, &PatchParams::default(), &Patch::Merge(&old)).await.unwrap();
    }
    let namespaces = [site.tenant.namespace.to_string()];
    Sweeper::default().sweep(&leader.replica.store, &namespaces).await.unwrap();
    assert_eq!(leader.holders().await, [bob.id()]);
}

fn sorted(users: &[&UserView]) -> Vec<String> {
    let mut ids: Vec<String> = users.iter().map(|user| user.id().to_owned()).collect();
    ids.sort();
    ids
}

/// Compares until the leader has heard of what another replica has written.
async fn eventually_compared(leader: &Leader, is_it: impl Fn(&Compared) -> bool) -> Compared {
    let compared = async {
        loop {
            let compared = leader.compare().await;
            if is_it(&compared) {
                return compared;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SLACK, compared).await.unwrap()
}
