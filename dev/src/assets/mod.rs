//! Where the programs of the control plane are: given, cached, or built now.
//!
//! Each program comes from the first place that has it: the directory that `KUBEBUILDER_ASSETS` names, as
//! other Kubernetes projects use it; the cache; and, for helm only and only with `KUBEBUILDER_ASSETS`, the
//! PATH. What is in none of them is built from the pinned Go modules in `dev/controlplane/` into the cache.

mod build;
mod tools;

use std::collections::BTreeSet;
use std::env;
use std::fs::{self, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::{Doing, Error};
use crate::scratch;
use tools::{ETCD, HELM, KUBE_APISERVER, KUBE_CONTROLLER_MANAGER, KUBECTL, Module, TOOLS, Tool};

/// The programs of a control plane, and those that people and tests use with it.
#[derive(Debug, Clone)]
pub struct Assets {
    pub etcd: PathBuf,
    pub kube_apiserver: PathBuf,
    pub kube_controller_manager: PathBuf,
    pub kubectl: PathBuf,
    pub helm: PathBuf,
}

impl Assets {
    /// The directories to put on a PATH for kubectl and helm, separated by colons.
    pub fn search_path(&self) -> String {
        let directories: BTreeSet<_> =
            [&self.kubectl, &self.helm].into_iter().filter_map(|it| it.parent()).collect();
        let shown: Vec<_> = directories.iter().map(|directory| directory.display().to_string()).collect();
        shown.join(":")
    }
}

/// Finds the programs, building and caching those that are missing; the first build takes some ten minutes.
pub fn locate() -> Result<Assets, Error> {
    let places = Places::from_environment()?;
    if let Some(assets) = places.all() {
        return Ok(assets);
    }
    scratch::make_private_dir(&places.cache)?;
    let lock = scratch::lock_file(&places.cache.join("lock"))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            say("waiting for another process that builds the control plane");
            lock.lock().doing(|| "wait for another build of the control plane".to_owned())?;
        }
        Err(TryLockError::Error(error)) => return Err(error).doing(|| "lock the cache".to_owned()),
    }
    let missing: Vec<&Tool> = TOOLS.into_iter().filter(|tool| places.find(tool).is_none()).collect();
    for (index, tool) in missing.iter().enumerate() {
        let step = format!("{} of {}", index + 1, missing.len());
        build::build(tool, &places.cache, &step)?;
    }
    places.all().ok_or_else(|| Error::Io {
        doing: format!("find the programs that were just built in {}", places.cache.display()),
        source: io::ErrorKind::NotFound.into(),
    })
}

/// Where programs are looked for.
struct Places {
    given: Option<PathBuf>,
    cache: PathBuf,
}

impl Places {
    fn from_environment() -> Result<Self, Error> {
        let given = env::var_os("KUBEBUILDER_ASSETS").filter(|it| !it.is_empty()).map(PathBuf::from);
        if let Some(given) = given.as_ref().filter(|given| !given.is_dir()) {
            return Err(Error::NoAssets { given: given.clone() });
        }
        let caches = env::var_os("XDG_CACHE_HOME")
            .filter(|it| !it.is_empty())
            .map(PathBuf::from)
            .or_else(|| env::home_dir().map(|home| home.join(".cache")))
            .ok_or(Error::NoCache)?;
        Ok(Self { given, cache: caches.join("rollcall/controlplane").join(fingerprint()?) })
    }

    fn find(&self, tool: &Tool) -> Option<PathBuf> {
        let in_directory = |directory: &Path| Some(directory.join(tool.name)).filter(|path| path.is_file());
        self.given.as_deref().and_then(in_directory).or_else(|| in_directory(&self.cache)).or_else(|| {
            // `setup-envtest` does not bring helm, so whoever uses it has probably installed one.
            let path = env::var_os("PATH").filter(|_| self.given.is_some() && tool.name == HELM.name)?;
            env::split_paths(&path).find_map(|directory| in_directory(&directory))
        })
    }

    fn all(&self) -> Option<Assets> {
        Some(Assets {
            etcd: self.find(&ETCD)?,
            kube_apiserver: self.find(&KUBE_APISERVER)?,
            kube_controller_manager: self.find(&KUBE_CONTROLLER_MANAGER)?,
            kubectl: self.find(&KUBECTL)?,
            helm: self.find(&HELM)?,
        })
    }
}

/// A name for what the pinned modules build: another pin, another directory of the cache.
fn fingerprint() -> Result<String, Error> {
    let mut hash = Sha256::new();
    for module in Module::ALL {
        for file in ["go.mod", "go.sum"] {
            let path = module.directory().join(file);
            hash.update(fs::read(&path).doing(|| format!("read {}", path.display()))?);
        }
    }
    let digits: Vec<String> = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    Ok(digits.concat())
}

/// Tells people about slow work. Not `eprintln!`: the test harness would keep it from them.
fn say(message: &str) {
    // Nobody is there to tell when standard error is closed, and the work goes on without.
    let _ = writeln!(io::stderr(), "control plane: {message}");
}
