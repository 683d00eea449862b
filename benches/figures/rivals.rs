//! Side by side with other people's SCIM servers: one run, one machine, one load generator, the same people, ours first
//! and last.
//!
//! Ours keeps everybody in etcd, which flushes each write to the disk, and checks a token; those in memory do neither.

mod ours;
mod people;

use rollcall_dev::peers::{self, Peer, PeerError};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use self::ours::Ours;
use crate::{
    load::{Ask, Server},
    table::Table,
};

/// Connections of the load generator; for the slow as for the fast.
const CONNECTIONS: usize = 16;

/// How often each is measured. The median counts.
const ROUNDS: usize = 3;

/// How long about one round of one server takes.
const ROUND: f64 = 1.0;

/// Whom we compare with.
struct Rival {
    name: &'static str,
    start: fn() -> Result<Peer, PeerError>,
    /// How many people it is given, in the quick form and the full one. Fewer than ours has only make it faster.
    people: [usize; 2],
}

/// Those that keep people in memory. How fast they create is of no interest, as they keep nothing.
const IN_MEMORY: [Rival; 4] = [
    Rival { name: "elimity (Go)", start: peers::elimity, people: [10_000, 100_000] },
    Rival { name: "scim-server (Rust)", start: peers::scim_server, people: [10_000, 100_000] },
    Rival { name: "SCIMMY (Node)", start: peers::scimmy, people: [0, 1_000] },
    Rival { name: "scim2-server (Python)", start: peers::scim2_server, people: [0, 1_000] },
];

/// Those that keep what they acknowledge.
const DURABLE: [Rival; 2] = [
    Rival { name: "Keycloak", start: peers::keycloak_at_full_speed, people: [1, 1] },
    Rival { name: "MLflow", start: peers::mlflow, people: [0, 1] },
];

/// A server that is asked.
pub struct Running {
    server: Server,
    /// What the paths of its SCIM service begin with.
    base: String,
}

pub fn measure(table: &mut Table, full: bool) {
    // One thread: the others are for the server.
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let ours = Ours::start();
    let people = if full { 100_000 } else { 10_000 };
    let mut next = 0;
    for rival in &DURABLE {
        if rival.people[usize::from(full)] > 0 {
            creates(table, &runtime, &ours.running, rival, &mut next);
        }
    }
    fill(&runtime, &ours.running, next..people);
    for rival in &IN_MEMORY {
        let theirs = rival.people[usize::from(full)];
        if theirs > 0 {
            reads(table, &runtime, &ours.running, people, rival, theirs);
        }
    }
}

/// How fast people are created, by ours and by one that keeps them as ours does.
fn creates(table: &mut Table, runtime: &Runtime, ours: &Running, rival: &Rival, next: &mut usize) {
    let peer = (rival.start)().unwrap();
    let theirs = Running::of(&peer);
    let mut create = |running: &Running, seconds: f64| {
        let ask = |number| people::create(&running.base, number);
        running.rate(runtime, next, seconds, 201, ask)
    };
    // A program that compiles itself while it runs is not measured until it has.
    create(&theirs, 5.0);
    create(ours, 1.0);
    let (ours, theirs) = interleaved(|mine| create(if mine { ours } else { &theirs }, 2.0));
    table.at_least_times("creates of users, both durable", 5.0, ours, (rival.name, theirs), "/s");
}

/// How fast one person is read and found, by ours and by one that has them in memory alone.
fn reads(
    table: &mut Table,
    runtime: &Runtime,
    ours: &Running,
    people: usize,
    rival: &Rival,
    theirs_have: usize,
) {
    let peer = (rival.start)().unwrap();
    let theirs = Running::of(&peer);
    fill(runtime, &theirs, 0..theirs_have);
    let (my_ids, their_ids) = (ours.ids(runtime), theirs.ids(runtime));
    let read = |mine: bool| {
        let (running, ids) = if mine { (ours, &my_ids) } else { (&theirs, &their_ids) };
        let ask = |number: usize| people::read(&running.base, &ids[number % ids.len()]);
        running.rate(runtime, &mut 0, ROUND, 200, ask)
    };
    read(false);
    let (my_rate, their_rate) = interleaved(read);
    table.at_least_times("reads of a user by id", 1.0, my_rate, (rival.name, their_rate), "/s");
    let find = |mine: bool| {
        let (running, have) = if mine { (ours, people) } else { (&theirs, theirs_have) };
        // A step that visits everybody in no order.
        let ask = |number: usize| people::find(&running.base, number * 7919 % have);
        running.rate(runtime, &mut 0, ROUND, 200, ask)
    };
    find(false);
    let (my_rate, their_rate) = interleaved(find);
    // What looks at everybody takes ten times as long for ten times as many.
    let target = if people >= 100_000 { 50.0 } else { 5.0 };
    let figure = format!("userName eq, of {people} users");
    table.at_least_times(
        &figure,
        target,
        my_rate,
        (&format!("{}, {theirs_have} users", rival.name), their_rate),
        "/s",
    );
}

/// Ours and theirs in turn, ours first and last; the medians.
fn interleaved(mut rate: impl FnMut(bool) -> f64) -> (f64, f64) {
    let (mut ours, mut theirs) = (vec![rate(true)], Vec::new());
    for _ in 0..ROUNDS {
        theirs.push(rate(false));
        ours.push(rate(true));
    }
    (median(ours), median(theirs))
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

fn fill(runtime: &Runtime, running: &Running, numbers: std::ops::Range<usize>) {
    let ask = |number| people::create(&running.base, numbers.start + number);
    let count = numbers.len();
    runtime.block_on(running.server.load(CONNECTIONS, count, ask)).unwrap().all(201);
}

impl Running {
    fn of(peer: &Peer) -> Self {
        let (address, base) = peer.base_url.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let server = Server { address: address.to_owned(), authorization: format!("Bearer {}", peer.token) };
        Self { server, base: format!("/{base}") }
    }

    /// Requests per second in a round of about so many seconds, each answered with `status`; `next` counts them.
    fn rate(
        &self,
        runtime: &Runtime,
        next: &mut usize,
        seconds: f64,
        status: u16,
        ask: impl Fn(usize) -> Ask + Sync,
    ) -> f64 {
        let mut load = |count: usize| {
            let first = *next;
            *next += count;
            let load = self.server.load(CONNECTIONS, count, |number| ask(first + number));
            runtime.block_on(load).unwrap().all(status).rate()
        };
        // How many that is, is found out first.
        let guess = load(2 * CONNECTIONS);
        let guess = load(CONNECTIONS + (guess * seconds / 10.0) as usize);
        load(CONNECTIONS + (guess * seconds) as usize)
    }

    /// The ids of some of its people.
    fn ids(&self, runtime: &Runtime) -> Vec<String> {
        let (status, body) = runtime.block_on(self.server.once(people::page(&self.base, 1000))).unwrap();
        assert!(status.is_success(), "{status}");
        let page: Value = serde_json::from_slice(&body).unwrap();
        let users = page["Resources"].as_array().unwrap();
        users.iter().map(|user| user["id"].as_str().unwrap().to_owned()).collect()
    }
}
