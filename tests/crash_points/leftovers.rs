//! What crashes leave behind: claims and slices that the sweep of production finds, and takes nothing else; and never a name
//! without its claim.

use std::collections::BTreeSet;

use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Client, ResourceExt,
    api::{Patch, PatchParams},
};
use rollcall::{
    api::{MembershipSlice, Team, User, names},
    store::{PeerOptions, Store, names::Names, sweep::Sweeper},
};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    lane::{Lane, Site},
    operator::eventually,
};

/// Not a placeholder.
const REAL: &str = "rollcall.dev/origin=Receiver";

/// Follows the objects, as a replica does, and sees what no request shows.
pub struct Auditor {
    store: Store,
    namespaces: [String; 1],
    following: JoinHandle<()>,
}

impl Auditor {
    pub async fn start(client: &Client, namespace: &str) -> Self {
        let store = Store::new(client.clone(), PeerOptions::alone());
        let namespaces = [namespace.to_owned()];
        let following = tokio::spawn({
            let (store, namespaces) = (store.clone(), namespaces.clone());
            async move { store.follow(&namespaces, CancellationToken::new()).await }
        });
        store.wait_until_ready().await;
        Self { store, namespaces, following }
    }

    /// Every user and every team has the claim on its name, by the rules of the leader who repairs what a restore lost.
    pub async fn every_name_is_claimed(&self) {
        let names = Names::new(self.store.clone());
        eventually("every name is claimed", || async {
            names.without_claim(&self.namespaces).await.unwrap().is_empty().then_some(())
        })
        .await;
    }

    /// What a leader does every hour; twice, as a slice must be seen without a name two times.
    async fn sweep(&self) {
        let mut sweeper = Sweeper::default();
        for _ in 0..2 {
            sweeper.sweep(&self.store, &self.namespaces).await.unwrap();
        }
    }
}

impl Drop for Auditor {
    fn drop(&mut self) {
        self.following.abort();
    }
}

/// Sweeps as a leader does; afterwards claims and users are the same, and so are slices and what teams name.
pub async fn are_swept(lane: &Lane) {
    let site = &lane.site;
    age_claims(site).await;
    site.auditor.sweep().await;

    let users: Vec<String> = site.all::<User>(REAL).await.iter().map(ResourceExt::name_any).collect();
    let teams = site.all::<Team>(REAL).await;
    let mut holders: Vec<String> = claims(site).await.into_iter().map(|(_, holder)| holder).collect();
    let mut owners: Vec<String> = users.into_iter().chain(teams.iter().map(ResourceExt::name_any)).collect();
    holders.sort();
    owners.sort();
    assert_eq!(holders, owners, "each user and each team holds one claim, and nobody else does");

    let named =
        teams.iter().flat_map(|team| team.spec.membership.slice_names()).filter(|name| !name.is_empty());
    let named: BTreeSet<String> = named.map(str::to_owned).collect();
    let slices = site.all::<MembershipSlice>("").await;
    let slices: BTreeSet<String> = slices.iter().map(ResourceExt::name_any).collect();
    assert_eq!(slices, named, "each slice is named by a team");
}

async fn claims(site: &Site) -> Vec<(String, String)> {
    let leases = site.all::<Lease>(names::LABEL_CLAIM).await;
    let holder = |lease: &Lease| lease.spec.as_ref()?.holder_identity.clone();
    leases.iter().map(|lease| (lease.name_any(), holder(lease).unwrap())).collect()
}

/// A sweep leaves young claims to those who are at work. Nobody is, so let all of them be old.
async fn age_claims(site: &Site) {
    let old = json!({"spec": {"acquireTime": "2020-01-01T00:00:00.000000Z"}});
    for (claim, _) in claims(site).await {
        site.api::<Lease>().patch(&claim, &PatchParams::default(), &Patch::Merge(&old)).await.unwrap();
    }
}
