//! Rollcall: a Kubernetes operator with a SCIM 2.0 receiver inside.
//!
//! The rooms, in reading order. An arrow of imports only ever points down this list;
//! `tests/architecture.rs` holds that.

pub mod cli;
pub mod run;
pub mod admin;
pub mod metrics;
pub mod telemetry;
pub mod receiver;
pub mod controllers;
pub mod downstream;
pub mod store;
pub mod api;
pub mod scim;
