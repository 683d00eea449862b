//! Other people's suites and clients against the receiver, unmodified: what they take for granted must hold.
//!
//! Each is installed once from its package registry (`dev/src/peers`), and gets a fresh tenant.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod before_rfc9865;
mod canaille;
#[path = "../support/endpoint.rs"]
mod endpoint;
#[path = "../replicas/gate.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod gate;
mod scim2_tester;
mod scimono;
#[path = "../support/receiver.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod support;
mod unboundid;

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use endpoint::Endpoint;
use rollcall_dev::peers::{self, PeerError, Ran};

/// For a program: far more than it takes, as machines may be busy.
const PATIENCE: Duration = Duration::from_mins(5);

/// Installs a program, which takes a while the first time.
async fn installed<T: Send + 'static>(install: fn() -> Result<T, PeerError>) -> T {
    tokio::task::spawn_blocking(install).await.unwrap().unwrap_or_else(|error| panic!("{error}"))
}

/// Runs a program to its end. It finds the tenant in its environment.
async fn run(name: &'static str, mut command: Command, tenant: &Endpoint) -> Ran {
    command.env("SCIM_URL", &tenant.url).env("SCIM_TOKEN", &tenant.token);
    let ran = tokio::task::spawn_blocking(move || peers::run(name, &command, PATIENCE)).await.unwrap();
    ran.unwrap_or_else(|error| panic!("{error}"))
}

/// A file beside this one.
fn beside(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/external").join(path)
}
