//! One control plane for all the tests of a process.

use std::sync::OnceLock;

use crate::{ControlPlane, Error, Options};

/// The control plane that this process shares, started at the first call with the default options.
///
/// A static is never dropped, and need not be: the control plane ends with its owner. Tests that stop or
/// pause a component start a control plane of their own instead, as they would disturb the others.
pub fn control_plane() -> Result<&'static ControlPlane, &'static Error> {
    static SHARED: OnceLock<Result<ControlPlane, Error>> = OnceLock::new();
    SHARED.get_or_init(|| ControlPlane::start(Options::default())).as_ref()
}
