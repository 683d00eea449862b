//! SCIMMY, a SCIM server library for Node: lenient, and departs from the standard where many real apps do.
//!
//! To update it: change `package.json`, and `npm install --package-lock-only --omit-lockfile-registry-resolved`.

use std::process::Command;
use std::time::Duration;

use super::install::{Recipe, installed};
use super::{Peer, PeerError, Start};

const PACKAGE: &str = include_str!("../../../tests/peers/scimmy/package.json");
const LOCK: &str = include_str!("../../../tests/peers/scimmy/package-lock.json");
const SERVER: &str = include_str!("../../../tests/peers/scimmy/server.mjs");

/// Starts one.
pub fn scimmy() -> Result<Peer, PeerError> {
    let directory = installed(&Recipe {
        name: "scimmy",
        files: &[("package.json", PACKAGE), ("package-lock.json", LOCK), ("server.mjs", SERVER)],
        commands: &|_| {
            let mut packages = Command::new("npm");
            packages.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]);
            vec![packages]
        },
    })?;
    Peer::start(&Start {
        name: "scimmy",
        base_path: "/scim/v2",
        command: &|port, token| {
            let mut command = Command::new("node");
            command.arg(directory.join("server.mjs")).args([&port.to_string(), token]);
            command
        },
        sign_in: None,
        patience: Duration::from_mins(1),
    })
}
