//! Everything that can go wrong here, each with what to do about it.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::{fmt, io};

/// Why a control plane, or a program that it needs, could not be had.
#[derive(thiserror::Error)]
pub enum Error {
    /// The operating system refused something.
    #[error("cannot {doing}: {source}")]
    Io { doing: String, source: io::Error },

    /// A program is missing, and so is the compiler that would build it.
    #[error(
        "{binary} is not built yet and `go` was not found; install Go 1.26 or newer (https://go.dev/dl), \
         or set KUBEBUILDER_ASSETS to a directory that holds etcd, kube-apiserver, \
         kube-controller-manager, kubectl and helm"
    )]
    GoMissing { binary: &'static str },

    /// The Go compiler ran and failed.
    #[error("building {binary} in {directory} failed ({status}); go said:\n{output}")]
    Build { binary: &'static str, directory: PathBuf, status: ExitStatus, output: String },

    /// A go.mod does not say which version to build.
    #[error("{path} does not require {module}; restore the file or add `require {module} vX.Y.Z`")]
    Unpinned { path: PathBuf, module: &'static str },

    /// `KUBEBUILDER_ASSETS` names nothing.
    #[error(
        "KUBEBUILDER_ASSETS is {given}, which is not a directory; name one that holds etcd and \
         kube-apiserver, or unset it to have them built"
    )]
    NoAssets { given: PathBuf },

    /// There is nowhere to keep what is built.
    #[error("neither XDG_CACHE_HOME nor HOME is set; set one, so that built programs can be cached")]
    NoCache,

    /// Every port that was tried is taken.
    #[error("no free port between {first} and {last} on 127.0.0.1; stop what is listening there")]
    NoPort { first: u16, last: u16 },

    /// A certificate or key could not be made or read.
    #[error("cannot make the control plane's certificates: {0}")]
    Certificate(String),

    /// A part of the control plane, or an operator, ended although it should run.
    #[error("{name} ended ({status}); the end of its log {log}:\n{tail}")]
    Ended { name: String, status: ExitStatus, log: PathBuf, tail: String },

    /// A condition did not come true in time.
    #[error("{awaited} did not happen within {seconds} s; the end of {log}:\n{tail}")]
    TimedOut { awaited: String, seconds: u64, log: PathBuf, tail: String },

    /// Something was done to a component that is not running.
    #[error("{name} is not running; start it first")]
    NotRunning { name: &'static str },

    /// Something was started twice.
    #[error("{name} is running already; stop it first")]
    Running { name: &'static str },

    /// kubectl ran and failed.
    #[error("`kubectl {arguments}` failed ({status}): {stderr}")]
    Kubectl { arguments: String, status: ExitStatus, stderr: String },

    /// helm ran and failed.
    #[error("`helm {arguments}` failed ({status}): {said}")]
    Helm { arguments: String, status: ExitStatus, said: String },
}

/// As it is displayed: a test's `unwrap` prints this, and logs are unreadable with their line ends escaped.
impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Names what was being done when an I/O error came.
pub(crate) trait Doing<T> {
    /// Turns an I/O error into ours; `doing` completes "cannot ...".
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T, Error>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|source| Error::Io { doing: doing(), source })
    }
}

/// The last lines of a log, for an error that points at it; empty when there is none.
pub(crate) fn tail(log: &Path) -> String {
    const LINES: usize = 15;
    let bytes = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
