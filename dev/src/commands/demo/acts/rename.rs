//! Act 4: the group is renamed, one person joins and another leaves.

use std::slice;

use serde_json::json;

use super::super::apps::{RENAMED, TEAM};
use super::super::error::{DemoError, expect};
use super::super::http::Server;
use super::super::ledger::Kind;
use super::super::okta::{self, Person};
use super::super::screen::shown;
use super::super::stage::Stage;
use super::super::watch::{Effect, measure};
use super::push::Team;

pub(in super::super) fn play(stage: &mut Stage<'_>, okta: &Server, team: &Team) -> Result<(), DemoError> {
    stage.screen.begin(4, "The group is renamed; Grace joins and somebody leaves")?;
    let path = format!("/Groups/{}", team.id);
    let Some(leaver) = team.members.first() else { return Ok(()) };
    rename(stage, okta, &path, leaver, team)?;
    stage.screen.say(
        "Grace is new. She joins and somebody leaves, in one request, of which all happens or nothing:",
    )?;
    let body = okta::user("grace@example.com", "Grace", "Hopper");
    let created = stage.okta(okta, 201, "POST", "/Users", Some(&body))?;
    let grace = Person::from_answer(&created);
    swap(stage, okta, &path, leaver, &grace)
}

/// The group keeps its id here and in the app.
fn rename(
    stage: &mut Stage<'_>,
    okta: &Server,
    path: &str,
    member: &Person,
    team: &Team,
) -> Result<(), DemoError> {
    stage.screen.say("Somebody gives the group another name in Okta:")?;
    let before = stage.chat.group_id(TEAM)?;
    let body = okta::patch(&json!([{"op": "replace", "value": {"id": team.id, "displayName": RENAMED}}]));
    let answer = stage.okta(okta, 204, "PATCH", path, Some(&body))?;
    let chat = || stage.chat.has_members(RENAMED, team.members.len() + 1);
    let [took] = measure(answer.at, [Effect { expected: "the new name in chat".to_owned(), look: &chat }])?;
    let after = stage.chat.group_id(RENAMED)?;
    expect(before == after, format!("the group {before} in chat to be renamed"), || {
        format!("a new group {after}")
    })?;
    stage.screen.say(&format!(
        "Chat renames its group {} later and keeps everybody in it. In the cluster everybody may still look:",
        shown(took)
    ))?;
    stage.settle()?;
    stage.cluster.show(stage.screen, "get steam -n acme")?;
    stage.cluster.show_access(stage.screen, &member.user_name, true)?;
    stage.ledger.add(Kind::Change, "the group is renamed", "chat", took);
    Ok(())
}

fn swap(
    stage: &mut Stage<'_>,
    okta: &Server,
    path: &str,
    leaver: &Person,
    grace: &Person,
) -> Result<(), DemoError> {
    let operations = json!([okta::remove(leaver), okta::add(slice::from_ref(&grace))]);
    let answer = stage.okta(okta, 204, "PATCH", path, Some(&okta::patch(&operations)))?;
    let joined_chat = || stage.chat.has_member(RENAMED, &grace.user_name, true);
    let left_chat = || stage.chat.has_member(RENAMED, &leaver.user_name, false);
    let joined_cluster = || stage.cluster.allows(&grace.user_name, true);
    let left_cluster = || stage.cluster.allows(&leaver.user_name, false);
    let effect = |expected: &str, look| Effect { expected: expected.to_owned(), look };
    let [joined_chat, left_chat, joined_cluster, left_cluster] = measure(
        answer.at,
        [
            effect("Grace in the group in chat", &joined_chat),
            effect("the leaver out of the group in chat", &left_chat),
            effect("Grace to be let in by the cluster", &joined_cluster),
            effect("the leaver to be refused by the cluster", &left_cluster),
        ],
    )?;
    stage.screen.say("Both apps have followed:")?;
    stage.cluster.show_access(stage.screen, &grace.user_name, true)?;
    stage.cluster.show_access(stage.screen, &leaver.user_name, false)?;
    let ledger = &mut stage.ledger;
    ledger.add(Kind::Grant, "Grace joins the group", "chat", joined_chat);
    ledger.add(Kind::Grant, "Grace joins the group", "cluster", joined_cluster);
    ledger.add(Kind::Revoke, "a person leaves the group", "chat", left_chat);
    ledger.add(Kind::Revoke, "a person leaves the group", "cluster", left_cluster);
    Ok(())
}
