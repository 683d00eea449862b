//! The embedded control plane for development and tests.
