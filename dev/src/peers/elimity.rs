//! elimity-com/scim, a SCIM server library for Go, with users in memory: what the benchmark compares with.
//!
//! To update it: `go get github.com/elimity-com/scim@COMMIT`, as its releases do not resolve, and `go mod tidy`.

use std::process::Command;
use std::time::Duration;

use super::install::{Recipe, installed};
use super::{Peer, PeerError, Start};

const MODULE: &str = include_str!("../../../tests/peers/elimity/go.mod");
const SUMS: &str = include_str!("../../../tests/peers/elimity/go.sum");
const SERVER: &str = include_str!("../../../tests/peers/elimity/main.go");

/// Starts one.
pub fn elimity() -> Result<Peer, PeerError> {
    let directory = installed(&Recipe {
        name: "elimity",
        files: &[("go.mod", MODULE), ("go.sum", SUMS), ("main.go", SERVER)],
        commands: &|_| {
            let mut build = Command::new("go");
            build.env("CGO_ENABLED", "0").env("GOWORK", "off");
            build.args(["build", "-trimpath", "-mod=readonly", "-buildvcs=false", "-o", "server", "."]);
            vec![build]
        },
    })?;
    Peer::start(&Start {
        name: "elimity",
        base_path: "/v2",
        command: &|port, _| {
            let mut command = Command::new(directory.join("server"));
            command.arg(port.to_string());
            command
        },
        sign_in: None,
        patience: Duration::from_mins(1),
    })
}
