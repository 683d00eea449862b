//! What crashes leave behind: the sweep of production finds all of it, and takes nothing else.

use std::collections::BTreeSet;

use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    ResourceExt,
    api::{Patch, PatchParams},
};
use rollcall::{
    api::{MembershipSlice, Team, User, names},
    store::{PeerOptions, Store, sweep::Sweeper},
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::lane::{Lane, Site};

/// Not a placeholder.
const REAL: &str = "rollcall.dev/origin=Receiver";

/// Sweeps as a leader does; afterwards claims and users are the same, and so are slices and what teams name.
pub async fn are_swept(lane: &Lane) {
    let site = &lane.site;
    age_claims(site).await;
    sweep(site).await;

    let users: Vec<String> = site.all::<User>(REAL).await.iter().map(ResourceExt::name_any).collect();
    let teams = site.all::<Team>(REAL).await;
    let mut holders: Vec<String> = claims(site).await.into_iter().map(|(_, holder)| holder).collect();
    let mut owners: Vec<String> = users.into_iter().chain(teams.iter().map(ResourceExt::name_any)).collect();
    holders.sort();
    owners.sort();
    assert_eq!(holders, owners, "each user and each team holds one claim, and nobody else does");

    let named = teams.iter().flat_map(|team| &team.spec.membership.slices).filter(|name| !name.is_empty());
    let named: BTreeSet<String> = named.cloned().collect();
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

/// What a leader does every hour; twice, as a slice must be seen without a name two times.
async fn sweep(site: &Site) {
    let store = Store::new(site.client.clone(), PeerOptions::alone());
    let (stop, namespaces) = (CancellationToken::new(), [site.namespace.clone()]);
    let sweeping = async {
        store.wait_until_ready().await;
        let mut sweeper = Sweeper::default();
        for _ in 0..2 {
            sweeper.sweep(&store, &namespaces).await.unwrap();
        }
        stop.cancel();
    };
    tokio::join!(store.follow(&namespaces, stop.clone()), sweeping);
}
