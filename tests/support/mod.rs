//! What the tests of the outbound side share.

#![allow(dead_code, reason = "each test binary uses its part of this")]

pub mod app;
pub mod fault_proxy;
