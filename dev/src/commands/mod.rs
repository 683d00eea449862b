//! One file per command; `environment`, `operator`, `state` and `tenant` are what they share.

mod assets;
mod control_plane;
mod demo;
mod down;
mod environment;
mod error;
mod operator;
mod serve;
mod state;
mod status;
mod tenant;
mod up;

use std::process::ExitCode;

use error::CommandError;

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Find the programs of the control plane, building what is missing, and print where they are
    Assets,
    /// Run a bare control plane in the foreground until standard input ends (Ctrl-D)
    ControlPlane,
    /// Tell the story of Rollcall with real output: a control plane, the operator, two apps
    Demo,
    /// Start a control plane and the operator in the background, with a ready tenant; see dev/.state/env
    Up(up::Up),
    /// Stop what `up` started and remove its state
    Down,
    /// Say what runs; fails when something that should run does not
    Status,
    /// Be the background process of `up`
    #[command(hide = true)]
    Serve(serve::Serve),
}

impl Command {
    pub(crate) fn run(self) -> Result<ExitCode, CommandError> {
        let done = |()| ExitCode::SUCCESS;
        match self {
            Self::Assets => assets::run().map(done),
            Self::ControlPlane => control_plane::run().map(done),
            Self::Demo => demo::run().map(done),
            Self::Up(up) => up.run().map(done),
            Self::Down => down::run().map(done),
            Self::Status => status::run(),
            Self::Serve(serve) => serve.run().map(done),
        }
    }
}
