//! How cost grows: the same requests to a tenant of 1,000 and to the large one, and to a team of 10 and to the large one,
//! in turns, so that whatever else the machine does meets both.

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
}

/// With everybody there. `teams` has the large one first.
pub async fn measure(
    table: &mut Table,
    system: &System,
    tenant: &Tenant,
    people: &[String],
    teams: &[String],
) -> Result<(), Failure> {
    let small = system.tenant("small").await?;
    small.create(0..Size::SMALL.people).await?;
    let few = small.ids("/Users").await?;
    small.create_teams(&Size::SMALL, &few).await?;
    let (large, total) = (people.len(), people.len());
    let sides =
        [Side { tenant: &small, people: &few, number: few.len() }, Side { tenant, people, number: large }];
    let of = format!("{total} users, of {}", few.len());
    let each = |table: &mut Table, figure: &str, [few, many]: [Duration; 2]| {
        table.within_times(&format!("{figure}: {of}"), MOST, many, few);
    };

    let read = |side: &Side<'_>, it: usize| {
        let id = &side.people[it * 7919 % side.people.len()];
        side.tenant.ask("GET", &format!("/Users/{id}"), "")
    };
    each(table, "read by id", turns(&sides, 200, read).await?);
    let find = |side: &Side<'_>, it: usize| {
        let number = it * 7919 % side.number;
        let path = format!("/Users?filter=userName%20eq%20%22person{number}@example.com%22");
        side.tenant.ask("GET", &path, "")
    };
    each(table, "equality filter", turns(&sides, 200, find).await?);
    let create = |side: &Side<'_>, it: usize| side.tenant.ask("POST", "/Users", person(1_000_000 + it));
    each(table, "create", turns(&sides, 201, create).await?);

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

async fn turns(
    sides: &[Side<'_>; 2],
    status: u16,
    ask: impl Fn(&Side<'_>, usize) -> Ask + Sync,
) -> Result<[Duration; 2], Failure> {
    turns_by(sides, status, ask, |side| side.tenant).await
}

/// The median of each side's medians.
async fn turns_by<'s, S: Sync>(
    sides: &'s [S; 2],
    status: u16,
    ask: impl Fn(&S, usize) -> Ask + Sync,
    tenant: impl Fn(&'s S) -> &'s Tenant,
) -> Result<[Duration; 2], Failure> {
    let mut took = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        for (side, took) in sides.iter().zip(&mut took) {
            let ask = |it| ask(side, round * REQUESTS + it);
            took.push(tenant(side).server.load(1, REQUESTS, ask).await?.all(status).within(0.5));
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok(medians(took))
}

fn medians(took: [Vec<Duration>; 2]) -> [Duration; 2] {
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
