//! How cost grows: the same requests to a tenant of 1,000 and to the large one, and to a team of 10 and to the large one,
//! in turns, so that whatever else the machine does meets both. And the same to those 1,000 before anybody else is there,
//! because what grows with the whole installation is on both sides of the others.

use std::time::{Duration, Instant};

use kube::{
    Api, ResourceExt,
    api::{ObjectMeta, PostParams},
};
use rollcall::api::Team;
use serde_json::json;

use crate::{
    load::{Ask, Failure},
    people::{Size, add, person},
    system::{BARE, System, Tenant},
    table::{Table, time},
};

/// How often each side has its turn, and how many requests that is.
const ROUNDS: usize = 9;
const REQUESTS: usize = 40;

/// After each turn: two tenants that ask have their shares, and whoever has used theirs up waits.
const PAUSE: Duration = Duration::from_millis(60);

/// How much more the large one may take.
const MOST: f64 = 1.2;

/// A tenant and its people.
struct Side<'a> {
    tenant: &'a Tenant,
    people: &'a [String],
    number: usize,
    /// The number of the first that it creates.
    first: usize,
}

/// The tenant of 1,000, and how long its requests took while there was nobody else.
pub struct Few {
    tenant: Tenant,
    people: Vec<String>,
    alone: [Duration; 3],
}

/// What is asked of both tenants: what it is called, the status of its answer, and the request.
type Figure = (&'static str, u16, fn(&Side<'_>, usize) -> Ask);
const FIGURES: [Figure; 3] =
    [("read by id", 200, read), ("equality filter", 200, find), ("create", 201, create)];

/// The numbers of those who are created while there is nobody else, and later.
const FIRST_ALONE: usize = 1_500_000;
const FIRST: usize = 1_000_000;

/// Before everybody is there.
pub async fn begin(system: &System) -> Result<Few, Failure> {
    let tenant = system.tenant("small").await?;
    tenant.create(0..Size::SMALL.people).await?;
    let people = tenant.ids("/Users").await?;
    tenant.create_teams(&Size::SMALL, &people).await?;
    let mut alone = [Duration::ZERO; 3];
    let side = [Side { tenant: &tenant, people: &people, number: people.len(), first: FIRST_ALONE }];
    for ((_, status, ask), alone) in FIGURES.into_iter().zip(&mut alone) {
        [*alone] = turns_by(&side, status, ask, |side| side.tenant).await?;
    }
    Ok(Few { tenant, people, alone })
}

/// With everybody there. `teams` has the large one first.
pub async fn measure(
    table: &mut Table,
    system: &System,
    few: &Few,
    tenant: &Tenant,
    people: &[String],
    teams: &[String],
) -> Result<(), Failure> {
    let number = few.people.len();
    let sides = [
        Side { tenant: &few.tenant, people: &few.people, number, first: FIRST },
        Side { tenant, people, number: people.len(), first: FIRST },
    ];
    for ((figure, status, ask), alone) in FIGURES.into_iter().zip(few.alone) {
        let [beside, many] = turns_by(&sides, status, ask, |side| side.tenant).await?;
        let figure = format!("{figure}: {} users,", people.len());
        table.within_times(&format!("{figure} a tenant of {number} beside them"), MOST, many, beside);
        table.within_times(&format!("{figure} {number} without them"), MOST, many, alone);
    }

    let team = json!({ "displayName": "Ten" });
    let (status, body) = tenant.server.once(tenant.ask("POST", "/Groups", team.to_string())).await?;
    let team: serde_json::Value =
        serde_json::from_slice(&body).map_err(|error| format!("{status}: {error}"))?;
    let ten = team["id"].as_str().ok_or("the team has no id")?.to_owned();
    let members = people.iter().take(10).map(String::as_str);
    tenant
        .server
        .load(1, 1, |_| tenant.ask("PATCH", &format!("/Groups/{ten}"), add(members.clone())))
        .await?
        .all(204);
    let sides = [(&ten, 11), (&teams[0], 1)];
    let patch = |side: &(&String, usize), it: usize| {
        // There and back again, so that both stay as large as they are.
        let (team, skip) = side;
        let member = &people[(it / 2 * 2 * 3 + skip) % people.len()];
        let body = if it.is_multiple_of(2) {
            add(std::iter::once(member.as_str()))
        } else {
            let path = format!("members[value eq \"{member}\"]");
            json!({ "Operations": [{ "op": "remove", "path": path }] }).to_string()
        };
        tenant.ask("PATCH", &format!("/Groups/{team}"), body)
    };
    let [few, many] = turns_by(&sides, 204, patch, |_| tenant).await?;
    table.within_times("PATCH of one member: the large team, a team of 10", MOST, many, few);
    let [few, many] = swaps(system, [&ten, &teams[0]]).await?;
    let ratio = many.as_secs_f64() / few.as_secs_f64();
    table.note("  a bare client's writes of objects as large as these two, ratio", ratio, "x");
    pages(table, tenant, people.len()).await
}

