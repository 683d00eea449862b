//! The embedded control plane for development and tests: real etcd, kube-apiserver and
//! kube-controller-manager on private ports, in a private directory, and gone with their owner.
//!
//! ```no_run
//! # fn main() -> Result<(), rollcall_dev::Error> {
//! use rollcall_dev::{ControlPlane, Options};
//!
//! let plane = ControlPlane::start(Options::default())?;
//! plane.kubectl(&["create", "namespace", "example"])?;
//! # Ok(())
//! # }
//! ```
//!
//! A test that does not break its control plane shares one with its whole process: [`shared::control_plane`].

pub mod assets;
pub mod chart;
mod control_plane;
mod error;
mod family;
pub mod peers;
pub mod ports;
mod scratch;
pub mod shared;

pub use control_plane::{Component, ControlPlane, Options};
pub use error::Error;
pub use family::{Family, Process};
pub use rustix::process::Signal;
