//! A former leader that does not know it yet writes nothing through the store either.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api,
    api::{ListParams, PostParams},
};
use rollcall::{
    api::{Team, User},
    controllers::{
        fenced,
        leader::{Candidate, Leadership},
    },
    scim::{
        Document,
        member::{MemberChange, MemberRef},
        version::Conditions,
    },
    store::{
        Kind, Store, StoreError,
        names::{Named, Names},
        sweep::Sweeper,
    },
};
use serde_json::json;
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::replica::{SLACK, Site};

/// A leader, until it is told to stop.
struct Leader {
    leadership: Leadership,
    stop: CancellationToken,
    running: JoinHandle<Result<(), String>>,
}

impl Leader {
    async fn elected(site: &Site) -> Self {
        let leases = Api::namespaced(site.client.clone(), &site.tenant.namespace);
        let identity = "leader".to_owned();
        let candidate = Candidate { leases, lease: identity.clone(), identity, duration: SLACK };
        let (stop, (tell, mut told)) = (CancellationToken::new(), mpsc::channel(1));
        let stopped = stop.clone();
        let running = tokio::spawn(async move {
            let lead = |leadership: Leadership| {
                let tell = tell.clone();
                async move {
                    tell.send(leadership.clone()).await.unwrap();
                    leadership.over.cancelled().await;
                    Ok(())
                }
            };
            candidate.run(stopped, lead).await
        });
        Self { leadership: told.recv().await.unwrap(), stop, running }
    }

    async fn resign(self) -> Leadership {
        self.stop.cancel();
        self.running.await.unwrap().unwrap();
        self.leadership
    }
}

/// What a leader has to do here: a claim that nobody uses is to be swept, Grace is to be claimed, Ada is to leave a team.
struct World {
    site: Site,
    store: Store,
    team: String,
    ada: String,
    grace: Named,
}

impl World {
    async fn new(store: &Store, site: &Site) -> Self {
        let ada = Document::from_iter([("userName".to_owned(), json!("ada"))]);
        let ada = store.create_user(&site.tenant, ada, &[]).await.unwrap().id().to_owned();
        let document = Document::from_iter([("displayName".to_owned(), json!("Platform"))]);
        let members = vec![MemberRef { value: ada.clone(), kind: None }];
        let team = store.create_team(&site.tenant, document, members, &[]).await.unwrap().id().to_owned();
        let leases: Api<Lease> = Api::namespaced(site.client.clone(), &site.tenant.namespace);
        let orphan = json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {
                "name": "username-orphan",
                "labels": { "rollcall.dev/claim": "userName", "rollcall.dev/tenant": *site.tenant.name },
            },
            "spec": { "holderIdentity": "nobody", "acquireTime": "2020-01-01T00:00:00.000000Z" },
        });
        let orphan = serde_json::from_value(orphan).unwrap();
        leases.create(&PostParams::default(), &orphan).await.unwrap();
        let users: Api<User> = Api::namespaced(site.client.clone(), &site.tenant.namespace);
        let grace = json!({
            "apiVersion": "rollcall.dev/v1alpha1", "kind": "User", "metadata": { "name": "grace" },
            "spec": { "tenantRef": { "name": *site.tenant.name }, "userName": "grace", "active": true },
        });
        users.create(&PostParams::default(), &serde_json::from_value(grace).unwrap()).await.unwrap();
        let known = async {
            while store.directory().user(&site.tenant, "grace").is_none() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(SLACK, known).await.unwrap();
        let grace = Named { kind: Kind::User, tenant: site.tenant.clone(), id: "grace".into() };
        Self { site: site.clone(), store: store.clone(), team, ada, grace }
    }

    /// Names and versions of all claims, and the version of the team.
    async fn stored(&self) -> (Vec<(Option<String>, Option<String>)>, Option<String>) {
        let leases: Api<Lease> = Api::namespaced(self.site.client.clone(), &self.site.tenant.namespace);
        let claims = leases.list(&ListParams::default().labels("rollcall.dev/claim")).await.unwrap();
        let claims = claims.items.into_iter().map(|it| (it.metadata.name, it.metadata.resource_version));
        let teams: Api<Team> = Api::namespaced(self.site.client.clone(), &self.site.tenant.namespace);
        (claims.collect(), teams.get(&self.team).await.unwrap().metadata.resource_version)
    }

    /// Does all of it; what came of each.
    async fn work(&self, store: &Store) -> [Result<(), StoreError>; 3] {
        let namespaces = [self.site.tenant.namespace.to_string()];
        [
            Sweeper::default().sweep(store, &namespaces).await,
            Names::new(store.clone()).claim(&self.grace).await.map(drop),
            store.remove_members(&self.site.tenant, &self.team, std::slice::from_ref(&self.ada)).await,
        ]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_former_leader_sweeps_nothing_claims_nothing_and_takes_nobody_out_of_a_team() {
    let site = Site::new().await;
    let replica = site.replica("a").await;
    let world = World::new(&replica.store, &site).await;
    let leader = Leader::elected(&site).await;
    let store = world.store.written_by(fenced(&site.client, &leader.leadership));
    let former = leader.resign().await;
    assert!(!former.holds());

    let before = world.stored().await;
    let [_, claimed, left] = world.work(&store).await;
    assert!(matches!(claimed, Err(StoreError::Unavailable { .. })), "{claimed:?}");
    assert!(matches!(left, Err(StoreError::Unavailable { .. })), "{left:?}");
    assert_eq!(world.stored().await, before);

    // Nor does it keep those from writing who may.
    let (tenant, none) = (&site.tenant, Conditions::default());
    let grace = MemberRef { value: "grace".to_owned(), kind: None };
    let add = move |document| Ok((document, vec![MemberChange::Add(vec![grace.clone()])]));
    world.store.change_team(tenant, &world.team, &none, &[], add).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_does_what_a_former_one_does_not() {
    let site = Site::new().await;
    let replica = site.replica("a").await;
    let world = World::new(&replica.store, &site).await;
    let leader = Leader::elected(&site).await;
    let store = world.store.written_by(fenced(&site.client, &leader.leadership));
    let (claims, team) = world.stored().await;
    for done in world.work(&store).await {
        done.unwrap();
    }
    let (claims_then, team_then) = world.stored().await;
    assert_ne!(team_then, team);
    let names = |claims: Vec<(Option<String>, Option<String>)>| -> Vec<String> {
        claims.into_iter().filter_map(|(name, _)| name).collect()
    };
    let (before, after) = (names(claims), names(claims_then));
    assert!(before.contains(&"username-orphan".to_owned()) && !after.contains(&"username-orphan".to_owned()));
    assert_eq!(after.len(), before.len(), "Grace has a claim now");
    leader.resign().await;
}
