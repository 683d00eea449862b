//! What the tests of the outbound side share.

pub mod app;
pub mod fault_proxy;
