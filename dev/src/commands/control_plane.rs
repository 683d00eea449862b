//! `rollcall-dev control-plane`: a bare control plane, for looking around.

use std::io;

use rollcall_dev::{ControlPlane, Options};

use super::error::{CommandError, Doing};

/// Prints the path of the kubeconfig once the control plane is ready, then waits for standard input to end.
pub(crate) fn run() -> Result<(), CommandError> {
    let plane = ControlPlane::start(Options::default())?;
    println!("{}", plane.kubeconfig_path().display());
    io::copy(&mut io::stdin(), &mut io::sink()).doing(|| "read standard input".to_owned()).map(drop)
}
