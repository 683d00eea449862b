//! Programs in Python: a virtual environment with exactly the packages of a list.

use std::path::Path;
use std::process::Command;

/// The commands that make `venv` out of `requirements.txt`.
pub fn packages(directory: &Path) -> Vec<Command> {
    let mut environment = Command::new("python3");
    environment.args(["-m", "venv", "venv"]);
    let mut packages = Command::new(directory.join("venv/bin/python"));
    // The list is complete, so pip is not to add to it.
    packages.args(["-m", "pip", "install", "--no-deps", "--disable-pip-version-check"]);
    packages.args(["-r", "requirements.txt"]);
    vec![environment, packages]
}
