//! Three replicas under load while they are killed, frozen, cut off and lied to: every history that clients saw can be
//! explained, and what was acknowledged is there on every replica afterwards.
//!
//! `make test` does this for half a minute; `make torture` for as long as `TORTURE_SECONDS` says. `SEED` decides the order
//! of faults and of what clients do; the times at which things happen differ all the same.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "each test binary uses its part of this")]
#[path = "../support/api_proxy.rs"]
mod api_proxy;
#[allow(dead_code, reason = "each test binary uses its part of this")]
#[path = "../support/operator.rs"]
mod operator;
#[allow(dead_code, reason = "each test binary uses its part of this")]
#[path = "../support/scim.rs"]
mod scim;

mod arena;
mod blocks;
mod check;
mod clients;
mod crowd;
mod history;
mod people;
mod random;
mod replicas;
mod rolling;
mod service;

use std::{env, time::Duration};

use tokio::sync::Mutex;

use api_proxy::Passes;
use clients::Load;
use random::Random;
use replicas::{LONG_LEASE, SHORT_LEASE};

/// The tests of this file break the control plane that they share, so they take turns.
static TURN: Mutex<()> = Mutex::const_new(());

/// So many of a hundred requests must have an answer other than 503, whatever happens to the replicas. It is half of what
/// the worst of several runs had.
const DEFINITE: usize = 25;

/// A number from the environment.
fn setting(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is {text}, no number")))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_history_of_three_tortured_replicas_can_be_explained() {
    let _turn = TURN.lock().await;
    let seconds = setting("TORTURE_SECONDS").unwrap_or(25);
    let seed = setting("SEED").unwrap_or_else(|| u64::from(std::process::id()));
    eprintln!("SEED={seed} TORTURE_SECONDS={seconds}");
    let mut random = Random::new(seed);
    let (replicas, service) = replicas::start(&[true; 3], SHORT_LEASE).await;
    let load = Load::start(&service, &mut random, Duration::from_secs(seconds)).await;
    let before = service.history.answers();
    let over = tokio::time::sleep(Duration::from_secs(seconds));
    let faults = replicas::torture(&replicas, &mut random, over).await;
    eprintln!("{}", faults.join(", "));
    let known = load.end().await;
    let definite = service.history.answers().percent_since(before);
    for replica in &replicas {
        replica.until_ready().await;
    }
    known.read_everything_everywhere().await;
    eprintln!("{}", service.history.summary());
    let found = service.history.judge();
    assert!(found.is_empty(), "SEED={seed}\n{}", found.join("\n"));
    let mut slices = Vec::new();
    for id in known.large_groups() {
        slices.push(replicas[0].slices(id).await);
    }
    eprintln!("{definite} % of the answers were definite; the large groups are in {slices:?} slices");
    assert!(slices[0] >= 2 && slices[1] >= 1, "the changes were too few for slices: {slices:?}");
    assert!(definite >= DEFINITE, "SEED={seed}\nonly {definite} % of the answers were definite");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_starts_before_the_api_server_waits_for_it() {
    let _turn = TURN.lock().await;
    let (replicas, service) = replicas::start(&[false], LONG_LEASE).await;
    replicas[0].start_before_the_api_server().await;
    people::create(&service, (0, 0), "ada", "v1").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_does_not_know_of_the_others_is_found_out() {
    let _turn = TURN.lock().await;
    let (replicas, service) = replicas::start(&[true, false], LONG_LEASE).await;
    let person = people::create(&service, (0, 0), "ada", "v1").await.unwrap();
    people::read(&service, (0, 1), &person).await;
    replicas[1].let_pass(Passes::AllButWatches);
    people::write(&service, (0, 0), &person, "v2").await;
    people::read(&service, (0, 1), &person).await;
    let found = service.history.judge();
    assert_eq!(found.len(), 1, "{found:?}");
    let lines: Vec<&str> = found[0].lines().skip(1).map(|line| line.split(": ").nth(1).unwrap()).collect();
    assert_eq!(lines, ["create as v1", "write v2", "read v1"]);
}
