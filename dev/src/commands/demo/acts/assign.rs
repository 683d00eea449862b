//! Act 2: the Test button, and a person is assigned.

use super::super::chat::Question;
use super::super::error::{DemoError, expect};
use super::super::http::Server;
use super::super::ledger::Kind;
use super::super::okta::{self, Person};
use super::super::screen::shown;
use super::super::stage::Stage;
use super::super::watch::{Effect, measure};

const ADA: &str = "ada@example.com";

/// Returns Ada.
pub(in super::super) fn play(stage: &mut Stage<'_>, okta: &Server) -> Result<Person, DemoError> {
    stage.screen.begin(2, "Okta tests the connection and assigns Ada")?;
    stage.screen.say("The button \"Test API Credentials\":")?;
    stage.okta(okta, 200, "GET", "/Users?startIndex=1&count=2", None)?;
    stage.screen.say("Ada is assigned: Okta looks for her, finds nobody, and creates her.")?;
    let found = stage.okta(okta, 200, "GET", &okta::lookup(ADA), None)?;
    expect(found.total() == Some(0), "nobody of that name", || found.body.to_string())?;
    let body = okta::user(ADA, "Ada", "Lovelace");
    let created = stage.okta(okta, 201, "POST", "/Users", Some(&body))?;
    let chat = || stage.chat.has_active(ADA, true);
    let [took] = measure(created.at, [Effect { expected: "Ada in chat".to_owned(), look: &chat }])?;
    stage.screen.say(&format!(
        "{} later she has an account in chat; in the cluster she may do nothing yet:",
        shown(took)
    ))?;
    stage.cluster.get("wait --for=condition=Ready suser --all -n acme --timeout=60s")?;
    stage.cluster.show(stage.screen, "get suser -n acme")?;
    stage.chat.show(stage.screen, &Question::user(ADA))?;
    stage.cluster.show_access(stage.screen, ADA, false)?;
    stage.screen.say("A second Ada is refused, however she is spelled:")?;
    let again = okta::user("ADA@Example.com", "Ada", "Again");
    let conflict = stage.okta(okta, 409, "POST", "/Users", Some(&again))?;
    expect(conflict.text("scimType") == "uniqueness", "scimType uniqueness", || conflict.body.to_string())?;
    stage.ledger.add(Kind::Grant, "Ada is assigned: an account", "chat", took);
    Ok(Person::from_answer(&created))
}
