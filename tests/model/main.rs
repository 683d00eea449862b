//! The protocols of the store, model-checked: every order of calls, with crashes at every step, lost answers and old views.
//!
//! The state machines are those that production runs; only the API server, the network and the writers' schedule are
//! the model's. Each protocol is also checked in versions that are nearly right, which must be found out.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a helper of a test fails the test; numbers are small"
)]
#![allow(clippy::print_stdout, reason = "how much was explored is worth knowing")]

mod check;
mod members;
mod names;
