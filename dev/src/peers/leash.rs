//! A process that cannot outlive its owner, and leaves nothing behind.
//!
//! A shell stands between: it holds the read end of a pipe whose write end only the owner has. When that closes,
//! because the owner let go or was killed, the shell ends the whole process group and removes its directory.

use std::env;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::error::PeerError;

/// `$1` is the directory, which the command knows as `$SCRATCH`, the rest is the command. Signals that a terminal sends to everybody are ignored, or the
/// shell could end before it has cleaned up.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
scratch=$1; shift
export SCRATCH="$scratch"
exec 3<&0
setsid "$@" </dev/null >"$scratch/log" 2>&1 3<&- &
child=$!
{ cat <&3 >/dev/null; kill -s KILL -- "-$child" 2>/dev/null; } &
watch=$!
exec 3<&-
wait "$child"
echo "$?" >"$scratch/ending"
mv "$scratch/ending" "$scratch/ended"
wait "$watch"
rm -rf -- "$scratch"
"#;

/// A process on a leash.
#[derive(Debug)]
pub struct Leash {
    shell: Child,
    scratch: PathBuf,
}

impl Leash {
    /// Starts a command; its output goes to [`Leash::log`].
    pub fn start(name: &'static str, command: &Command) -> Result<Self, PeerError> {
        let scratch = scratch(name)?;
        let mut shell = Command::new("sh");
        shell.args(["-c", SCRIPT, "leash"]).arg(&scratch).arg(command.get_program()).args(command.get_args());
        // What the command puts into temporary files goes with it.
        shell.env("TMPDIR", &scratch);
        shell.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
        if let Some(directory) = command.get_current_dir() {
            shell.current_dir(directory);
        }
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let shell = shell.spawn().map_err(PeerError::io(format!("start {name}")))?;
        Ok(Self { shell, scratch })
    }

    pub fn log(&self) -> PathBuf {
        self.scratch.join("log")
    }

    /// The exit status, once the process has ended by itself.
    pub fn status(&self) -> Result<Option<i32>, PeerError> {
        let path = self.scratch.join("ended");
        match fs::read_to_string(&path) {
            // The shell writes a number.
            Ok(text) => Ok(Some(text.trim().parse().unwrap_or(-1))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(PeerError::io(format!("read {}", path.display()))(error)),
        }
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // The shell ends when everything else has; there is nobody to tell if it cannot be waited for.
        let _ = self.shell.wait();
    }
}

fn scratch(name: &str) -> Result<PathBuf, PeerError> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = env::temp_dir().join(format!("rollcall-peer-{name}-{}-{next}", std::process::id()));
    fs::create_dir(&path).map_err(PeerError::io(format!("create {}", path.display())))?;
    Ok(path)
}
