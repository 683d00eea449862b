//! Leader election on a real API server.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on has failed")]

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api, Client, Config,
    api::{Patch, PatchParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use rollcall::controllers::leader::{Candidate, Leadership};
use serde_json::json;
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

const TERM: Duration = Duration::from_secs(3);

/// A machine that builds may be slow.
const SLACK: Duration = Duration::from_secs(10);

/// One candidate, and what it tells of its leaderships.
struct Running {
    stop: CancellationToken,
    task: JoinHandle<Result<(), String>>,
    elected: mpsc::Receiver<Leadership>,
}

impl Running {
    fn start(leases: &Api<Lease>, lease: &str, identity: &str) -> Self {
        let candidate = Candidate {
            leases: leases.clone(),
            lease: lease.into(),
            identity: identity.into(),
            duration: TERM,
        };
        let (stop, (tell, elected)) = (CancellationToken::new(), mpsc::channel(8));
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            candidate
                .run(stopped, |leadership| {
                    let tell = tell.clone();
                    async move {
                        tell.send(leadership.clone()).await.unwrap();
                        leadership.over.cancelled().await;
                        Ok(())
                    }
                })
                .await
        });
        Self { stop, task, elected }
    }

    async fn elected(&mut self, within: Duration) -> Leadership {
        tokio::time::timeout(within, self.elected.recv()).await.expect("in time").unwrap()
    }
}

async fn leases() -> Api<Lease> {
    _ = rustls::crypto::ring::default_provider().install_default();
    let path =
        tokio::task::spawn_blocking(|| rollcall_dev::shared::control_plane().unwrap().kubeconfig_path());
    let kubeconfig = Kubeconfig::read_from(path.await.unwrap()).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    Api::namespaced(Client::try_from(config).unwrap(), "default")
}

fn fresh_name() -> String {
    static NAMES: AtomicUsize = AtomicUsize::new(0);
    format!("election-{}", NAMES.fetch_add(1, Ordering::Relaxed))
}

#[tokio::test]
async fn another_candidate_takes_over_when_the_leader_dies_and_not_before_its_term_ends() {
    let (leases, lease) = (leases().await, fresh_name());
    let mut first = Running::start(&leases, &lease, "first");
    let old = first.elected(SLACK).await;
    let mut second = Running::start(&leases, &lease, "second");
    // Aborted, it neither renews nor releases: as good as dead.
    first.task.abort();
    let died = Instant::now();
    let new = second.elected(TERM + SLACK).await;
    assert!(died.elapsed() >= TERM * 2 / 3, "after {:?}", died.elapsed());
    assert!(new.epoch > old.epoch, "{} after {}", new.epoch, old.epoch);
}

#[tokio::test]
async fn a_released_lease_is_taken_over_at_once() {
    let (leases, lease) = (leases().await, fresh_name());
    let mut first = Running::start(&leases, &lease, "first");
    first.elected(SLACK).await;
    let mut second = Running::start(&leases, &lease, "second");
    first.stop.cancel();
    assert_eq!(first.task.await.unwrap(), Ok(()));
    let released = Instant::now();
    second.elected(SLACK).await;
    assert!(released.elapsed() < TERM, "after {:?}", released.elapsed());
}

#[tokio::test]
async fn a_leader_whose_lease_was_taken_stops_and_runs_again() {
    let (leases, lease) = (leases().await, fresh_name());
    let mut first = Running::start(&leases, &lease, "first");
    let leadership = first.elected(SLACK).await;
    let theirs = json!({ "spec": { "holderIdentity": "somebody", "leaseTransitions": 7 } });
    leases.patch(&lease, &PatchParams::default(), &Patch::Merge(theirs)).await.unwrap();
    tokio::time::timeout(TERM + SLACK, leadership.over.cancelled()).await.expect("it stops");
    // Nobody renews, so the Lease is free again after a term.
    assert_eq!(first.elected(TERM + SLACK).await.epoch, 8);
}

#[tokio::test]
async fn failing_work_ends_the_candidate_and_releases_the_lease() {
    let (leases, lease) = (leases().await, fresh_name());
    let candidate =
        Candidate { leases: leases.clone(), lease: lease.clone(), identity: "first".into(), duration: TERM };
    let ended = candidate.run(CancellationToken::new(), async |_| Err("broken")).await;
    assert_eq!(ended, Err("broken"));
    assert_eq!(leases.get(&lease).await.unwrap().spec.unwrap().holder_identity, None);
}
