//! Waiting until kinds that were defined can be used.

use std::thread;
use std::time::{Duration, Instant};

use super::{ControlPlane, PATIENCE};
use crate::error::Error;

/// A look is a process of its own, so it is not done too often.
const PAUSE: Duration = Duration::from_millis(50);

impl ControlPlane {
    /// Waits until every kind that a CustomResourceDefinition defines is known to kubectl and can be listed.
    ///
    /// `kubectl wait --for=condition=Established` says neither, and fails when it comes before the API server has looked
    /// at a definition, as `conditions` is `null` until then.
    pub fn wait_for_kinds(&self) -> Result<(), Error> {
        let defined = self.kubectl(&["get", "crd", "--output=jsonpath={.items[*].metadata.name}"])?;
        let kinds = defined.split_whitespace().collect::<Vec<_>>().join(",");
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.kubectl(&["get", &kinds, "--all-namespaces", "--output=name"]) {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() > deadline => return Err(error),
                Err(_) => thread::sleep(PAUSE),
            }
        }
    }
}
