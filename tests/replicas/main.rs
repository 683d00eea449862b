//! Several replicas on a real API server: what one of them acknowledges, all of them show.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a helper of a test fails the test"
)]

mod fence;
mod gate;
mod replica;
mod teams;
mod unique;

use std::{
    collections::HashSet,
    pin::pin,
    time::{Duration, Instant},
};

use futures::future::join_all;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use rollcall::{
    api::User,
    scim::version::Conditions,
    store::{Store, StoreError},
};
use rollcall_dev::ports;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use gate::Passes;
use replica::{Replica, SLACK, Site, TERM, in_the_end, is_unavailable, user};

#[tokio::test(flavor = "multi_thread")]
async fn every_write_is_read_at_once_on_every_replica() {
    let site = Site::new().await;
    let [a, b, c] = site.three().await;
    for number in 0..100 {
        let (name, new_name) = (format!("ada{number}"), format!("countess{number}"));
        let id = a.create(&name).await.unwrap().id().to_owned();
        for other in [&b, &c] {
            assert_eq!(other.user(&id).unwrap().id(), id);
            assert_eq!(other.named(&name).unwrap(), [id.as_str()]);
        }
        a.rename(&id, &new_name).await.unwrap();
        for other in [&b, &c] {
            assert_eq!(other.named(&name).unwrap(), [""; 0]);
            assert_eq!(other.named(&new_name).unwrap(), [id.as_str()]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_is_gone_at_once_on_every_replica() {
    let site = Site::new().await;
    let [a, b, c] = site.three().await;
    for number in 0..5 {
        let name = format!("ada{number}");
        b.gate.set(Passes::Everything);
        let id = a.create(&name).await.unwrap().id().to_owned();
        assert_eq!(b.named(&name).unwrap(), [id.as_str()]);
        b.gate.set(Passes::AllButWatches);
        a.store.delete_user(&site.tenant, &id, &Conditions::default(), &[]).await.unwrap();
        for other in [&b, &c] {
            assert!(matches!(other.user(&id), Err(StoreError::NotFound { .. })));
            assert_eq!(other.named(&name).unwrap(), [""; 0]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_whose_watches_are_late_shows_nothing_old() {
    let site = Site::new().await;
    let [a, b, c] = site.three().await;
    let old = a.create("grace").await.unwrap().id().to_owned();
    b.gate.set(Passes::AllButWatches);
    for number in 0..10 {
        let name = format!("ada{number}");
        let id = a.create(&name).await.unwrap().id().to_owned();
        assert_eq!(b.named(&name).unwrap(), [id.as_str()]);
        assert_eq!(c.named(&name).unwrap(), [id.as_str()]);
    }
    a.rename(&old, "hopper").await.unwrap();
    assert_eq!(b.named("grace").unwrap(), [""; 0]);
    assert_eq!(b.named("hopper").unwrap(), [old.as_str()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_has_passed_on_is_not_seen_on_two_users() {
    let site = Site::new().await;
    let [a, b, _c] = site.three().await;
    let old = a.create("grace").await.unwrap().id().to_owned();
    b.gate.set(Passes::AllButWatches);
    // A rename by a replica that dies before it tells anybody: nobody has acknowledged it.
    let silent = site.silent().await;
    silent.rename(&old, "hopper").await.unwrap();
    drop(silent);
    // At no moment, not only once it is acknowledged.
    let mut creating = pin!(a.create("grace"));
    let new = loop {
        tokio::select! {
            biased;
            created = &mut creating => break created.unwrap().id().to_owned(),
            () = tokio::task::yield_now() => {}
        }
        let shown = b.named("grace").unwrap();
        assert!(shown.len() <= 1, "both have it: {shown:?}");
    };
    assert_eq!(b.named("grace").unwrap(), [new.as_str()]);
    assert_eq!(b.named("hopper").unwrap(), [old.as_str()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_deleted_is_gone_on_every_replica_once_another_has_the_name_though_watches_are_late() {
    let site = Site::new().await;
    let [a, b, _c] = site.three().await;
    let old = a.create("grace").await.unwrap().id().to_owned();
    b.gate.set(Passes::AllButWatches);
    // What a replica leaves that dies in the middle of a deletion, once every app was asked: nobody was told, and the claim
    // is there. Whoever takes it over puts a placeholder in the place of its holder.
    let users: Api<User> = Api::namespaced(site.client.clone(), &site.tenant.namespace);
    let apps_agree = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
    users.patch(&old, &PatchParams::default(), &apps_agree).await.unwrap();
    users.delete(&old, &DeleteParams::default()).await.unwrap();
    let new = a.create("grace").await.unwrap().id().to_owned();
    assert_eq!(b.named("grace").unwrap(), [new.as_str()]);
    assert!(matches!(b.user(&old), Err(StoreError::NotFound { .. })));
    a.rename(&new, "hopper").await.unwrap();
    b.create("grace").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_is_told_of_everything_from_then_on() {
    let site = Site::new().await;
    let a = site.replica("a").await;
    let newcomer = site.replica("b").await;
    newcomer.gate.set(Passes::AllButWatches);
    let id = a.create("ada").await.unwrap().id().to_owned();
    assert_eq!(newcomer.named("ada").unwrap(), [id.as_str()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_is_cut_off_refuses_reads_rather_than_show_something_old() {
    let site = Site::new().await;
    let [a, b, _c] = site.three().await;
    let id = a.create("ada").await.unwrap().id().to_owned();
    b.gate.set(Passes::Nothing);
    a.rename_in_the_end(&id, "countess").await;
    assert!(is_unavailable(&b.user(&id)));
    assert!(is_unavailable(&b.named("ada")));
    assert!(b.store.not_ready().iter().any(|it| it.starts_with("read lease: ")));
    b.gate.set(Passes::Everything);
    b.ready().await;
    assert_eq!(b.named("countess").unwrap(), [id.as_str()]);
    assert_eq!(b.named("ada").unwrap(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_was_frozen_does_not_answer_from_its_past() {
    let site = Site::new().await;
    let a = site.replica("a").await;
    let id = a.create("ada").await.unwrap().id().to_owned();
    let (ready, is_ready) = tokio::sync::oneshot::channel();
    let (freeze, to_freeze) = std::sync::mpsc::channel::<()>();
    let (thaw, to_thaw) = std::sync::mpsc::channel::<()>();
    let frozen = std::thread::spawn({
        let (site, id) = (site.clone(), id.clone());
        move || {
            // Everything of this replica runs on one thread, so nothing of it runs while that is blocked.
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let b = site.replica("b").await;
                assert!(b.user(&id).is_ok());
                ready.send(()).unwrap();
                to_freeze.recv().unwrap();
                to_thaw.recv().unwrap();
                // No other task has run since.
                assert!(is_unavailable(&b.user(&id)));
                b.ready().await;
                b.user(&id).unwrap().document()["userName"].clone()
            })
        }
    });
    is_ready.await.unwrap();
    freeze.send(()).unwrap();
    a.rename_in_the_end(&id, "countess").await;
    thaw.send(()).unwrap();
    assert_eq!(tokio::task::spawn_blocking(|| frozen.join().unwrap()).await.unwrap(), json!("countess"));
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_go_on_after_the_lease_of_a_replica_that_died() {
    let site = Site::new().await;
    let [a, b, c] = site.three().await;
    drop(b);
    let created = in_the_end(async |attempt| a.create(&format!("ada{attempt}")).await).await;
    let name = created.document()["userName"].as_str().unwrap().to_owned();
    assert_eq!(c.named(&name).unwrap(), [created.id()]);
    let started = Instant::now();
    a.create("grace").await.unwrap();
    assert!(started.elapsed() < TERM, "{:?}", started.elapsed());
    let leases: Api<Lease> = Api::namespaced(site.client.clone(), &site.tenant.namespace);
    let replicas = ListParams::default().labels("rollcall.dev/replica=true");
    let left = async {
        while leases.list(&replicas).await.unwrap().items.len() > 2 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(SLACK, left).await.expect("the survivors delete the expired Lease");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_leaves_is_not_waited_for() {
    let site = Site::new().await;
    let [a, b, c] = site.three().await;
    let stop = CancellationToken::new();
    let writing = async {
        let mut longest = Duration::ZERO;
        for number in 0.. {
            if stop.is_cancelled() {
                break;
            }
            let started = Instant::now();
            a.create(&format!("ada{number}")).await.unwrap();
            longest = longest.max(started.elapsed());
        }
        longest
    };
    let leaving = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        b.leave().await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        stop.cancel();
    };
    let (longest, ()) = tokio::join!(writing, leaving);
    assert!(longest < TERM, "{longest:?}");
    assert_eq!(c.named("ada0").unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_shows_everything_that_was_acknowledged_before() {
    let site = Site::new().await;
    let [a, b, _c] = site.three().await;
    let newcomer = Replica::start(&site, "d");
    let acknowledged = std::sync::Mutex::new(Vec::new());
    let (acknowledged, newcomer, stop) = (&acknowledged, &newcomer, &CancellationToken::new());
    let write = |replica: &'static str, writer| async move {
        let writer: &Replica = writer;
        for number in 0.. {
            if stop.is_cancelled() {
                return;
            }
            let id = writer.create(&format!("{replica}{number}")).await.unwrap().id().to_owned();
            acknowledged.lock().unwrap().push(id.clone());
        }
    };
    let reading = async {
        let mut answered = 0;
        while answered < 50 {
            let known = acknowledged.lock().unwrap().clone();
            for id in &known {
                match newcomer.user(id) {
                    Ok(_) => answered += 1,
                    Err(error) => assert!(matches!(error, StoreError::Unavailable { .. }), "{error}"),
                }
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stop.cancel();
    };
    tokio::join!(write("a", &a), write("b", &b), reading);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_users_of_one_name_exactly_one_is_created() {
    let site = Site::new().await;
    let replicas = site.three().await;
    let names = ["ann@example.com", "Ann@example.com", "ANN@EXAMPLE.COM"];
    let creating = (0..60).map(|number| replicas[number % 3].create(names[number / 20]));
    let results = join_all(creating).await;
    let created: Vec<_> = results.iter().flatten().collect();
    assert_eq!(created.len(), 1);
    for error in results.iter().filter_map(|it| it.as_ref().err()) {
        assert!(matches!(error, StoreError::Taken { .. }), "{error}");
    }
    for replica in &replicas {
        assert_eq!(replica.named("ann@example.com").unwrap(), [created[0].id()]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_that_swap_names_never_share_one() {
    let site = Site::new().await;
    let replicas = site.three().await;
    let mut ids = Vec::new();
    for name in ["ada", "grace", "mary"] {
        ids.push(replicas[0].create(name).await.unwrap().id().to_owned());
    }
    for round in 0..8 {
        let names = ["ada", "grace", "mary", "joan"];
        let renaming = (0..3).map(|it| replicas[it].rename(&ids[it], names[(it + round) % 4]));
        for result in join_all(renaming).await {
            match result {
                Ok(_) | Err(StoreError::Taken { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        let mut seen = HashSet::new();
        for id in &ids {
            let name = replicas[0].user(id).unwrap().document()["userName"].as_str().unwrap().to_owned();
            for replica in &replicas {
                assert_eq!(replica.named(&name).unwrap(), [id.as_str()]);
            }
            assert!(seen.insert(name));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_without_a_fitting_seal_is_refused() {
    let site = Site::new().await;
    let a = site.replica("a").await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for path in ["hello", "written"] {
        let url = format!("http://{}/peers/v1/{path}", a.port.address());
        let body = json!({"to": "x", "from": "y", "written": []}).to_string();
        let plain = http.post(&url).body(body.clone()).send().await.unwrap();
        assert_eq!(plain.status(), 401);
        let wrong = http.post(&url).header("rollcall-seal", "0".repeat(64)).body(body).send().await.unwrap();
        assert_eq!(wrong.status(), 401);
        let long = http.post(&url).body("x".repeat(300_000)).send().await.unwrap();
        assert_eq!(long.status(), 413);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_go_on_with_another_key() {
    let site = Site::new().await;
    let [a, b] = [site.replica("a").await, site.replica("b").await];
    site.change_key(2).await;
    let c = site.replica("c").await;
    let id = c.create("ada").await.unwrap().id().to_owned();
    for other in [&a, &b] {
        assert_eq!(other.named("ada").unwrap(), [id.as_str()]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lone_replica_holds_no_lease_and_listens_nowhere() {
    let site = Site::new().await;
    let port = ports::reserve().unwrap();
    let mut options = site.options("alone", &port);
    options.expected = false;
    let (store, stop) = (Store::new(site.client.clone(), options), CancellationToken::new());
    let namespaces = [site.tenant.namespace.to_string()];
    let working = async {
        store.wait_until_ready().await;
        store.create_user(&site.tenant, user("ada"), &[]).await.unwrap();
        let leases: Api<Lease> = Api::namespaced(site.client.clone(), &site.tenant.namespace);
        let replicas = ListParams::default().labels("rollcall.dev/replica=true");
        assert_eq!(leases.list(&replicas).await.unwrap().items.len(), 0);
        assert!(tokio::net::TcpStream::connect(port.address()).await.is_err());
        stop.cancel();
    };
    tokio::join!(store.follow(&namespaces, stop.clone()), working);
}
