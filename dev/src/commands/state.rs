//! `dev/.state`: what is known about the processes that `up` left in the background.
//!
//! Whether they run is told by a lock, not by a file that a crash would leave behind: the background
//! process holds `serve.lock` as long as it lives, and its number is written inside.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{process, thread};

use rustix::process::Pid;

use super::error::{CommandError, Doing};

/// Held while a command changes things, so that two of them take turns. Stays when all else is removed.
const TURN: &str = "lock";
const SERVE: &str = "serve.lock";

/// The directory of the state.
#[derive(Debug)]
pub(crate) struct State {
    directory: PathBuf,
}

impl State {
    /// The state of this working tree.
    pub(crate) fn open() -> Result<Self, CommandError> {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(".state");
        fs::create_dir_all(&directory).doing(|| format!("make {}", directory.display()))?;
        Ok(Self { directory })
    }

    /// A file of the state.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Where logs go.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where the environment is written once everything is up.
    pub(crate) fn environment(&self) -> PathBuf {
        self.file("env")
    }

    /// Waits until no other command changes things; its turn ends when the file is dropped.
    pub(crate) fn take_turn(&self) -> Result<File, CommandError> {
        let file = self.open_lock(TURN)?;
        file.lock().doing(|| "wait for another `up` or `down`".to_owned())?;
        Ok(file)
    }

    /// Makes this process the background process, as long as the file is kept.
    pub(crate) fn claim(&self) -> Result<File, CommandError> {
        let mut file = self.open_lock(SERVE)?;
        file.lock().doing(|| "wait for another background process".to_owned())?;
        file.set_len(0)
            .and_then(|()| write!(file, "{}", process::id()))
            .doing(|| format!("write {}", self.file(SERVE).display()))?;
        Ok(file)
    }

    /// The background process, when there is one.
    pub(crate) fn serving(&self) -> Result<Option<Pid>, CommandError> {
        let mut file = self.open_lock(SERVE)?;
        match file.try_lock() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                file.read_to_string(&mut text).doing(|| format!("read {}", self.file(SERVE).display()))?;
                Ok(text.parse().ok().and_then(Pid::from_raw))
            }
            Err(TryLockError::Error(error)) => {
                Err(error).doing(|| "look for the background process".to_owned())
            }
        }
    }

    /// Waits until there is no background process; false when there still is one after `patience`.
    pub(crate) fn wait_until_gone(&self, patience: Duration) -> Result<bool, CommandError> {
        let deadline = Instant::now() + patience;
        while self.serving()?.is_some() {
            if Instant::now() > deadline {
                return Ok(false);
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(true)
    }

    /// Removes everything but the turn's lock.
    pub(crate) fn clear(&self) -> Result<(), CommandError> {
        let doing = || format!("remove the files in {}", self.directory.display());
        for entry in fs::read_dir(&self.directory).doing(doing)? {
            let path = entry.doing(doing)?.path();
            if path != self.file(TURN) {
                fs::remove_file(&path).doing(|| format!("remove {}", path.display()))?;
            }
        }
        Ok(())
    }

    fn open_lock(&self, name: &str) -> Result<File, CommandError> {
        let path = self.file(name);
        let open = || File::options().create(true).truncate(false).read(true).write(true).open(&path);
        io::Result::doing(open(), || format!("open {}", path.display()))
    }
}
