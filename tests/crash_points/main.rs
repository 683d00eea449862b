//! The operator is killed right after each of its writes to the API server, one after the other: what it was doing is
//! done or not done, never half, and nothing needs a person afterwards.
//!
//! A proxy between operator and API server counts the writes of an operation: `k` goes from 1 until the operation is
//! through before write `k` comes. Each operation is also swept with an API server that stores write `k` and says 504,
//! which leaves the operator alive and in doubt.

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

mod groups;
mod lane;
mod large_groups;
mod leftovers;
mod sweep;
mod tails;
mod users;

use lane::Lane;
use sweep::everywhere;
use tails::Told;

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_after_any_write_leaves_every_user_whole() {
    tokio::join!(
        alone(|lane| everywhere(lane, users::Create)),
        alone(|lane| everywhere(lane, users::Rename)),
        alone(|lane| everywhere(lane, users::Swap)),
        alone(|lane| everywhere(lane, users::Deactivate)),
        alone(|lane| everywhere(lane, users::Delete)),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_after_any_write_leaves_every_group_whole() {
    tokio::join!(
        alone(|lane| everywhere(lane, groups::Create)),
        alone(|lane| everywhere(lane, groups::Patch)),
        alone(|lane| everywhere(lane, groups::Rename)),
        alone(|lane| everywhere(lane, groups::Delete)),
        alone(async |lane| {
            let people = large_groups::people(&lane, large_groups::PEOPLE).await;
            let lane = everywhere(lane, large_groups::Grow(people.clone())).await;
            everywhere(lane, large_groups::Shrink(people)).await
        }),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_after_any_write_leaves_every_long_tail_whole() {
    tokio::join!(
        alone(async |lane| {
            let people = large_groups::people(&lane, tails::PEOPLE).await;
            let lane = everywhere(lane, Told(tails::Overflow(people.clone()))).await;
            let lane = everywhere(lane, Told(tails::Fold(people.clone()))).await;
            let lane = everywhere(lane, Told(tails::Join(people.clone()))).await;
            everywhere(lane, Told(tails::JoinAgain(people))).await
        }),
        alone(async |lane| {
            let people = large_groups::people(&lane, tails::FEW).await;
            everywhere(lane, Told(tails::Cross(people))).await
        }),
    );
}

/// Does something with an operator of its own, and looks afterwards at what crashes have left behind.
async fn alone<F: Future<Output = Lane>>(work: impl FnOnce(Lane) -> F) {
    let lane = work(Lane::start().await).await;
    leftovers::are_swept(&lane).await;
}
