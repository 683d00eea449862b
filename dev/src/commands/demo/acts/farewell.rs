//! Act 8: what was measured, and where to go next.

use std::fs;

use super::super::error::{DemoError, expect};
use super::super::screen::shown;
use super::super::stage::Stage;
use super::super::watch::POLL;
use crate::commands::error::Doing;

pub(in super::super) fn play(stage: Stage<'_>) -> Result<(), DemoError> {
    stage.screen.begin(8, "What it took, and where to go next")?;
    stage.screen.say(&format!(
        "From Okta's answer until it was seen from outside, by asking chat's API or `kubectl auth can-i` again \
         and again, {} apart:",
        shown(POLL)
    ))?;
    stage.ledger.print(stage.screen)?;
    discretion(&stage)?;
    stage.screen.say("Where to go next:")?;
    for line in [
        "  make up         the same in the background, with a tenant of your own to play with",
        "  make test       everything that is promised, as tests",
        "  README.md       install it with Helm, connect Okta, describe your own apps",
        "  kubectl explain downstreamapp.spec    every field, explained",
    ] {
        stage.screen.plain(line)?;
    }
    stage.screen.end()?;
    let all = stage.began.elapsed();
    stage.screen.say(&format!("The whole demo took {}. Stopping everything.", shown(all)))?;
    stage.strike()
}

/// The operator's log names nobody and gives nothing away.
fn discretion(stage: &Stage<'_>) -> Result<(), DemoError> {
    let path = stage.operator_log();
    let log = fs::read_to_string(&path).doing(|| format!("read {}", path.display()))?;
    for secret in ["rollcall_", "@example.com"] {
        let line = log.lines().find(|line| line.contains(secret));
        expect(line.is_none(), format!("no {secret:?} in the operator's log"), || {
            line.unwrap_or_default().to_owned()
        })?;
    }
    let lines = log.lines().count();
    stage
        .screen
        .say(&format!("The operator's log has {lines} lines; no token and no e-mail address is in them."))?;
    Ok(())
}
