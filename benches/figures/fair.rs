//! What one tenant notices of another one that floods: the mixed load of one tenant, by turns alone and beside the flood.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::{runtime::Builder, task::JoinHandle};

use crate::{
    load::{Ask, Failure},
    mixed::{self, Seen},
    system::{System, Tenant},
    table::Table,
};

/// A hundred times what Entra ID asks a service to take.
const FLOOD: f64 = 2_500.0;
const CONNECTIONS: usize = 1024;

/// Users of these numbers nobody else creates.
const FIRST: usize = 4_000_000;

/// How often the two take turns.
const ROUNDS: usize = 3;

pub async fn measure(
    table: &mut Table,
    system: &System,
    tenant: &Tenant,
    (people, teams): (&[String], &[String]),
    time: Duration,
) -> Result<(), Failure> {
    let loud = system.tenant("loud").await?;
    loud.create(0..100).await?;
    let ids = loud.ids("/Users").await?;
    let count = (FLOOD * time.as_secs_f64()) as usize;
    let (mut alone, mut beside, mut passed) = (Seen::default(), Seen::default(), Vec::new());
    for round in 0..ROUNDS {
        let first = FIRST + 2 * round * 100_000;
        alone.add(mixed::load(tenant, people, teams, first, time).await?);
        let flood = flood(loud.clone(), ids.clone(), count);
        beside.add(mixed::load(tenant, people, teams, first + 100_000, time).await?);
        passed.push(flood.await??);
    }
    for (figure, one, other) in
        [("reads", &alone.reads, &beside.reads), ("writes", &alone.writes, &beside.writes)]
    {
        let figure = format!("p99 of {figure} beside a tenant with {FLOOD} requests/s");
        let (alone, beside) = (p99(one.clone()), p99(other.clone()));
        table.at_most_times(&figure, 1.1, beside, ("alone", alone), "ms");
    }
    table.at_most("  answers of 5xx or 429 to who does not flood", 0.0, beside.refused as f64, "");
    table.note("  of the flood, what is let through", passed.iter().sum::<f64>() / ROUNDS as f64, "/s");
    Ok(())
}

/// Floods from a thread of its own, so that the generator of the other load is not what is slow; gives back how many
/// requests were let through a second: who floods has to wait, too.
fn flood(loud: Tenant, ids: Vec<String>, count: usize) -> JoinHandle<Result<f64, Failure>> {
    tokio::task::spawn_blocking(move || {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let flood = loud.server.paced(CONNECTIONS, FLOOD, count, |number| ask(&loud, &ids, number));
        let started = Instant::now();
        let passed = runtime.block_on(flood)?.iter().filter(|it| it.status < 400).count();
        Ok(passed as f64 / started.elapsed().as_secs_f64())
    })
}

/// One write in five, the others look for people.
fn ask(loud: &Tenant, ids: &[String], number: usize) -> Ask {
    let who = number * 31 % ids.len();
    if number.is_multiple_of(5) {
        let change = json!({ "op": "replace", "path": "title", "value": format!("Flooder {number}") });
        let body =
            json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [change] });
        return loud.ask("PATCH", &format!("/Users/{}", ids[who]), body.to_string());
    }
    loud.ask("GET", &format!("/Users?filter=userName%20eq%20%22person{who}@example.com%22"), "")
}

/// In milliseconds.
fn p99(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() * 99 / 100].as_secs_f64() * 1e3
}
