//! scim2-server, a SCIM server in Python: strict, in memory, the most complete of those that can be had.
//!
//! To update it: `pip install` the new version, with `uvicorn httptools uvloop`, into an empty virtual environment, and
//! `pip freeze` into the list.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::install::{Recipe, installed};
use super::{Peer, PeerError, Start, python};

const REQUIREMENTS: &str = include_str!("../../../tests/peers/scim2-server/requirements.txt");
const LOADED: &str = include_str!("../../../tests/peers/scim2-server/loaded.py");

/// Starts one, by its own command.
pub fn scim2_server() -> Result<Peer, PeerError> {
    let directory = directory()?;
    start(&|port, token| {
        let mut command = Command::new(directory.join("venv/bin/scim2-server"));
        command.args(["--port", &port.to_string(), "--bearer-token", token]);
        command
    })
}

/// Starts one that is made for load, as one that is measured must.
pub fn scim2_server_at_full_speed() -> Result<Peer, PeerError> {
    let directory = directory()?;
    start(&|port, _| {
        let mut command = Command::new(directory.join("venv/bin/python"));
        command.arg(directory.join("loaded.py")).arg(port.to_string());
        command
    })
}

fn start(command: &dyn Fn(u16, &str) -> Command) -> Result<Peer, PeerError> {
    Peer::start(&Start {
        name: "scim2-server",
        base_path: "/v2",
        command,
        sign_in: None,
        patience: Duration::from_mins(1),
    })
}

fn directory() -> Result<PathBuf, PeerError> {
    installed(&Recipe {
        name: "scim2-server",
        files: &[("requirements.txt", REQUIREMENTS), ("loaded.py", LOADED)],
        commands: &python::packages,
    })
}
