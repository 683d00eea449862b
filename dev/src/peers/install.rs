//! Installing a server once, into a cache that several test processes share.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::error::PeerError;
use super::tail;

/// How often a running installation says that it still runs.
const PROGRESS: Duration = Duration::from_secs(10);

/// What there is to install.
pub struct Recipe<'a> {
    pub name: &'static str,
    /// Files that say exactly what is installed: they are put into the directory, and are what the cache is keyed by.
    pub files: &'a [(&'static str, &'static str)],
    /// The commands that do it, given the directory, which is also where they run.
    pub commands: &'a dyn Fn(&Path) -> Vec<Command>,
}

/// The directory with the installation, which is made if it is not there.
pub fn installed(recipe: &Recipe<'_>) -> Result<PathBuf, PeerError> {
    let cache = cache()?;
    let key = format!("{}-{}", recipe.name, fingerprint(recipe.files));
    let directory = cache.join(&key);
    let complete = directory.join(".complete");
    if complete.exists() {
        return Ok(directory);
    }
    fs::create_dir_all(&cache).map_err(PeerError::io(format!("create {}", cache.display())))?;
    let lock = cache.join(format!("{key}.lock"));
    let locked = File::create(&lock).and_then(|file| file.lock().map(|()| file));
    let _locked = locked.map_err(PeerError::io(format!("lock {}", lock.display())))?;
    // Another process may have done it while this one waited for the lock.
    if !complete.exists() {
        install(recipe, &directory)?;
        File::create(&complete).map_err(PeerError::io("finish the installation"))?;
    }
    Ok(directory)
}

fn install(recipe: &Recipe<'_>, directory: &Path) -> Result<(), PeerError> {
    let name = recipe.name;
    if directory.exists() {
        // An installation that was interrupted.
        fs::remove_dir_all(directory).map_err(PeerError::io(format!("remove {}", directory.display())))?;
    }
    fs::create_dir_all(directory).map_err(PeerError::io(format!("create {}", directory.display())))?;
    for (file, text) in recipe.files {
        let path = directory.join(file);
        let parent = path.parent().map_or(Ok(()), fs::create_dir_all);
        parent
            .and_then(|()| fs::write(&path, text))
            .map_err(PeerError::io(format!("write {}", path.display())))?;
    }
    let started = Instant::now();
    eprintln!("installing {name}, once, into {}", directory.display());
    for mut command in (recipe.commands)(directory) {
        run(name, directory, &mut command)?;
    }
    eprintln!("installed {name} in {} s", started.elapsed().as_secs());
    Ok(())
}

fn run(name: &'static str, directory: &Path, command: &mut Command) -> Result<(), PeerError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let log = directory.join("install.log");
    let output = || File::options().create(true).append(true).open(&log);
    let doing = || PeerError::io(format!("write {}", log.display()));
    let (out, err) = (output().map_err(doing())?, output().map_err(doing())?);
    command.current_dir(directory).stdin(Stdio::null()).stdout(out).stderr(err);
    let mut child =
        command.spawn().map_err(|source| PeerError::Tool { program: program.clone(), name, source })?;
    let started = Instant::now();
    let mut told = started;
    loop {
        match child.try_wait().map_err(PeerError::io(format!("wait for {program}")))? {
            Some(status) if status.success() => return Ok(()),
            Some(_) => return Err(PeerError::Install { name, program, log: tail(&log) }),
            None => thread::sleep(Duration::from_millis(50)),
        }
        if told.elapsed() > PROGRESS {
            told = Instant::now();
            eprintln!("installing {name}: {program}, {} s so far", started.elapsed().as_secs());
        }
    }
}

fn cache() -> Result<PathBuf, PeerError> {
    let base = env::var_os("XDG_CACHE_HOME")
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")));
    let base = base.ok_or_else(|| {
        PeerError::io("find a cache directory")(std::io::Error::other(
            "neither XDG_CACHE_HOME nor HOME is set",
        ))
    })?;
    Ok(base.join("rollcall").join("peers"))
}

fn fingerprint(files: &[(&str, &str)]) -> String {
    let mut hash = Sha256::new();
    for (name, text) in files {
        hash.update(name.as_bytes());
        hash.update([0]);
        hash.update(text.as_bytes());
        hash.update([0]);
    }
    let start = hash.finalize().first_chunk().copied().unwrap_or_default();
    format!("{:016x}", u64::from_be_bytes(start))
}
