//! What can go wrong in a command, beyond what the library reports.

use std::io;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error(transparent)]
    ControlPlane(#[from] rollcall_dev::Error),

    #[error("cannot {doing}: {source}")]
    Io { doing: String, source: io::Error },
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
