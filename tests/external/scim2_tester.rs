//! scim2-tester: what `/Schemas` declares must work attribute by attribute, in every request that can carry it.

use rollcall_dev::peers;
use serde_json::Value;

use crate::{beside, installed, run, support::Receiver};

/// How many checks there were when this was written. Fewer mean that the suite stopped early.
const AT_LEAST: usize = 130;

#[tokio::test]
async fn every_check_of_scim2_tester_is_green_and_none_is_skipped() {
    let receiver = Receiver::start().await;
    let mut command = installed(peers::scim2_tester).await;
    command.arg(beside("scim2-tester/run.py"));
    let ran = run("scim2-tester", command, &receiver.tenant().await).await;
    assert!(ran.succeeded, "{}", ran.said);

    let checks: Vec<Value> = ran.said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // What a SHOULD asks for counts as a MUST here.
    let green = ["SUCCESS", "COMPLIANT"];
    let is_green = |check: &&Value| check["status"].as_str().is_some_and(|status| green.contains(&status));
    let others: Vec<&Value> = checks.iter().filter(|check| !is_green(check)).collect();
    assert!(others.is_empty(), "of {} checks these are not green: {others:#?}", checks.len());
    assert!(checks.len() >= AT_LEAST, "only {} checks ran", checks.len());
    receiver.stop().await;
}
