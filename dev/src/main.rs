//! The development commands, which make calls: one file each in `commands/`.
#![allow(clippy::print_stdout, reason = "a command-line program speaks on standard output")]

mod commands;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use commands::Command;

/// Rollcall's development environment: a Kubernetes control plane on this machine, and the operator on it.
#[derive(Debug, Parser)]
#[command(name = "rollcall-dev", max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    match Arguments::parse().command.run() {
        Ok(code) => code,
        Err(error) => {
            // The exit code still tells when standard error is closed.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}
