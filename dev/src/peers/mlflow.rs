//! MLflow with the plugin mlflow-oidc-auth, an application that people run and provision over SCIM: durable, and what
//! the benchmark compares with.
//!
//! To update it: `pip install mlflow-oidc-auth` into an empty virtual environment, and `pip freeze` into the list.

use std::process::Command;
use std::time::Duration;

use super::install::{Recipe, installed};
use super::{Peer, PeerError, Start, python};

const REQUIREMENTS: &str = include_str!("../../../tests/peers/mlflow/requirements.txt");
const SERVER: &str = include_str!("../../../tests/peers/mlflow/server.py");

/// Starts one.
pub fn mlflow() -> Result<Peer, PeerError> {
    let directory = installed(&Recipe {
        name: "mlflow",
        files: &[("requirements.txt", REQUIREMENTS), ("server.py", SERVER)],
        commands: &python::packages_for_3_12,
    })?;
    Peer::start(&Start {
        name: "mlflow",
        base_path: "/scim/v2",
        command: &|port, _| {
            let mut command = Command::new(directory.join("venv/bin/python"));
            command.arg(directory.join("server.py")).arg(port.to_string());
            command
        },
        // The token that server.py has it issue.
        sign_in: Some(|_| Some("scim_00000000_rollcall".to_owned())),
        // Each of its workers takes the time of a processor to import what it needs.
        patience: Duration::from_mins(5),
    })
}
