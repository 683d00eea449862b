//! scim-server, a SCIM server library for Rust, with users in memory: what the benchmark compares with.
//!
//! To update it: change `Cargo.toml`, and `cargo update` there.

use std::process::Command;
use std::time::Duration;

use super::install::{Recipe, installed};
use super::{Peer, PeerError, Start};

const PACKAGE: &str = include_str!("../../../tests/peers/scim-server/Cargo.toml");
const LOCK: &str = include_str!("../../../tests/peers/scim-server/Cargo.lock");
const SERVER: &str = include_str!("../../../tests/peers/scim-server/src/main.rs");

/// Starts one.
pub fn scim_server() -> Result<Peer, PeerError> {
    let directory = installed(&Recipe {
        name: "scim-server",
        files: &[("Cargo.toml", PACKAGE), ("Cargo.lock", LOCK), ("src/main.rs", SERVER)],
        commands: &|_| {
            let mut build = Command::new("cargo");
            build.args(["install", "--locked", "--no-track", "--path=.", "--root=.", "--target-dir=target"]);
            let mut clear = Command::new("rm");
            clear.args(["-r", "target"]);
            vec![build, clear]
        },
    })?;
    Peer::start(&Start {
        name: "scim-server",
        base_path: "/v2",
        command: &|port, _| {
            let mut command = Command::new(directory.join("bin/rollcall-peer-scim-server"));
            command.arg(port.to_string());
            command
        },
        sign_in: None,
        patience: Duration::from_mins(1),
    })
}
