//! `rollcall-dev down`: as if `up` had never been called.

use std::io;
use std::time::Duration;

use rustix::process::{Signal, kill_process};

use super::error::{CommandError, Doing};
use super::state::State;

/// Longer than the background process gives the operators.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn run() -> Result<(), CommandError> {
    let state = State::open()?;
    let _turn = state.take_turn()?;
    println!("{}", if stop(&state)? { "down" } else { "nothing was up" });
    Ok(())
}

/// Ends the background process, when there is one, and removes the state; tells whether there was one.
pub(crate) fn stop(state: &State) -> Result<bool, CommandError> {
    let serving = state.serving()?;
    if let Some(process) = serving {
        let send = |signal| {
            let sent = match kill_process(process, signal) {
                // It ended in between, as it should.
                Err(rustix::io::Errno::SRCH) => Ok(()),
                other => other.map_err(io::Error::from),
            };
            sent.doing(|| format!("end process {}", process.as_raw_nonzero()))
        };
        send(Signal::TERM)?;
        if !state.wait_until_gone(PATIENCE)? {
            println!("process {} does not end; killing it", process.as_raw_nonzero());
            send(Signal::KILL)?;
            state.wait_until_gone(PATIENCE)?;
        }
    }
    state.clear()?;
    Ok(serving.is_some())
}
