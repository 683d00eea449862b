//! Okta and Entra ID at once on one tenant: 250 requests a second, each sent when it is due, whatever became of the ones
//! before. How long each took counts from then.

use std::time::Duration;

use serde_json::json;

use crate::{
    bare::Bare,
    load::{Ask, Failure, Paced},
    people::{add, patch, person},
    start::idle,
    system::{System, Tenant},
    table::Table,
};

const RATE: f64 = 250.0;
const CONNECTIONS: usize = 64;

/// How many turns each has.
const TURNS: usize = 4;

/// Users of these numbers nobody else creates.
const FIRST: usize = 3_000_000;

/// What was seen of such a load: how long each took, sorted in what one [`load`] gives.
#[derive(Debug, Default)]
pub struct Seen {
    pub reads: Vec<Duration>,
    pub writes: Vec<Duration>,
    /// Answers of 429 or 5xx.
    pub refused: usize,
}

impl Seen {
    /// Takes another one in.
    pub fn add(&mut self, other: Self) {
        let Self { reads, writes, refused } = other;
        self.reads.extend(reads);
        self.writes.extend(writes);
        self.refused += refused;
    }
}

/// Ten requests of both, six of them reads; who they are about changes with each, and what they write with `first`.
fn ask(tenant: &Tenant, people: &[String], teams: &[String], first: usize, number: usize) -> Ask {
    let turn = number / 10;
    let who = number * 7919 % people.len();
    let (person_id, team) = (&people[who], &teams[turn % (teams.len() - 1) + 1]);
    match number % 10 {
        0..3 => {
            let filter = format!("filter=userName%20eq%20%22person{who}@example.com%22");
            tenant.ask("GET", &format!("/Users?{filter}&startIndex=1&count=100"), "")
        }
        3 | 4 => tenant.ask("GET", &format!("/Users/{person_id}"), ""),
        5 => tenant.ask("GET", &format!("/Groups/{team}?excludedAttributes=members"), ""),
        6 => tenant.ask("POST", "/Users", person(first + number)),
        7 => {
            let value = format!("Engineer {first} {turn}");
            tenant.ask(
                "PATCH",
                &format!("/Users/{person_id}"),
                patch(&json!({ "op": "Replace", "path": "title", "value": value })),
            )
        }
        8 => {
            let value = json!({ "nickName": format!("N{first} {turn}") });
            tenant.ask(
                "PATCH",
                &format!("/Users/{person_id}"),
                patch(&json!({ "op": "replace", "value": value })),
            )
        }
        _ => tenant.ask("PATCH", &format!("/Groups/{team}"), add(std::iter::once(person_id.as_str()))),
    }
}

/// The load by itself, for `time`; something else may run beside it. It creates users of numbers from `first` on.
pub async fn load(
    tenant: &Tenant,
    people: &[String],
    teams: &[String],
    first: usize,
    time: Duration,
) -> Result<Seen, Failure> {
    let count = (RATE * time.as_secs_f64()) as usize;
    let all = (count, Duration::MAX);
    let answers =
        tenant.server.paced(CONNECTIONS, RATE, all, |it| ask(tenant, people, teams, first, it)).await?;
    let sorted = |of: fn(usize) -> bool| {
        let mut found: Vec<Duration> = answers.iter().filter(|it| of(it.number)).map(|it| it.took).collect();
        found.sort_unstable();
        found
    };
    let refused = |it: &&Paced| it.status == 429 || it.status >= 500;
    Ok(Seen {
        reads: sorted(|it| it % 10 < 6),
        writes: sorted(|it| it % 10 >= 6),
        refused: answers.iter().filter(refused).count(),
    })
}

/// Beside a bare client that makes the same writes, in turns, so that whatever else the machine does meets both.
pub async fn measure(
    table: &mut Table,
    system: &System,
    tenant: &Tenant,
    people: &[String],
    teams: &[String],
    time: Duration,
) -> Result<(), Failure> {
    // What loading everybody has left to be done is no part of it.
    idle(system.operator.pid()?).await?;
    let bare_client = Bare::prepare(system).await?;
    let (mut seen, mut bare) = (Seen::default(), Vec::new());
    let count = (RATE * time.as_secs_f64()) as usize / TURNS;
    for turn in 0..TURNS {
        seen.add(load(tenant, people, teams, FIRST + turn * count, time / TURNS as u32).await?);
        bare.extend(bare_client.writes(CONNECTIONS, RATE, turn * count..(turn + 1) * count).await?);
    }
    let Seen { reads, writes, refused } = &mut seen;
    for all in [&mut *reads, &mut *writes, &mut bare] {
        all.sort_unstable();
    }
    let within = |all: &[Duration], share: usize| all[all.len() * share / 100].as_secs_f64() * 1e3;
    for (figure, target, all) in [("reads", 10.0, reads), ("writes", 150.0, &mut *writes)] {
        let figure = format!("Okta and Entra ID at 250 requests/s: p99 of {figure}");
        table.at_most(&figure, target, within(all, 99), "ms");
        table.note("  the median", within(all, 50), "ms");
    }
    for (figure, share) in [("p99", 99), ("the median", 50)] {
        let figure = format!("  the same writes of a bare client: {figure}");
        table.note_beside(&figure, within(&bare, share), ("ours", within(writes, share)), "ms");
    }
    table.at_most("  answers of 5xx or 429", 0.0, *refused as f64, "");
    Ok(())
}
