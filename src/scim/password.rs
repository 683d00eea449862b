//! A password on its way through: never printed, never part of a document, and wiped when it is dropped.

use std::fmt;

use zeroize::Zeroizing;

/// What a client sent as `password`. There is no `Display`, and `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Zeroizing<String>);

impl Password {
    pub(crate) fn new(clear: String) -> Self {
        Self(Zeroizing::new(clear))
    }

    /// The password in clear, for the one place that hashes it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(hidden)")
    }
}
