//! scim2-tester, the compliance suite of the Python SCIM libraries.
//!
//! To update it: `pip install 'scim2-tester[httpx2]'` into an empty virtual environment, and `pip freeze` into the list.

use std::process::Command;

use super::install::{Recipe, installed};
use super::{PeerError, python};

const REQUIREMENTS: &str = include_str!("../../../tests/peers/scim2-tester/requirements.txt");

/// A Python that has it.
pub fn scim2_tester() -> Result<Command, PeerError> {
    let directory = installed(&Recipe {
        name: "scim2-tester",
        files: &[("requirements.txt", REQUIREMENTS)],
        commands: &python::packages,
    })?;
    Ok(Command::new(directory.join("venv/bin/python")))
}
