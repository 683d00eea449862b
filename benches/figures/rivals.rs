//! Side by side with other people's SCIM servers: one run, one machine, one load generator, the same people, ours first
//! and last.
//!
//! Ours keeps everybody in etcd, which flushes each write to the disk, checks a token and logs each request; those in
//! memory do none of it.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use rollcall_dev::peers::{self, Peer, PeerError};
use serde_json::Value;

use crate::{
    load::{Failure, Server},
    people::person,
    selection::Selection,
    system::Tenant,
    table::Table,
};

/// Connections of the load generator, for the slow as for the fast.
const CONNECTIONS: usize = 16;

/// How often a rival is measured, and ours once more. The median counts.
const ROUNDS: usize = 3;

/// About how long one of these takes, in seconds.
const ROUND: f64 = 1.0;

/// For so long a rival is filled at most: some look at everybody before they take one more. Fewer than we have only make
/// it faster.
const FILLING: Duration = Duration::from_mins(1);
const FILLING_QUICKLY: Duration = Duration::from_secs(15);

/// How many are created before it is looked how long that took.
const FILLED_AT_ONCE: usize = 500;

/// A round of creates is longer, so that the collections of garbage are in the rounds of all.
const ROUND_OF_CREATES: f64 = 4.0;

/// Whom we compare with.
struct Rival {
    name: &'static str,
    start: fn() -> Result<Peer, PeerError>,
    /// A person as it takes them.
    person: fn(usize) -> String,
    /// What is asked before anything counts, in seconds.
    warm_up: f64,
    /// It starts and fills fast enough for the quick form.
    is_quick: bool,
}

/// Those that have people in memory alone.
const IN_MEMORY: [Rival; 4] = [
    Rival { name: "elimity (Go)", start: peers::elimity, person, warm_up: 2.0, is_quick: true },
    Rival {
        name: "scim-server (Rust)",
        start: peers::scim_server,
        person: core,
        warm_up: 2.0,
        is_quick: true,
    },
    Rival { name: "SCIMMY (Node)", start: peers::scimmy, person, warm_up: 2.0, is_quick: false },
    Rival {
        name: "scim2-server (Python)",
        start: peers::scim2_server_at_full_speed,
        person,
        warm_up: 2.0,
        is_quick: false,
    },
];

/// Those that keep what they acknowledge, both in a database that flushes each transaction to the disk. Java compiles
/// itself while it runs: Keycloak creates three times as many after a minute and a half as in its first seconds.
const DURABLE: [Rival; 2] = [
    Rival {
        name: "Keycloak on PostgreSQL",
        start: peers::keycloak_on_postgres,
        person,
        warm_up: 90.0,
        is_quick: false,
    },
    Rival { name: "MLflow on SQLite", start: peers::mlflow, person, warm_up: 4.0, is_quick: true },
];

/// How fast one person is read and found, of `people`: nobody is in a team yet, as the rivals have none.
pub async fn reads(
    table: &mut Table,
    selection: &Selection,
    ours: &Tenant,
    people: usize,
) -> Result<(), Failure> {
    for rival in IN_MEMORY.iter().filter(|rival| rival.is_quick || selection.full) {
        let (theirs, _peer) = start(rival.start).await?;
        let held = theirs.fill(people, rival.person, selection.full).await?;
        let sides = [Side::new(ours.clone(), people).await?, Side::new(theirs, held).await?];
        let (measured, beside) = sides[0].in_turn(&sides[1], rival.warm_up, Side::read).await?;
        table.at_least_times("reads of a user by id", 1.0, measured, (rival.name, beside), "/s");
        let (measured, beside) = sides[0].in_turn(&sides[1], rival.warm_up, Side::find).await?;
        // Who looks at everybody takes ten times as long for ten times as many.
        let target = if selection.full { 50.0 } else { 5.0 };
        let rival = format!("{} with {held}", rival.name);
        table.at_least_times(&format!("userName eq, of {people}"), target, measured, (&rival, beside), "/s");
    }
    Ok(())
}

/// How fast people are created, those after `people`.
pub async fn creates(
    table: &mut Table,
    selection: &Selection,
    ours: &Tenant,
    people: usize,
) -> Result<(), Failure> {
    let mut ours = Side { tenant: ours.clone(), ids: Vec::new(), people };
    for rival in DURABLE.iter().filter(|rival| rival.is_quick || selection.full) {
        let (tenant, _peer) = start(rival.start).await?;
        let mut theirs = Side { tenant, ids: Vec::new(), people: 0 };
        // Not by one guess: who is cold is slow, and would be asked for far less than it does in that time.
        let started = Instant::now();
        while started.elapsed().as_secs_f64() < rival.warm_up {
            theirs.create(rival.warm_up / 20.0).await?;
        }
        let (mut measured, mut beside) = (vec![ours.create(ROUND_OF_CREATES).await?], Vec::new());
        for _ in 0..ROUNDS {
            beside.push(theirs.create(ROUND_OF_CREATES).await?);
            measured.push(ours.create(ROUND_OF_CREATES).await?);
        }
        eprintln!("  {measured:.0?} a second, {}: {beside:.0?}", rival.name);
        let rival = (rival.name, median(beside));
        table.at_least_times("creates of users, flushed to the disk", 5.0, median(measured), rival, "/s");
    }
    Ok(())
}

