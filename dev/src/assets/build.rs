//! Builds one program with the Go compiler, showing that something happens meanwhile.

use std::fs::{self, File};
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::{self, Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::say;
use super::tools::Tool;
use crate::error::{Doing, Error};

/// Builds `tool` and moves it into `cache` in one step, so that nobody ever runs half of it.
pub(super) fn build(tool: &Tool, cache: &Path, step: &str) -> Result<(), Error> {
    let partial = cache.join(format!(".{}.{}.partial", tool.name, process::id()));
    let log = cache.join(format!("{}.log", tool.name));
    let mut command = go_build(tool, &partial)?;
    let output = File::create(&log).doing(|| format!("write {}", log.display()))?;
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(output).spawn();
    let child = match child {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::remove_file(&log).doing(|| format!("remove {}", log.display()))?;
            return Err(Error::GoMissing { binary: tool.name });
        }
        started => started.doing(|| "start `go build`".to_owned())?,
    };
    let status = watch(child, &format!("building {} ({step})", tool.name))?;
    if !status.success() {
        let output = fs::read_to_string(&log).unwrap_or_default();
        return Err(Error::Build { binary: tool.name, directory: tool.module.directory(), status, output });
    }
    let program = cache.join(tool.name);
    fs::rename(&partial, &program).doing(|| format!("move the new program to {}", program.display()))?;
    fs::remove_file(&log).doing(|| format!("remove {}", log.display()))
}

/// The command, which depends on nothing of the caller's but the compiler: same pins, same program.
fn go_build(tool: &Tool, output: &Path) -> Result<Command, Error> {
    let version = tool.module.version()?;
    let mut link = vec!["-s".to_owned(), "-w".to_owned()];
    link.extend(tool.module.version_variables(&version));
    let mut command = Command::new("go");
    command
        .current_dir(tool.module.directory())
        .env("CGO_ENABLED", "0")
        .env("GOWORK", "off")
        .args(["build", "-trimpath", "-mod=readonly", "-buildvcs=false"])
        .arg(format!("-ldflags={}", link.join(" ")))
        .arg("-o")
        .arg(output)
        .arg(tool.package);
    Ok(command)
}

/// Waits for the compiler: on a terminal with a line that counts the seconds, otherwise with one now and then.
fn watch(mut child: Child, what: &str) -> Result<ExitStatus, Error> {
    let started = Instant::now();
    let terminal = io::stderr().is_terminal();
    let interval = Duration::from_secs(if terminal { 1 } else { 15 });
    let mut next = Duration::ZERO;
    loop {
        let elapsed = started.elapsed();
        if let Some(status) = child.try_wait().doing(|| "wait for `go build`".to_owned())? {
            if terminal {
                clear_line();
            }
            say(&format!(
                "{what}: {} s, {}",
                elapsed.as_secs(),
                if status.success() { "done" } else { "failed" }
            ));
            return Ok(status);
        }
        if elapsed >= next {
            if terminal {
                clear_line();
                // As in `say`: progress that nobody sees is not worth failing for.
                let _ = write!(io::stderr(), "control plane: {what}: {} s", elapsed.as_secs());
            } else {
                say(&format!("{what}: {} s", elapsed.as_secs()));
            }
            next = elapsed + interval;
        }
        thread::sleep(Duration::from_millis(100));
    }
}

fn clear_line() {
    // As in `say`.
    let _ = write!(io::stderr(), "\r\x1b[K");
}
