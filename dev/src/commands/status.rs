//! `rollcall-dev status`: what of `up` runs and is ready.

use std::process::{Command, ExitCode, Stdio};

use super::environment::Environment;
use super::error::CommandError;
use super::operator;
use super::state::State;

/// Prints a line for each part. Success only when all of it is ready.
pub(crate) fn run() -> Result<ExitCode, CommandError> {
    let state = State::open()?;
    let (Some(_), Some(environment)) = (state.serving()?, Environment::read(&state.environment())?) else {
        println!("not up; `make up` starts it");
        return Ok(ExitCode::FAILURE);
    };
    let mut all_ready = true;
    for (part, ready) in parts(&environment) {
        all_ready &= ready;
        println!("{:<9}  {part}", if ready { "ready" } else { "not ready" });
    }
    println!("logs are in {}", state.directory().display());
    Ok(if all_ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether every part is ready.
pub(crate) fn healthy(environment: &Environment) -> bool {
    parts(environment).into_iter().all(|(_, ready)| ready)
}

/// Each part, and whether it is ready.
fn parts(environment: &Environment) -> Vec<(String, bool)> {
    let plane =
        (format!("control plane  KUBECONFIG={}", environment.kubeconfig), api_server_is_ready(environment));
    let operators = environment.replicas.iter().map(|replica| {
        let ready = operator::answers(&replica.ready_url());
        (format!("operator       process {}, {}", replica.pid, replica.scim_url), ready)
    });
    std::iter::once(plane).chain(operators).collect()
}

/// A kubectl that cannot even start is as good as an API server that does not answer.
fn api_server_is_ready(environment: &Environment) -> bool {
    Command::new("kubectl")
        .env("PATH", &environment.assets)
        .env("KUBECONFIG", &environment.kubeconfig)
        .args(["get", "--raw=/readyz", "--request-timeout=3s"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
