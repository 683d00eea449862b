//! What can go wrong in a command, beyond what the library reports.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use super::demo::DemoError;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error(transparent)]
    ControlPlane(#[from] rollcall_dev::Error),

    #[error("cannot {doing}: {source}")]
    Io { doing: String, source: io::Error },

    #[error("building the operator failed ({status}); the compiler's messages are above")]
    OperatorBuild { status: ExitStatus },

    #[error("ROLLCALL_BIN is {path}, which is not a file; name an operator binary, or unset it")]
    NoOperator { path: PathBuf },

    #[error("the background process ended ({status}); all of its log {log}:\n{text}")]
    NotUp { status: ExitStatus, log: PathBuf, text: String },

    #[error("the demo failed in act {act}: {source}\nthe logs are in {logs}")]
    Demo { act: String, source: Box<DemoError>, logs: PathBuf },

    #[error("{path} does not say {key}; run `make down`, then `make up`")]
    Environment { path: PathBuf, key: &'static str },
}

/// Names what was being done when an I/O error came.
pub(crate) trait Doing<T> {
    /// `doing` completes "cannot ...".
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T, CommandError>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T, CommandError> {
        self.map_err(|source| CommandError::Io { doing: doing(), source })
    }
}
