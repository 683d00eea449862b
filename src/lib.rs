//! Rollcall: a Kubernetes operator with a SCIM 2.0 receiver inside.
//!
//! The rooms, in reading order. An arrow of imports only ever points down this list;
//! `tests/architecture.rs` holds that.

pub mod api;
pub mod downstream;
pub mod scim;
pub mod store;
