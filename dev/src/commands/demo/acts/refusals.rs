//! Act 6: requests that are refused, each with a reason that helps whoever reads it in Okta.

use serde_json::json;

use super::super::error::{DemoError, expect};
use super::super::http::Server;
use super::super::stage::Stage;

pub(in super::super) fn play(stage: &mut Stage<'_>, okta: &Server) -> Result<(), DemoError> {
    stage.screen.begin(6, "Bad requests are refused, with a reason")?;
    stage.screen.say("A mapping in Okta that sends an object where a text belongs:")?;
    let body = json!({"userName": "bob@example.com", "name": {"givenName": {"first": "Bob"}}});
    let answer = stage.okta(okta, 400, "POST", "/Users", Some(&body))?;
    let detail = answer.text("detail");
    expect(detail.contains("name.givenName"), "the attribute in the detail", || answer.body.to_string())?;
    stage.screen.say("A filter that is not one:")?;
    let path = "/Users?filter=userName eq bob";
    let answer = stage.okta(okta, 400, "GET", path, None)?;
    expect(answer.text("scimType") == "invalidFilter", "scimType invalidFilter", || answer.body.to_string())?;
    stage.screen.say("Somebody without the token:")?;
    let stranger = Server::new(&okta.url, "rollcall_guessed");
    let answer = stranger.send("GET", "/Users", None)?;
    stage.screen.exchange("Eve", ("GET", "/Users", None), &answer)?;
    answer.with_status(401, "a wrong token").map(drop)
}
