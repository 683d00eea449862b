//! From an identity provider's request to access granted and revoked: the operator as a process of its own, under the
//! chart's rights, with a real API server, real third-party SCIM servers, and real role bindings.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../support/access.rs"]
mod access;
#[allow(dead_code, reason = "each test binary uses its part of this")]
#[path = "../support/fault_proxy.rs"]
mod fault_proxy;
#[allow(dead_code, reason = "each test binary uses its part of this")]
#[path = "../support/operator.rs"]
mod operator;
#[allow(dead_code, reason = "each test binary uses its part of this")]
#[path = "../support/scim.rs"]
mod scim;

mod apps;
mod crashes;
mod declared;
mod deletion;
mod faults;
mod passwords;
mod status;
mod world;
