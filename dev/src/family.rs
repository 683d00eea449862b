//! Processes and a directory that are gone when their owner is, however the owner ends.
//!
//! The owner starts two small helpers, each of which waits for the end of a pipe whose other end only the
//! owner holds. The *anchor* leads the process group that every member joins as it is started. The *janitor*,
//! in a group of its own, ends that group and removes the directory. A kernel closes the pipes of a process
//! that is killed as well as of one that returns, so there is one way to end for drop, exit and SIGKILL.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::error::{Doing, Error};
use crate::scratch::Scratch;

/// What the janitor does: wait for the owner's end, kill group `$1`, remove directory `$2` and its lock file.
/// A process that is being killed may write once more, so removing is tried again for some seconds.
const JANITOR: &str = r#"
cat >/dev/null
kill -s KILL -- "-$1" 2>/dev/null
tries=0
until rm -rf -- "$2" 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -lt 50 ] || exit 1
    sleep 0.1
done
rm -f -- "$2.lock"
"#;

/// How often a process is looked at while its end is awaited.
const POLL: Duration = Duration::from_millis(20);

/// Processes and a directory that vanish together with their owner.
#[derive(Debug)]
pub struct Family {
    scratch: Scratch,
    group: i32,
    anchor: Child,
    janitor: Child,
}

impl Family {
    /// A family of no processes yet, with an empty private directory.
    pub fn new() -> Result<Self, Error> {
        let scratch = Scratch::new()?;
        let anchor = helper("cat", &[]).doing(|| "start `cat`, which holds a process group".to_owned())?;
        let group = pid(&anchor).as_raw_nonzero().get();
        let group_argument = group.to_string();
        let arguments = [
            OsStr::new("-c"),
            OsStr::new(JANITOR),
            OsStr::new("rollcall-janitor"),
            OsStr::new(&group_argument),
            scratch.path().as_os_str(),
        ];
        let janitor = helper("sh", &arguments).doing(|| "start `sh`, which cleans up".to_owned())?;
        Ok(Self { scratch, group, anchor, janitor })
    }

    /// The private directory.
    pub fn dir(&self) -> &Path {
        self.scratch.path()
    }

    /// Starts a program with both outputs appended to `log` and nothing on its input.
    pub fn spawn(&self, name: &str, command: &mut Command, log: &Path) -> Result<Process, Error> {
        let opened = || File::options().create(true).append(true).open(log);
        let output = opened().doing(|| format!("open the log {}", log.display()))?;
        let errors = output.try_clone().doing(|| format!("open the log {}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .process_group(self.group)
            .spawn()
            .doing(|| format!("start {name} ({})", command.get_program().display()))?;
        Ok(Process { name: name.to_owned(), log: log.to_owned(), child })
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        drop(self.janitor.stdin.take());
        drop(self.anchor.stdin.take());
        for (name, helper) in [("anchor", &mut self.anchor), ("janitor", &mut self.janitor)] {
            if let Err(error) = helper.wait() {
                complain(&format!("cannot wait for the {name}: {error}"));
            }
        }
    }
}

/// One running program of a [`Family`]; killed and reaped on drop.
#[derive(Debug)]
pub struct Process {
    name: String,
    log: PathBuf,
    child: Child,
}

impl Process {
    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, `Signal::STOP` and `Signal::CONT` for instance.
    pub fn signal(&self, signal: Signal) -> Result<(), Error> {
        kill_process(pid(&self.child), signal)
            .map_err(io::Error::from)
            .doing(|| format!("send {signal:?} to {}", self.name))
    }

    /// The exit status, once it has ended.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>, Error> {
        self.child.try_wait().doing(|| format!("look at {}", self.name))
    }

    /// Asks it to end (SIGTERM), and kills it when it has not after `patience`.
    pub fn stop(mut self, patience: Duration) -> Result<ExitStatus, Error> {
        self.signal(Signal::TERM)?;
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            thread::sleep(POLL);
        }
        self.kill()
    }

    /// Ends it at once (SIGKILL) and waits until it is gone.
    pub fn kill(mut self) -> Result<ExitStatus, Error> {
        self.child.kill().and_then(|()| self.child.wait()).doing(|| format!("kill {}", self.name))
    }

    /// Waits until `ready` says so; an error when the program ends or `patience` does first.
    pub fn wait_until(
        &mut self,
        awaited: &str,
        patience: Duration,
        mut ready: impl FnMut() -> bool,
    ) -> Result<(), Error> {
        let deadline = Instant::now() + patience;
        while !ready() {
            if let Some(status) = self.ended()? {
                let (name, log) = (self.name.clone(), self.log.clone());
                return Err(Error::Ended { name, status, tail: crate::error::tail(&log), log });
            }
            if Instant::now() > deadline {
                let (awaited, seconds, log) = (awaited.to_owned(), patience.as_secs(), self.log.clone());
                return Err(Error::TimedOut { awaited, seconds, tail: crate::error::tail(&log), log });
            }
            thread::sleep(POLL);
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            complain(&format!("cannot end {}: {error}", self.name));
        }
    }
}

/// A helper that lives until its input ends, in a process group of its own so that the terminal's Ctrl-C,
/// which ends the owner, leaves it alive to clean up.
fn helper(program: &str, arguments: &[&OsStr]) -> io::Result<Child> {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
}

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}

/// A destructor cannot return an error; it is told to whoever watches.
fn complain(message: &str) {
    use io::Write;
    // Nothing is left to tell it to when standard error is closed.
    let _ = writeln!(io::stderr(), "rollcall-dev: {message}");
}
