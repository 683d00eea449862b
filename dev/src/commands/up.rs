//! `rollcall-dev up`: everything in the background, and only then back to the prompt.

use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

use rollcall_dev::assets;

use super::environment::Environment;
use super::error::{CommandError, Doing};
use super::state::State;
use super::{down, operator, status};

#[derive(Debug, clap::Args)]
pub(crate) struct Up {
    /// How many operators to run
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=9))]
    replicas: u8,
}

impl Up {
    pub(crate) fn run(&self) -> Result<(), CommandError> {
        let state = State::open()?;
        let _turn = state.take_turn()?;
        if let Some(environment) = self.healthy(&state)? {
            println!("already up");
            tell(&state, &environment);
            return Ok(());
        }
        down::stop(&state)?;
        assets::locate()?;
        let operator = operator::binary()?;
        let started = Instant::now();
        let environment = self.start(&state, &operator)?;
        println!("up after {:.1} s", started.elapsed().as_secs_f32());
        tell(&state, &environment);
        Ok(())
    }

    /// What is up already, when it is what is asked for and works.
    fn healthy(&self, state: &State) -> Result<Option<Environment>, CommandError> {
        if state.serving()?.is_none() {
            return Ok(None);
        }
        let environment = Environment::read(&state.environment())?;
        Ok(environment.filter(|environment| {
            environment.replicas.len() == usize::from(self.replicas) && status::healthy(environment)
        }))
    }

    /// Starts the background process and waits until it has written the environment.
    fn start(&self, state: &State, operator: &std::path::Path) -> Result<Environment, CommandError> {
        let log = state.file("serve.log");
        let output = File::create(&log).doing(|| format!("write {}", log.display()))?;
        let errors = output.try_clone().doing(|| format!("write {}", log.display()))?;
        let ourselves = env::current_exe().doing(|| "find this program".to_owned())?;
        let mut child = Command::new(ourselves)
            .arg("serve")
            .arg("--operator")
            .arg(operator)
            .args(["--replicas", &self.replicas.to_string()])
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .doing(|| "start the background process".to_owned())?;
        loop {
            if let Some(environment) = Environment::read(&state.environment())? {
                return Ok(environment);
            }
            if let Some(status) = child.try_wait().doing(|| "wait for the background process".to_owned())? {
                let text = fs::read_to_string(&log).unwrap_or_default();
                return Err(CommandError::NotUp { status, log, text });
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// What to do next.
fn tell(state: &State, environment: &Environment) {
    for replica in &environment.replicas {
        println!("  SCIM  {}  (process {})", replica.scim_url, replica.pid);
    }
    println!("  set -a; . {}; set +a; PATH=\"$ASSETS:$PATH\"", state.environment().display());
    println!("  kubectl get scim -n {}", operator::NAMESPACE);
    println!("  curl -H \"Authorization: Bearer $SCIM_TOKEN\" \"$SCIM_URL/Users\"");
}
