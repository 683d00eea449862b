//! Creates beside a bare client that puts the same objects, in turns; and how many writes a change of members costs.

use std::{ops::Range, time::Instant};

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, api::ListParams};
use rollcall::api::{MembershipSlice, User};

use crate::{
    bare::create,
    gauge::{Work, collect_garbage, metric},
    load::Failure,
    people::{add, person},
    start::writes,
    system::{BARE, System, Tenant},
    table::Table,
};

const CONNECTIONS: usize = 32;

/// How many turns each has. Every few minutes the API server reads all objects of a kind, to compare them with its memory,
/// and etcd compacts; whose turns these meet is chance, so a few must not count.
const ROUNDS: usize = 11;

/// Creates of one turn. An API server with 100,000 users collects its garbage after some 3,500 of them, and serves half as
/// many meanwhile. So that neither side has more of it by chance, each turn begins after a collection and ends before
/// the next.
const CREATES: usize = 500;

/// Users of these numbers nobody else creates.
const FIRST: usize = 2_000_000;

/// Where no other tenant has asked lately: beside others, each has but its share.
pub async fn creates(table: &mut Table, system: &System, tenant: &Tenant) -> Result<(), Failure> {
    let before = writes(system).await?;
    tenant.create(FIRST..FIRST + 100).await?;
    table.note("writes of a create: its claim, and the User", (writes(system).await? - before) / 100.0, "");
    let ours =
        system.api::<User>().list(&ListParams::default().labels("rollcall.dev/tenant=okta").limit(1)).await?;
    let user = ours.items.into_iter().next().ok_or("there is no user")?;
    let claims = system
        .api::<Lease>()
        .list(&ListParams::default().labels("rollcall.dev/tenant=okta,rollcall.dev/claim=userName").limit(1))
        .await?;
    let claim = claims.items.into_iter().next().ok_or("there is no claim")?;
    let (mut scim, mut bare) = (Vec::new(), Vec::new());
    let (mut our_work, mut bare_work) = (Work::default(), Work::default());
    for round in 0..ROUNDS {
        let numbers = FIRST + 100 + round * CREATES..FIRST + 100 + (round + 1) * CREATES;
        // Whoever is second finds more objects.
        for ours in [round % 2 == 0, round % 2 == 1] {
            collect_garbage(&system.client).await?;
            let (before, started) = (Work::so_far(system)?, Instant::now());
            let (rates, work) = if ours {
                let post = |it| tenant.ask("POST", "/Users", person(numbers.start + it));
                tenant.server.load(CONNECTIONS, CREATES, post).await?.all(201);
                (&mut scim, &mut our_work)
            } else {
                post(system, numbers.clone(), &user, &claim).await?;
                (&mut bare, &mut bare_work)
            };
            rates.push(CREATES as f64 / started.elapsed().as_secs_f64());
            work.add_since(before, system)?;
        }
    }
    table.at_least_times(
        "creates between two garbage collections",
        0.8,
        median(scim),
        ("a bare client", median(bare)),
        "/s",
    );
    let [ours, bares] = [our_work, bare_work].map(|work| work.each((ROUNDS * CREATES) as f64 / 1e3));
    for ((of, ours), bare) in Work::OF.into_iter().zip(ours).zip(bares) {
        table.note_beside(&format!("  processor time of one: {of}"), ours, ("a bare client's", bare), "ms");
    }
    Ok(())
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// The same objects as a create of ours, from a client that does nothing else, where nobody watches.
pub async fn post(system: &System, numbers: Range<usize>, user: &User, claim: &Lease) -> Result<(), Failure> {
    let users: Api<User> = Api::namespaced(system.client.clone(), BARE);
    let claims: Api<Lease> = Api::namespaced(system.client.clone(), BARE);
    stream::iter(numbers)
        .map(|number| create((&users, user), (&claims, claim), number))
        .buffer_unordered(CONNECTIONS)
        .try_collect::<Vec<()>>()
        .await?;
    Ok(())
}

/// A thousand members join the large team at once.
pub async fn members(
    table: &mut Table,
    system: &System,
    tenant: &Tenant,
    people: &[String],
    team: &str,
) -> Result<(), Failure> {
    let slices = |verb: &'static str| {
        metric(&system.client, "apiserver_request_total", move |line| {
            line.contains("resource=\"membershipslices\"") && line.contains(&format!("verb=\"{verb}\""))
        })
    };
    let params = ListParams::default().labels(&format!("rollcall.dev/team={team}"));
    let all = system.api::<MembershipSlice>().list_metadata(&params).await?.items.len();
    // The others are in it: every second one is.
    let news = people.iter().skip(1).step_by(2).take(1_000).map(String::as_str);
    let before = slices("POST").await?;
    let patch = |_| tenant.ask("PATCH", &format!("/Groups/{team}"), add(news.clone()));
    let took = tenant.server.load(1, 1, patch).await?.all(204).took;
    table.at_most(
        "PATCH of 1,000 members: slices written, of those there are",
        all as f64,
        slices("POST").await? - before,
        "",
    );
    table.note("  it took", took.as_secs_f64() * 1e3, "ms");
    Ok(())
}
