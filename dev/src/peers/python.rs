//! Programs in Python: a virtual environment with exactly the packages of a list.

use std::path::Path;
use std::process::Command;

/// Finds a Python 3.12, which pyenv keeps off the path unless it is asked for it.
const WITH_3_12: &str = r#"
for python in python3.12 "$HOME"/.pyenv/versions/3.12*/bin/python3.12; do
    "$python" -m venv venv && exit
done
echo "there is no Python 3.12 with venv: install it as python3.12"
exit 1
"#;

/// The commands that make `venv` out of `requirements.txt`.
pub fn packages(directory: &Path) -> Vec<Command> {
    let mut environment = Command::new("python3");
    environment.args(["-m", "venv", "venv"]);
    vec![environment, install(directory)]
}

/// The same for what needs at least Python 3.12.
pub fn packages_for_3_12(directory: &Path) -> Vec<Command> {
    let mut environment = Command::new("sh");
    environment.args(["-c", WITH_3_12]);
    vec![environment, install(directory)]
}

fn install(directory: &Path) -> Command {
    let mut packages = Command::new(directory.join("venv/bin/python"));
    // The list is complete, so pip is not to add to it.
    packages.args(["-m", "pip", "install", "--no-deps", "--disable-pip-version-check"]);
    packages.args(["-r", "requirements.txt"]);
    packages
}
