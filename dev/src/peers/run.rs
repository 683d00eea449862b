//! Running a program to its end, on a [`Leash`], so that it ends with its owner, too.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::leash::Leash;
use super::{PeerError, tail};

/// What a program said and how it ended.
#[derive(Debug)]
pub struct Ran {
    /// Both of its outputs.
    pub said: String,
    pub succeeded: bool,
}

/// Runs `command`, for `patience` at most.
pub fn run(name: &'static str, command: &Command, patience: Duration) -> Result<Ran, PeerError> {
    let leash = Leash::start(name, command)?;
    let deadline = Instant::now() + patience;
    loop {
        if let Some(status) = leash.status()? {
            let log = leash.log();
            let said = fs::read(&log).map_err(PeerError::io(format!("read {}", log.display())))?;
            return Ok(Ran { said: String::from_utf8_lossy(&said).into_owned(), succeeded: status == 0 });
        }
        if Instant::now() > deadline {
            return Err(PeerError::NotDone { name, seconds: patience.as_secs(), log: tail(&leash.log()) });
        }
        thread::sleep(Duration::from_millis(25));
    }
}
