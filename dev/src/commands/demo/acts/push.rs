//! Act 3: a group of three hundred is pushed.

use std::time::Instant;

use serde_json::json;

use super::super::apps::TEAM;
use super::super::chat::Question;
use super::super::error::DemoError;
use super::super::http::Server;
use super::super::ledger::Kind;
use super::super::okta::{self, Person};
use super::super::screen::shown;
use super::super::stage::Stage;
use super::super::watch::{Effect, Look, measure};

const CROWD: usize = 300;

/// The group as Okta knows it.
pub(in super::super) struct Team {
    pub(super) id: String,
    pub(super) members: Vec<Person>,
}

pub(in super::super) fn play(stage: &mut Stage<'_>, okta: &Server, ada: &Person) -> Result<Team, DemoError> {
    stage.screen.begin(3, "Okta pushes a group of 300")?;
    let members = create_crowd(stage, okta)?;
    stage
        .screen
        .say("Then the group, empty at first, and all of its members in one request. Ada is one too.")?;
    let group = stage.okta(okta, 201, "POST", "/Groups", Some(&okta::group(TEAM)))?;
    let team = Team { id: group.text("id").to_owned(), members };
    let people: Vec<&Person> = team.members.iter().chain([ada]).collect();
    let path = format!("/Groups/{}", team.id);
    let body = okta::patch(&json!([okta::add(&people)]));
    let answer = stage.okta(okta, 204, "PATCH", &path, Some(&body))?;
    let last = team.members.last().unwrap_or(ada);
    // A long list keeps the app busy, so it is only asked for once everybody has an account.
    let chat = || match stage.chat.has_people(people.len())? {
        Look::Yes(()) => stage.chat.has_members(TEAM, people.len()),
        not_yet @ Look::NotYet(_) => Ok(not_yet),
    };
    let cluster = || stage.cluster.allows(&last.user_name, true);
    let [chat, cluster] = measure(
        answer.at,
        [
            Effect { expected: format!("{} members of the group in chat", people.len()), look: &chat },
            Effect { expected: format!("{} to list Pods", last.user_name), look: &cluster },
        ],
    )?;
    stage.screen.say(&format!("In the cluster after {}, in chat after {}:", shown(cluster), shown(chat)))?;
    stage.settle()?;
    stage.cluster.show(stage.screen, "get steam -n acme")?;
    let columns = "-o custom-columns=SLICE:.metadata.name,SHARD:.spec.shard";
    stage.cluster.show(stage.screen, &format!("get membershipslice -n acme {columns}"))?;
    stage.cluster.show(stage.screen, "get rolebinding -n shop")?;
    stage.chat.show(stage.screen, &Question::group(TEAM))?;
    stage.cluster.show_access(stage.screen, &ada.user_name, true)?;
    stage.cluster.show_access(stage.screen, &last.user_name, true)?;
    stage.cluster.show_access(stage.screen, "eve@example.com", false)?;
    stage.ledger.add(Kind::Grant, "a group of 301 is pushed: everybody in it", "chat", chat);
    stage.ledger.add(
        Kind::Grant,
        "a group of 301 is pushed: its members may look into shop",
        "cluster",
        cluster,
    );
    Ok(team)
}

/// Creates the people, several at once.
fn create_crowd(stage: &mut Stage<'_>, okta: &Server) -> Result<Vec<Person>, DemoError> {
    let bodies: Vec<_> = (1..=CROWD)
        .map(|number| {
            okta::user(&format!("person{number:03}@example.com"), "Person", &format!("{number:03}"))
        })
        .collect();
    let started = Instant::now();
    let created = okta::several(&bodies, |body| okta::create(okta, body));
    let took = started.elapsed();
    let created = created.into_iter().collect::<Result<Vec<_>, _>>()?;
    let at_once = okta::AT_ONCE;
    stage.screen.say(&format!(
        "{CROWD} people are created, {at_once} at once, in {}. The last of them:",
        shown(took)
    ))?;
    if let (Some(body), Some((_, answer))) = (bodies.last(), created.last()) {
        stage.screen.exchange("Okta", ("POST", "/Users", Some(body)), answer)?;
    }
    Ok(created.into_iter().map(|(person, _)| person).collect())
}
