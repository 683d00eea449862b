//! The embedded control plane for development and tests.

pub mod peers;