/// Starts somebody else's server, which runs as long as the peer lives.
pub async fn start(peer: fn() -> Result<Peer, PeerError>) -> Result<(Tenant, Peer), Failure> {
    let peer = tokio::task::spawn_blocking(peer).await??;
    let url = peer.base_url.strip_prefix("http://").and_then(|url| url.split_once('/'));
    let (address, base) = url.ok_or("the peer has no base path")?;
    let server = Server { address: address.to_owned(), authorization: format!("Bearer {}", peer.token) };
    Ok((Tenant { server, base: format!("/{base}") }, peer))
}

/// One of the two that are compared.
struct Side {
    tenant: Tenant,
    /// The ids of some of its people.
    ids: Vec<String>,
    people: usize,
}

impl Side {
    async fn new(tenant: Tenant, people: usize) -> Result<Self, Failure> {
        let ids = tenant.some_ids().await?;
        Ok(Self { tenant, ids, people })
    }

    /// Ours and theirs in turn, ours first and last; the medians.
    async fn in_turn(
        &self,
        theirs: &Self,
        warm_up: f64,
        rate: impl AsyncFn(&Self, f64) -> Result<f64, Failure>,
    ) -> Result<(f64, f64), Failure> {
        rate(theirs, warm_up).await?;
        let (mut measured, mut beside) = (vec![rate(self, ROUND).await?], Vec::new());
        for _ in 0..ROUNDS {
            beside.push(rate(theirs, ROUND).await?);
            measured.push(rate(self, ROUND).await?);
        }
        Ok((median(measured), median(beside)))
    }

    /// Reads by id, for so many seconds; the rate.
    async fn read(&self, seconds: f64) -> Result<f64, Failure> {
        let path = |number: usize| format!("/Users/{}", self.ids[number % self.ids.len()]);
        self.get(seconds, path).await
    }

    /// Equality filters, for so many seconds; the rate.
    async fn find(&self, seconds: f64) -> Result<f64, Failure> {
        // A step that leads to everybody, in no order.
        let number = |number: usize| number * 7919 % self.people;
        let filter = |it| format!("/Users?filter=userName%20eq%20%22person{}%40example.com%22", number(it));
        self.get(seconds, filter).await
    }

    async fn get(&self, seconds: f64, path: impl Fn(usize) -> String + Sync) -> Result<f64, Failure> {
        let rate = async |count| {
            let ask = |number| self.tenant.ask("GET", &path(number), "");
            Ok::<f64, Failure>(self.tenant.server.load(CONNECTIONS, count, ask).await?.all(200).rate())
        };
        let guess = rate(CONNECTIONS).await?;
        let guess = rate(enough(guess, seconds / 10.0)).await?;
        rate(enough(guess, seconds)).await
    }

    /// Creates people for so many seconds; the rate.
    async fn create(&mut self, seconds: f64) -> Result<f64, Failure> {
        let guess = self.create_next(2 * CONNECTIONS).await?;
        self.create_next(enough(guess, seconds)).await
    }

    async fn create_next(&mut self, count: usize) -> Result<f64, Failure> {
        let first = self.people;
        self.people += count;
        self.tenant.create_all(first..self.people, person).await
    }
}

impl Tenant {
    /// Creates as many people as there is time for; how many that were.
    async fn fill(&self, people: usize, person: fn(usize) -> String, full: bool) -> Result<usize, Failure> {
        let (started, patience) = (Instant::now(), if full { FILLING } else { FILLING_QUICKLY });
        let mut held = 0;
        while held < people && started.elapsed() < patience {
            let next = people.min(held + FILLED_AT_ONCE);
            self.create_all(held..next, person).await?;
            held = next;
        }
        Ok(held)
    }

    /// Creates people, each at the first attempt; the rate.
    async fn create_all(&self, numbers: Range<usize>, person: fn(usize) -> String) -> Result<f64, Failure> {
        let post = |number| self.ask("POST", "/Users", person(numbers.start + number));
        Ok(self.server.load(CONNECTIONS, numbers.len(), post).await?.all(201).rate())
    }

    /// The ids on its first page.
    async fn some_ids(&self) -> Result<Vec<String>, Failure> {
        let (_, body) = self.server.once(self.ask("GET", "/Users?startIndex=1&count=1000", "")).await?;
        let page: Value = serde_json::from_slice(&body)?;
        let users = page["Resources"].as_array().ok_or("a page without resources")?;
        Ok(users.iter().filter_map(|user| user["id"].as_str().map(str::to_owned)).collect())
    }
}

/// A person without the enterprise extension, which not everybody takes.
fn core(number: usize) -> String {
    let mut document: Value = serde_json::from_str(&person(number)).unwrap();
    document["schemas"].as_array_mut().unwrap().truncate(1);
    document.as_object_mut().unwrap().retain(|name, _| !name.starts_with("urn:"));
    document.to_string()
}

/// How many requests take about so many seconds.
fn enough(rate: f64, seconds: f64) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "neither large nor negative")]
    let count = (rate * seconds) as usize;
    count.max(CONNECTIONS)
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
