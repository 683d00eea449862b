//! Act 7: the operator is killed in the middle of a hundred requests.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use serde_json::Value;

use super::super::chat::Question;
use super::super::error::{DemoError, expect};
use super::super::http::{Answer, Server};
use super::super::ledger::Kind;
use super::super::okta::{self, Person};
use super::super::screen::shown;
use super::super::stage::Stage;
use super::super::watch::{Look, until};

const CREW: usize = 100;

/// After how many answers the operator is killed.
const KILL_AFTER: usize = 30;

pub(in super::super) fn play(stage: &mut Stage<'_>, okta: &Server) -> Result<(), DemoError> {
    stage.screen.begin(7, "The operator is killed while 100 people are being created")?;
    let crew: Vec<Value> = (1..=CREW)
        .map(|number| okta::user(&format!("crew{number:03}@example.com"), "Crew", &format!("{number:03}")))
        .collect();
    let answers = create_and_kill(stage, okta, &crew)?;
    let (acknowledged, cut_off): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|(_, answer)| answer.is_ok());
    expect(acknowledged.len() < CREW, "the kill to come in between", || {
        "everything was answered".to_owned()
    })?;
    stage.screen.say(&format!(
        "kill -9 after {KILL_AFTER} answers. {} were answered 201, {} were cut off or found nobody there.",
        acknowledged.len(),
        cut_off.len()
    ))?;
    let killed = Instant::now();
    stage.start_operator()?;
    stage.screen.say(&format!("Started again, it is ready after {}.", shown(killed.elapsed())))?;
    // The connections of the dead process are of no use any more.
    let okta = okta.reconnected();
    let people: Vec<Person> =
        acknowledged.into_iter().filter_map(|(_, answer)| Some(Person::from_answer(&answer.ok()?))).collect();
    find(stage, &okta, &people)?;
    let bodies: Vec<_> = cut_off.into_iter().map(|(body, _)| body).collect();
    retry(stage, &okta, &bodies)?;
    count(stage)?;
    let took = converge(stage, killed)?;
    stage.ledger.add(Kind::Grant, "100 people, from the kill to the last account", "chat", took);
    Ok(())
}

type Answers<'a> = Vec<(&'a Value, Result<Answer, DemoError>)>;

/// Sends everything, several at once, and kills the operator after so many answers.
fn create_and_kill<'a>(
    stage: &mut Stage<'_>,
    okta: &Server,
    crew: &'a [Value],
) -> Result<Answers<'a>, DemoError> {
    let operator = stage.take_operator()?;
    let (sender, answered) = mpsc::channel();
    let answers = thread::scope(|scope| {
        let killer = scope.spawn(move || {
            answered.iter().take(KILL_AFTER).for_each(drop);
            operator.kill()
        });
        let answers = okta::several(crew, |body| {
            let answer = okta.send("POST", "/Users", Some(body));
            if answer.is_ok() {
                // The killer stops listening once it has heard enough.
                let _ = sender.send(());
            }
            answer
        });
        // What panicked there panics here too.
        killer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)).map(|_| answers)
    })?;
    let stored = |answer: Answer| answer.with_status(201, "a new user");
    let checked = crew.iter().zip(answers).map(|(body, answer)| match answer {
        Ok(answer) => Ok((body, Ok(stored(answer)?))),
        Err(error) => Ok((body, Err(error))),
    });
    checked.collect()
}

/// Everyone who was acknowledged is there, under the same id, once.
fn find(stage: &Stage<'_>, okta: &Server, people: &[Person]) -> Result<(), DemoError> {
    let found = okta::several(people, |person| {
        let answer = okta.send("GET", &okta::lookup(&person.user_name), None)?;
        let id = answer.body["Resources"][0]["id"].as_str();
        expect(
            answer.total() == Some(1) && id == Some(person.id.as_str()),
            format!("{} once, as {}", person.user_name, person.id),
            || answer.body.to_string(),
        )
    });
    found.into_iter().collect::<Result<(), _>>()?;
    stage.screen.say(&format!(
        "All {} who were acknowledged are there, each once and under the id of its 201. One of them:",
        people.len()
    ))?;
    let Some(person) = people.last() else { return Ok(()) };
    stage.okta(okta, 200, "GET", &okta::lookup(&person.user_name), None).map(drop)
}

/// Okta tries again what was not answered.
fn retry(stage: &Stage<'_>, okta: &Server, bodies: &[&Value]) -> Result<(), DemoError> {
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    for answer in okta::several(bodies, |body| okta.send("POST", "/Users", Some(body))) {
        let answer = answer?;
        let fine = [201, 409].contains(&answer.status);
        expect(fine, "201 or 409 for a repeated request", || format!("{} {}", answer.status, answer.body))?;
        *statuses.entry(answer.status).or_default() += 1;
    }
    let count = |status| statuses.get(&status).copied().unwrap_or_default();
    Ok(stage.screen.say(&format!(
        "Okta repeats the other {}: {} are new (201), {} had been stored just before the kill (409).",
        bodies.len(),
        count(201),
        count(409)
    ))?)
}

/// Kubernetes has each name once.
fn count(stage: &Stage<'_>) -> Result<(), DemoError> {
    let printed =
        stage.cluster.get("get suser -n acme -o custom-columns=NAME:.spec.userName --no-headers")?;
    let mut names: Vec<&str> = printed.lines().filter(|name| name.starts_with("crew")).collect();
    let objects = names.len();
    names.sort_unstable();
    names.dedup();
    stage.screen.say(&format!(
        "`kubectl get suser -n acme` lists {objects} of them, with {} different names.",
        names.len()
    ))?;
    expect((names.len(), objects) == (CREW, CREW), "each of 100 names once", || {
        format!("{} names in {objects} objects", names.len())
    })
}

/// Chat gets them all, too.
fn converge(stage: &Stage<'_>, killed: Instant) -> Result<std::time::Duration, DemoError> {
    let question = Question::users_starting_with("crew");
    until("100 people of the crew in chat", || {
        let answer = stage.chat.ask(&question)?;
        Ok(Look::at(answer.total() == Some(CREW as u64), || answer.body["totalResults"].to_string()))
    })?;
    let took = killed.elapsed();
    stage.screen.say(&format!(
        "And chat has every one of them once, {} after the kill. (The controllers wait until the dead \
         process's Lease has run out, which takes 6 s; the receiver does not.)",
        shown(took)
    ))?;
    stage.chat.show(stage.screen, &question)?;
    Ok(took)
}
