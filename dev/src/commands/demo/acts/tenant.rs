//! Act 1: a tenant gets its URL and token, and two apps wait for people.

use std::time::Instant;

use super::super::apps;
use super::super::cluster::ACME;
use super::super::error::{DemoError, expect};
use super::super::http::Server;
use super::super::screen::shown;
use super::super::stage::Stage;
use super::super::watch::{Look, until};
use crate::commands::tenant::{self, Credentials};

/// Returns Rollcall as Okta knows it once both have been pasted.
pub(in super::super) fn play(stage: &mut Stage<'_>) -> Result<Server, DemoError> {
    stage.screen.begin(1, "A tenant gets its URL and token, and two apps wait for people")?;
    stage.screen.say("A connection of an identity provider is one small object:")?;
    stage.screen.shell("kubectl apply --server-side -f - <<END", &tenant::manifest(ACME))?;
    let applied = Instant::now();
    tenant::apply(&stage.plane, ACME)?;
    let credentials = until("the Secret okta-default", || {
        Ok(Credentials::read(&stage.plane, ACME).map_or(Look::NotYet("none".to_owned()), Look::Yes))
    })?;
    let took = applied.elapsed();
    ready(stage, "stn okta")?;
    stage.screen.say(&format!("After {} its Secret holds what Okta asks for:", shown(took)))?;
    stage.cluster.show(stage.screen, "get stn -n acme")?;
    let described = stage.cluster.get("describe secret okta-default -n acme")?;
    let lines: Vec<&str> = described.trim_end().lines().collect();
    let keys = lines[lines.len().saturating_sub(2)..].join("\n");
    stage.screen.shell("kubectl describe secret okta-default -n acme | tail -n 2", &keys)?;
    stage.screen.say("Pasted into Okta, under Provisioning:")?;
    stage.screen.plain(&format!("  SCIM connector base URL   {}", credentials.url))?;
    stage.screen.plain(&format!("  API token                 {}", redacted(&credentials.token)))?;
    let status = stage.cluster.get("get stn okta -n acme -o yaml")?;
    expect(!status.contains(&credentials.token), "only a hash of the token in the ScimTenant", || {
        "the token itself".to_owned()
    })?;
    introduce_apps(stage)?;
    Ok(Server::new(&credentials.url, &credentials.token))
}

fn introduce_apps(stage: &Stage<'_>) -> Result<(), DemoError> {
    let (chat, cluster) = (apps::chat(&stage.chat.peer), apps::cluster());
    stage.screen.say(
        "Two apps are to follow what Okta says: chat, the SCIM server, and the roles of the cluster itself. A \
         grant names a team as people see it, so the second is ready for a renaming that is planned:",
    )?;
    stage.screen.shell("kubectl apply --server-side -f - <<END", &format!("{chat}---\n{cluster}"))?;
    stage.plane.apply(&format!("{}---\n{chat}---\n{cluster}", apps::chat_token(&stage.chat.peer)))?;
    ready(stage, "sapp chat")?;
    ready(stage, "sapp cluster")?;
    stage.cluster.show(stage.screen, "get sapp -n acme")?;
    Ok(())
}

/// Waits for the condition Ready.
fn ready(stage: &Stage<'_>, object: &str) -> Result<(), DemoError> {
    stage.cluster.get(&format!("wait --for=condition=Ready {object} -n {ACME} --timeout=60s")).map(drop)
}

/// A prefix that tells what it is.
fn redacted(token: &str) -> String {
    format!("{}… ({} characters, not shown)", token.get(..12).unwrap_or_default(), token.len())
}
