//! Leader election on a real API server.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on has failed")]

use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use http::Request;
use k8s_openapi::api::{coordination::v1::Lease, core::v1::ConfigMap};
use kube::{
    Api, Client, Config,
    api::{Patch, PatchParams},
    client::Body,
    config::{KubeConfigOptions, Kubeconfig},
};
use rollcall::controllers::{
    fenced,
    leader::{Candidate, Leadership},
};
use serde_json::json;
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tower::{BoxError, service_fn};

const TERM: Duration = Duration::from_secs(6);

/// A machine that builds may be slow.
const SLACK: Duration = Duration::from_mins(1);

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
    Api::namespaced(client().await, "default")
}

async fn client() -> Client {
    _ = rustls::crypto::ring::default_provider().install_default();
    let path =
        tokio::task::spawn_blocking(|| rollcall_dev::shared::control_plane().unwrap().kubeconfig_path());
    let kubeconfig = Kubeconfig::read_from(path.await.unwrap()).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
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
    assert!(new.holds() && !old.holds(), "never both");
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
async fn a_candidate_whose_question_is_never_answered_asks_again() {
    let (client, asked) = (client().await, AtomicUsize::new(0));
    let silent_at_first = service_fn(move |request: Request<Body>| {
        let (client, is_first) = (client.clone(), asked.fetch_add(1, Ordering::Relaxed) == 0);
        async move {
            if is_first {
                pending::<()>().await;
            }
            client.send(request).await.map_err(BoxError::from)
        }
    });
    let leases = Api::namespaced(Client::new(silent_at_first, "default"), "default");
    let mut one = Running::start(&leases, &fresh_name(), "one");
    one.elected(SLACK).await;
    one.stop.cancel();
    one.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_leader_whose_lease_was_taken_stops_and_runs_again() {
    let (leases, lease) = (leases().await, fresh_name());
    let mut first = Running::start(&leases, &lease, "first");
    let leadership = first.elected(SLACK).await;
    let theirs = json!({ "spec": { "holderIdentity": "somebody", "leaseTransitions": 7 } });
    leases.patch(&lease, &PatchParams::default(), &Patch::Merge(theirs)).await.unwrap();
    tokio::time::timeout(TERM + SLACK, leadership.over.cancelled()).await.expect("it stops");
    assert!(!leadership.holds(), "not for the rest of the term either");
    // Nobody renews, so the Lease is free again after a term.
    assert!(first.elected(TERM + SLACK).await.holds());
    assert!(!leadership.holds(), "one leadership does not become another");
}

#[tokio::test]
async fn a_leader_that_was_frozen_past_its_term_writes_nothing_when_it_wakes() {
    let (leases, lease) = (leases().await, fresh_name());
    let ((tell, mut told), (wake, frozen)) = (mpsc::channel(2), std::sync::mpsc::channel());
    let (identity, frozen) = (lease.clone(), Arc::new(Mutex::new(frozen)));
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    // Everything of the first one runs on one thread, which it blocks: nothing is renewed, as in a process that was
    // stopped. Its writer is a task that nobody aborts, so that only the fence is in its way.
    let first = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let client = client().await;
            let leases = Api::namespaced(client.clone(), "default");
            let candidate = Candidate { leases, lease: identity.clone(), identity, duration: TERM };
            let work = async |leadership: Leadership| {
                let (tell, frozen) = (tell.clone(), Arc::clone(&frozen));
                let (fenced, over) = (fenced(&client, &leadership), leadership.over.clone());
                tokio::spawn(async move {
                    tell.send((leadership.holds(), write(&fenced, "before").await.is_ok())).await.unwrap();
                    frozen.lock().unwrap().recv().unwrap();
                    tell.send((leadership.holds(), write(&fenced, "after").await.is_ok())).await.unwrap();
                });
                over.cancelled().await;
                Ok::<(), String>(())
            };
            candidate.run(stopped, work).await
        })
    });
    assert_eq!(told.recv().await, Some((true, true)));
    let mut second = Running::start(&leases, &lease, "second");
    let now = second.elected(TERM + SLACK).await;
    wake.send(()).unwrap();
    assert_eq!(told.recv().await, Some((false, false)));
    assert_eq!(written().await, "before");
    assert!(now.holds());
    stop.cancel();
    assert_eq!(first.await.unwrap(), Ok(()));
}

const WRITTEN: &str = "written-by-the-leader";

async fn write(client: &Client, text: &str) -> kube::Result<()> {
    let object =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": WRITTEN}, "data": {"by": text}});
    let params = PatchParams::apply("test").force();
    Api::<ConfigMap>::default_namespaced(client.clone())
        .patch(WRITTEN, &params, &Patch::Apply(object))
        .await?;
    Ok(())
}

async fn written() -> String {
    let object = Api::<ConfigMap>::default_namespaced(client().await).get(WRITTEN).await.unwrap();
    object.data.unwrap()["by"].clone()
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
