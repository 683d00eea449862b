//! What makes the cluster follow the objects: one room per kind, each observe -> plan (pure) -> execute -> report.
//!
//! Controllers run on one replica at a time, the [`leader`]; every replica serves requests.

pub mod leader;
mod observed_lease;
pub mod tenant;
