//! Whether an app may (still) be called: a process that no longer leads must not be heard any more.

use std::{fmt, sync::Arc};

use super::{ApplyError, Blame};

/// Asked right before each request to an app.
#[derive(Clone)]
pub struct Fence(Arc<dyn Fn() -> bool + Send + Sync>);

impl Fence {
    /// A fence that lets requests through while `holds` says so.
    pub fn new(holds: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(holds))
    }

    /// Lets everything through, for whoever is alone.
    pub fn open() -> Self {
        Self::new(|| true)
    }

    /// Whether a request may be sent now.
    pub fn check(&self) -> Result<(), ApplyError> {
        if (self.0)() {
            return Ok(());
        }
        let message = "this replica does not lead any more, so that another one goes on".to_owned();
        Err(ApplyError { blame: Blame::App, message, retry_after: None })
    }
}

impl fmt::Debug for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Fence").field(&(self.0)()).finish()
    }
}
