//! The acts, in order.

pub(super) mod assign;
pub(super) mod crash;
pub(super) mod deactivate;
pub(super) mod farewell;
pub(super) mod push;
pub(super) mod refusals;
pub(super) mod rename;
pub(super) mod tenant;
