//! Act 5: Ada leaves the company.

use serde_json::json;

use super::super::chat::Question;
use super::super::error::{DemoError, expect};
use super::super::http::Server;
use super::super::ledger::Kind;
use super::super::okta::{self, Person};
use super::super::screen::shown;
use super::super::stage::Stage;
use super::super::watch::{Effect, Look, measure, until};

pub(in super::super) fn play(stage: &mut Stage<'_>, okta: &Server, ada: &Person) -> Result<(), DemoError> {
    stage.screen.begin(5, "Ada leaves, and is locked out everywhere")?;
    stage.screen.say("Somebody deactivates her in Okta, which is one request:")?;
    let path = format!("/Users/{}", ada.id);
    let body = okta::patch(&json!([{"op": "replace", "value": {"active": false}}]));
    let answer = stage.okta(okta, 200, "PATCH", &path, Some(&body))?;
    expect(answer.body["active"] == json!(false), "active: false", || answer.body.to_string())?;
    let chat = || stage.chat.has_active(&ada.user_name, false);
    let cluster = || stage.cluster.allows(&ada.user_name, false);
    let [chat, cluster] = measure(
        answer.at,
        [
            Effect { expected: "Ada inactive in chat".to_owned(), look: &chat },
            Effect { expected: "Ada to be refused by the cluster".to_owned(), look: &cluster },
        ],
    )?;
    stage.screen.say(&format!(
        "From that 200 it took {} until chat had locked her account, and {} until the cluster refused her. Her \
         object tells the same:",
        shown(chat),
        shown(cluster)
    ))?;
    stage.chat.show(stage.screen, &Question::user(&ada.user_name))?;
    stage.cluster.show_access(stage.screen, &ada.user_name, false)?;
    show_object(stage, ada)?;
    stage.ledger.add(Kind::Revoke, "Ada is deactivated", "chat", chat);
    stage.ledger.add(Kind::Revoke, "Ada is deactivated", "cluster", cluster);
    Ok(())
}

/// What kubectl alone tells about her.
fn show_object(stage: &Stage<'_>, ada: &Person) -> Result<(), DemoError> {
    let columns =
        "-o custom-columns=ACTIVE:.spec.active,APPS:.status.apps[*].name,STATE:.status.apps[*].state";
    let command = format!("get suser -n acme --field-selector=spec.userName={} {columns}", ada.user_name);
    until("Ada's status to name both apps as Revoked", || {
        let printed = stage.cluster.get(&command)?;
        let states = printed.split_whitespace().last().unwrap_or_default().to_owned();
        let revoked = states.split(',').all(|state| state == "Revoked");
        Ok(Look::at(revoked, || states))
    })?;
    stage.cluster.show(stage.screen, &command).map(drop)
}
