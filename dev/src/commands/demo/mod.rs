//! `rollcall-dev demo`: the story of Rollcall in acts, on a real control plane, with real apps.
//!
//! Nothing that is printed is canned. Each act asserts what it shows, so the exit code says whether the story is true.

mod acts;
mod apps;
mod chat;
mod cluster;
mod error;
mod http;
mod ledger;
mod okta;
mod screen;
mod stage;
mod watch;

use std::fs;
use std::io;
use std::path::PathBuf;

use rollcall_dev::assets;

use super::error::{CommandError, Doing};
use super::operator;
pub(crate) use error::DemoError;
use screen::Screen;
use stage::Stage;

pub(crate) fn run() -> Result<(), CommandError> {
    assets::locate()?;
    let binary = operator::binary()?;
    let logs = fresh_logs()?;
    let mut screen = Screen::new();
    perform(&mut screen, binary, logs.clone()).map_err(|source| CommandError::Demo {
        act: screen.act().to_owned(),
        source: Box::new(source),
        logs,
    })
}

fn perform(screen: &mut Screen, binary: PathBuf, logs: PathBuf) -> Result<(), DemoError> {
    let mut stage = Stage::set(screen, binary, logs)?;
    let okta = acts::tenant::play(&mut stage)?;
    let ada = acts::assign::play(&mut stage, &okta)?;
    let team = acts::push::play(&mut stage, &okta, &ada)?;
    acts::rename::play(&mut stage, &okta, &team)?;
    acts::deactivate::play(&mut stage, &okta, &ada)?;
    acts::refusals::play(&mut stage, &okta)?;
    acts::crash::play(&mut stage, &okta)?;
    acts::farewell::play(stage)
}

/// An empty directory for the logs, beside what cargo builds: they are of use after a failure, when everything else is gone.
fn fresh_logs() -> Result<PathBuf, CommandError> {
    let logs = operator::target()?.join("demo-logs");
    match fs::remove_dir_all(&logs) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
    .and_then(|()| fs::create_dir_all(&logs))
    .doing(|| format!("make the directory {} for logs", logs.display()))?;
    Ok(logs)
}
