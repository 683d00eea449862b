//! Parses arguments and dispatches; everything else lives in the library.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;
use rollcall::{
    api,
    cli::{Cli, Command, RunArgs},
    run::{self, RunError},
    telemetry,
};

/// The C library's allocator keeps what it was given once: a replica that has read everything would hold twice what it
/// needs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// It could not start: the arguments are fine, but something that they name is not.
const CANNOT_START: u8 = 3;

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Run(args) => run(*args),
        Command::Crds => match print_crds() {
            Ok(()) => ExitCode::SUCCESS,
            // Whoever reads has read enough, as `head` does.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Err(error) => complain(&error, 1),
        },
    }
}

fn run(args: RunArgs) -> ExitCode {
    let logging = match telemetry::init(args.log_format, &args.log_level) {
        Ok(logging) => logging,
        Err(error) => return complain(&error, CANNOT_START),
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error, CANNOT_START),
    };
    let outcome = runtime.block_on(run::run(args));
    drop(runtime);
    // A complaint is the last line.
    drop(logging);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error @ RunError::Start(_)) => complain(&error, CANNOT_START),
        Err(error @ RunError::Failed { .. }) => complain(&error, 1),
    }
}

fn print_crds() -> io::Result<()> {
    let mut out = io::stdout().lock();
    for crd in api::crds() {
        let yaml = api::manifest(&crd).map_err(io::Error::other)?;
        write!(out, "---\n{yaml}")?;
    }
    out.flush()
}

fn complain(error: &dyn std::error::Error, code: u8) -> ExitCode {
    // If standard error is closed there is nobody left to tell.
    let _ = writeln!(io::stderr(), "rollcall: {error}");
    ExitCode::from(code)
}
