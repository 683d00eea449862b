//! What can go wrong in the demo: an app or Rollcall does not do what the act says, or the machine refuses something.

use std::io;

use rollcall_dev::peers::PeerError;

use crate::commands::error::CommandError;

/// Why an act failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    #[error("expected {expected}, but found {found}")]
    Unexpected { expected: String, found: String },

    #[error("expected {expected} within {seconds} s, but the last look found {found}")]
    Late { expected: String, seconds: u64, found: String },

    #[error("{method} {url} was not answered: {reason}")]
    Unanswered { method: String, url: String, reason: String },

    #[error("cannot print: {0}")]
    Print(#[from] io::Error),

    #[error(transparent)]
    Command(#[from] CommandError),

    #[error(transparent)]
    Plane(#[from] rollcall_dev::Error),

    #[error(transparent)]
    Peer(#[from] PeerError),
}

/// Fails unless the act's claim holds.
pub(super) fn expect(
    holds: bool,
    expected: impl Into<String>,
    found: impl FnOnce() -> String,
) -> Result<(), DemoError> {
    if holds { Ok(()) } else { Err(DemoError::Unexpected { expected: expected.into(), found: found() }) }
}
