//! Canaille, an identity provider that pushes by itself what becomes of its users and groups.
//!
//! To update it: `pip install 'canaille[oidc,scim,sqlite]'` into an empty virtual environment, and `pip freeze` into the
//! list. Of scim2-client it needs the version that it was released with: from 0.8 on, that sends `If-Match` with the
//! version in a document, and Canaille puts its own version there, which no server can know.

use std::path::PathBuf;

use super::install::{Recipe, installed};
use super::{PeerError, python};

const REQUIREMENTS: &str = include_str!("../../../tests/peers/canaille/requirements.txt");

/// Its command line.
pub fn canaille() -> Result<PathBuf, PeerError> {
    let directory = installed(&Recipe {
        name: "canaille",
        files: &[("requirements.txt", REQUIREMENTS)],
        commands: &python::packages,
    })?;
    Ok(directory.join("venv/bin/canaille"))
}
