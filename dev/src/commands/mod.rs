//! One file per command.

mod assets;
mod control_plane;
mod error;

use std::process::ExitCode;

use error::CommandError;

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Find the programs of the control plane, building what is missing, and print where they are
    Assets,
    /// Run a bare control plane in the foreground until standard input ends (Ctrl-D)
    ControlPlane,
}

impl Command {
    pub(crate) fn run(self) -> Result<ExitCode, CommandError> {
        let done = |()| ExitCode::SUCCESS;
        match self {
            Self::Assets => assets::run().map(done),
            Self::ControlPlane => control_plane::run().map(done),
        }
    }
}
