//! Many clients who change one team at the same time, beside as many who do by compare-and-swap what a client of the
//! API server can do: read the object, change it, replace it, and begin again if somebody else was faster.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use futures::future::try_join_all;
use kube::{Api, ResourceExt, api::PostParams};
use rollcall::api::{Team, TeamSpec, TenantRef};
use serde_json::{Value, json};

use crate::{
    load::Failure,
    people::add,
    system::{BARE, System, Tenant},
    table::Table,
};

/// How many change it at once.
const CLIENTS: usize = 64;

/// How many changes are made by us, each of one member who was not in the team.
const CHANGES: usize = 4096;

/// How many the others make.
const SWAPS: usize = 256;

/// How many members their object has at most: as many as our tail holds, so that the objects are of one size.
const TAIL: usize = 32;

pub async fn measure(
    table: &mut Table,
    system: &System,
    tenant: &Tenant,
    people: &[String],
) -> Result<(), Failure> {
    let swapped = swaps_per_second(Api::namespaced(system.client.clone(), BARE)).await?;
    let ours = ours_per_second(tenant, people).await?;
    table.at_least_times(
        "PATCHes of one team, 64 at once",
        10.0,
        ours,
        ("a bare client's swaps", swapped),
        "/s",
    );
    Ok(())
}

async fn ours_per_second(tenant: &Tenant, people: &[String]) -> Result<f64, Failure> {
    let team = json!({ "displayName": "Everybody" }).to_string();
    let (_, body) = tenant.server.once(tenant.ask("POST", "/Groups", team)).await?;
    let team: Value = serde_json::from_slice(&body)?;
    let team = format!("/Groups/{}", team["id"].as_str().ok_or("the team has no id")?);
    let patch = |number: usize| tenant.ask("PATCH", &team, add(std::iter::once(people[number].as_str())));
    let outcome = tenant.server.load(CLIENTS, CHANGES, patch).await?.all(204);
    let (_, body) = tenant.server.once(tenant.ask("GET", &team, "")).await?;
    let body: Value = serde_json::from_slice(&body)?;
    let members = body["members"].as_array().map_or(0, Vec::len);
    assert_eq!(members, CHANGES, "everybody is there");
    tenant.server.load(1, 1, |_| tenant.ask("DELETE", &team, "")).await?.all(204);
    Ok(outcome.rate())
}

async fn swaps_per_second(teams: Api<Team>) -> Result<f64, Failure> {
    let tenant_ref = TenantRef { name: "nobody".to_owned() };
    let spec = TeamSpec { tenant_ref, display_name: "Everybody".to_owned(), ..TeamSpec::default() };
    let team = teams.create(&PostParams::default(), &Team::new("everybody", spec)).await?.name_any();
    let next = AtomicUsize::new(0);
    let started = Instant::now();
    try_join_all((0..CLIENTS).map(|_| swap(&teams, &team, &next))).await?;
    let took = started.elapsed();
    let counted = teams.get(&team).await?.spec.membership.count;
    assert_eq!(usize::try_from(counted)?, SWAPS, "every change was made");
    Ok(f64::from(u32::try_from(SWAPS)?) / took.as_secs_f64())
}

/// One client, who adds one member after the other.
async fn swap(teams: &Api<Team>, id: &str, next: &AtomicUsize) -> Result<(), kube::Error> {
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= SWAPS {
            return Ok(());
        }
        loop {
            let mut team = teams.get(id).await?;
            let membership = &mut team.spec.membership;
            if membership.added.len() == TAIL {
                membership.added.remove(0);
            }
            membership.added.push(format!("0198c0de-0000-7000-8000-{number:012}"));
            membership.count += 1;
            match teams.replace(id, &PostParams::default(), &team).await {
                Ok(_) => break,
                Err(kube::Error::Api(status)) if status.is_conflict() => {}
                Err(error) => return Err(error),
            }
        }
    }
}