/// How long a bare client takes to change objects like those of two teams, where nobody watches: the large one names its
/// slices, and has a longer tail. The median of each side's medians.
async fn swaps(system: &System, teams: [&str; 2]) -> Result<[Duration; 2], Failure> {
    let api: Api<Team> = Api::namespaced(system.client.clone(), BARE);
    let mut copies = Vec::new();
    for team in teams {
        let team = system.api::<Team>().get(team).await?;
        let metadata =
            ObjectMeta { name: Some(format!("copy-{}", team.name_any())), ..ObjectMeta::default() };
        let copy = Team { metadata, spec: team.spec, status: None };
        copies.push(api.create(&PostParams::default(), &copy).await?);
    }
    let mut took = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        for (copy, took) in copies.iter_mut().zip(&mut took) {
            let mut each = Vec::new();
            for turn in 0..REQUESTS {
                copy.spec.external_id = Some(format!("{round} {turn}"));
                let started = Instant::now();
                *copy = api.replace(&copy.name_any(), &PostParams::default(), copy).await?;
                each.push(started.elapsed());
            }
            each.sort_unstable();
            took.push(each[each.len() / 2]);
        }
    }
    Ok(medians(took))
}

/// What a page costs, wherever it is.
async fn pages(table: &mut Table, tenant: &Tenant, people: usize) -> Result<(), Failure> {
    for (place, start) in [("first", 1), ("middle", people / 2), ("last", people - 100)] {
        let page = |_| tenant.ask("GET", &format!("/Users?count=100&startIndex={start}"), "");
        let took = tenant.server.load(1, REQUESTS, page).await?.all(200).within(0.5);
        table.note_time(&format!("page of 100 users, the {place} one"), took);
    }
    Ok(())
}

fn read(side: &Side<'_>, it: usize) -> Ask {
    let id = &side.people[it * 7919 % side.people.len()];
    side.tenant.ask("GET", &format!("/Users/{id}"), "")
}

fn find(side: &Side<'_>, it: usize) -> Ask {
    let number = it * 7919 % side.number;
    let path = format!("/Users?filter=userName%20eq%20%22person{number}@example.com%22");
    side.tenant.ask("GET", &path, "")
}

fn create(side: &Side<'_>, it: usize) -> Ask {
    side.tenant.ask("POST", "/Users", person(side.first + it))
}

/// The median of each side's medians.
async fn turns_by<'s, S: Sync, const N: usize>(
    sides: &'s [S; N],
    status: u16,
    ask: impl Fn(&S, usize) -> Ask + Sync,
    tenant: impl Fn(&'s S) -> &'s Tenant,
) -> Result<[Duration; N], Failure> {
    let mut took = [const { Vec::new() }; N];
    for round in 0..ROUNDS {
        for (side, took) in sides.iter().zip(&mut took) {
            let ask = |it| ask(side, round * REQUESTS + it);
            took.push(tenant(side).server.load(1, REQUESTS, ask).await?.all(status).within(0.5));
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok(medians(took))
}

fn medians<const N: usize>(took: [Vec<Duration>; N]) -> [Duration; N] {
    took.map(|mut took| {
        took.sort_unstable();
        took[took.len() / 2]
    })
}

impl Table {
    /// A time that must be at most so many times another one.
    fn within_times(&mut self, figure: &str, most: f64, measured: Duration, beside: Duration) {
        let ratio = measured.as_secs_f64() / beside.as_secs_f64();
        self.push(crate::table::Row {
            figure: figure.to_owned(),
            target: format!("<= {most} x"),
            measured: time(measured),
            beside: format!("{ratio:.2} x {}", time(beside)),
            met: ratio <= most,
        });
    }

    fn note_time(&mut self, figure: &str, measured: Duration) {
        self.note(figure, measured.as_secs_f64() * 1e3, "ms");
    }
}
