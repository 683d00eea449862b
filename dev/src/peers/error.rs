//! What can go wrong with third-party software.

use std::io;

/// Why a program could not be installed, started or run.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// The machine would not do it.
    #[error("cannot {doing}: {source}")]
    Io { doing: String, source: io::Error },
    /// A program is missing, or failed to start.
    #[error("cannot run `{program}`, which is needed to install {name}: {source}; install it and try again")]
    Tool { program: String, name: &'static str, source: io::Error },
    /// The installation failed.
    #[error("cannot install {name}: `{program}` failed; the end of what it said:\n{log}")]
    Install { name: &'static str, program: String, log: String },
    /// The server ended before it answered.
    #[error("{name} ended as soon as it was started; the end of its log:\n{log}")]
    Ended { name: &'static str, log: String },
    /// The server runs and does not answer.
    #[error("{name} did not answer within {seconds} s; the end of its log:\n{log}")]
    NotReady { name: &'static str, seconds: u64, log: String },
    /// There is no port for it.
    #[error(transparent)]
    Port(#[from] crate::Error),
    /// A program that should end has not.
    #[error("{name} was not done within {seconds} s; the end of its log:\n{log}")]
    NotDone { name: &'static str, seconds: u64, log: String },
}

impl PeerError {
    /// For `map_err`: what was being done.
    pub(super) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }
}
