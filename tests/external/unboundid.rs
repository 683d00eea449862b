//! The UnboundID SDK for Java: typed resources, chunked bodies, and URLs taken from `meta.location`.

use rollcall_dev::peers;

use crate::{installed, run, support::Receiver};

/// The steps of `LifeCycle.java`.
const STEPS: usize = 39;

#[tokio::test]
async fn a_java_client_lives_a_whole_life_cycle() {
    let receiver = Receiver::start().await;
    let ran = run("unboundid", installed(peers::unboundid).await, &receiver.tenant().await).await;
    let steps = ran.said.lines().filter(|line| line.starts_with("ok: ")).count();
    assert!(ran.succeeded && steps == STEPS, "{steps} of {STEPS} steps were taken:\n{}", ran.said);
    receiver.stop().await;
}
