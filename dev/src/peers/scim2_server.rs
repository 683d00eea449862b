//! scim2-server, a SCIM server in Python: strict, in memory, the most complete of those that can be had.
//!
//! To update it: `pip install` the new version into an empty virtual environment, and `pip freeze` into the list.

use std::process::Command;
use std::time::Duration;

use super::install::{Recipe, installed};
use super::{Peer, PeerError, Start, python};

const REQUIREMENTS: &str = include_str!("../../../tests/peers/scim2-server/requirements.txt");

/// Starts one.
pub fn scim2_server() -> Result<Peer, PeerError> {
    let directory = installed(&Recipe {
        name: "scim2-server",
        files: &[("requirements.txt", REQUIREMENTS)],
        commands: &python::packages,
    })?;
    Peer::start(&Start {
        name: "scim2-server",
        base_path: "/v2",
        command: &|port, token| {
            let mut command = Command::new(directory.join("venv/bin/scim2-server"));
            command.args(["--port", &port.to_string(), "--bearer-token", token]);
            command
        },
        sign_in: None,
        patience: Duration::from_mins(1),
    })
}
