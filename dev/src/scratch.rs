//! Private directories that do not pile up.
//!
//! Each has a lock file beside it, locked as long as its owner lives. The kernel gives up the lock of a
//! process however that process ends, so a directory whose lock is free belongs to nobody and is swept.

use std::fs::{self, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, io, process};

use crate::error::{Doing, Error};

/// A private directory. It is not removed on drop: [`crate::Family`] does that, after ending what writes there.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
    /// Held for the lock alone.
    _lock: File,
}

impl Scratch {
    /// Makes a fresh directory, after sweeping those whose owners are gone.
    pub(crate) fn new() -> Result<Self, Error> {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let root = root()?;
        // One at a time: between making a lock file and locking it, a sweep would take it for a dead one's.
        let gate = lock_file(&root.join("gate"))?;
        gate.lock().doing(|| format!("lock {}", root.join("gate").display()))?;
        sweep(&root)?;
        loop {
            let name = format!("{}-{}", process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
            let path = root.join(name);
            let lock = lock_file(&lock_path(&path))?;
            // Another process of this number, in another PID namespace, may share our temporary directory.
            if lock.try_lock().is_err() || path.exists() {
                continue;
            }
            make_private_dir(&path)?;
            return Ok(Self { path, _lock: lock });
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Where this user's private directories and port reservations are.
pub(crate) fn root() -> Result<PathBuf, Error> {
    let user = rustix::process::getuid().as_raw();
    let root = env::temp_dir().join(format!("rollcall-{user}"));
    make_private_dir(&root)?;
    Ok(root)
}

/// Makes a directory, and its parents, that only this user can enter; it may exist already.
pub(crate) fn make_private_dir(path: &Path) -> Result<(), Error> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .doing(|| format!("make the directory {}", path.display()))
}

/// Opens a lock file, making it when there is none.
pub(crate) fn lock_file(path: &Path) -> Result<File, Error> {
    File::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(path)
        .doing(|| format!("open the lock file {}", path.display()))
}

fn lock_path(directory: &Path) -> PathBuf {
    directory.with_extension("lock")
}

/// Removes the directories whose owners are gone.
fn sweep(root: &Path) -> Result<(), Error> {
    let entries = fs::read_dir(root).doing(|| format!("list {}", root.display()))?;
    for entry in entries {
        let lock = entry.doing(|| format!("list {}", root.display()))?.path();
        if lock.extension().is_none_or(|extension| extension != "lock") {
            continue;
        }
        let file = match File::open(&lock) {
            Ok(file) => file,
            // The owner's janitor was faster.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error).doing(|| format!("open {}", lock.display())),
        };
        if file.try_lock().is_ok() {
            remove(&lock.with_extension(""))?;
            remove_file(&lock)?;
        }
    }
    Ok(())
}

fn remove(directory: &Path) -> Result<(), Error> {
    absent_is_fine(fs::remove_dir_all(directory)).doing(|| format!("remove {}", directory.display()))
}

fn remove_file(path: &Path) -> Result<(), Error> {
    absent_is_fine(fs::remove_file(path)).doing(|| format!("remove {}", path.display()))
}

fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Family;

    #[test]
    fn a_directory_whose_owner_is_gone_is_swept_at_the_next_start() {
        let abandoned = root().unwrap().join("abandoned");
        fs::create_dir_all(abandoned.join("etcd/member")).unwrap();
        lock_file(&lock_path(&abandoned)).unwrap();
        let family = Family::new().unwrap();
        assert!(!abandoned.exists() && !lock_path(&abandoned).exists());
        assert!(family.dir().exists());
    }
}
