//! Rollcall pushes to third-party SCIM servers: what it changes there, what it leaves alone, what it sends, and what it
//! says when they misbehave. The servers are scim2-server (strict) and SCIMMY (lenient), neither of them ours.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod faults;
mod groups;
mod passwords;
#[path = "../support/mod.rs"]
mod support;
mod users;

use rollcall_dev::peers;

use support::app::Shared;
use support::fault_proxy::Seen;

static SCIM2_SERVER: Shared = Shared::new(peers::scim2_server);
static SCIMMY: Shared = Shared::new(peers::scimmy);

/// Runs each test against both servers.
#[macro_export]
macro_rules! against_both {
    ($($test:ident)*) => {
        mod scim2_server {
            $(#[tokio::test] async fn $test() { super::$test(super::App::start(&$crate::SCIM2_SERVER).await).await; })*
        }
        mod scimmy {
            $(#[tokio::test] async fn $test() { super::$test(super::App::start(&$crate::SCIMMY).await).await; })*
        }
    };
}

fn methods(seen: &[Seen]) -> Vec<String> {
    seen.iter().map(|seen| seen.method.to_string()).collect()
}
