//! Who is in a team, as pure functions over a Team's [`Membership`](crate::api::Membership) and its slices.
//!
//! Members are the members of all slices, less `removed`, plus `added`. A slice never changes; a change that grows
//! `added` and `removed` too long is put into a new slice of what is recent, or folded into new slices of all the shards
//! that it touches, and the Team then names those instead. So every change becomes visible by one compare-and-swap of one
//! object, however many slices it concerns, and a reader who holds a Team knows exactly which slices belong to it.

mod commit;
mod pending;
mod plan;
mod pool;
mod shard;
mod view;

pub use commit::{Commit, Garbage};
pub use pending::Pending;
pub use plan::{Limits, Plan, plan_within};
pub(super) use plan::{joining, plan};
pub(super) use pool::shared;
pub(super) use shard::shard_of;
pub use view::{Id, Members, SliceMembers};
