//! Figures of the whole system while it grows: everything is loaded through SCIM, once, and measured on its way.

use std::time::{Duration, Instant};

use tokio::runtime::Builder;

use crate::{
    access, coalesce, delete, fair,
    growth::{self, Few},
    load::Failure,
    memory::{self, Empty},
    mixed,
    people::Size,
    rivals,
    selection::Selection,
    start,
    system::{System, Tenant},
    table::Table,
    throughput,
};

/// The groups of figures that are measured here: that which has people alone, and those that have teams, too.
const ALONE: &str = "rivals";
const TOGETHER: [&str; 9] =
    ["memory", "growth", "start", "mixed", "access", "coalesce", "fair", "throughput", "delete"];

/// Measures those of the groups that were selected.
pub fn measure(table: &mut Table, selection: &Selection) -> Result<(), Failure> {
    if selection.has(ALONE) || TOGETHER.iter().any(|group| selection.has(group)) {
        // One thread: the others are for what is measured.
        Builder::new_current_thread().enable_all().build()?.block_on(run(table, selection))?;
    }
    Ok(())
}

async fn run(table: &mut Table, selection: &Selection) -> Result<(), Failure> {
    let size = size(selection);
    let mut system = System::start().await?;
    let tenant = system.tenant("okta").await?;
    table.end("the system starts");
    let few = if selection.has("growth") { Some(growth::begin(&system).await?) } else { None };
    let empty = if selection.has("memory") { Some(memory::empty(&system).await?) } else { None };
    load_people(table, &tenant, &size).await?;
    table.end("everybody is loaded");
    if selection.has(ALONE) {
        rivals::reads(table, selection, &tenant, size.people).await?;
        table.end("rivals, reads");
    }
    if TOGETHER.iter().any(|group| selection.has(group)) {
        with_teams(table, selection, &mut system, &tenant, (empty, few)).await?;
    }
    if selection.has(ALONE) {
        rivals::creates(table, selection, &tenant, size.people).await?;
        table.end("rivals, creates");
    }
    Ok(())
}

async fn with_teams(
    table: &mut Table,
    selection: &Selection,
    system: &mut System,
    tenant: &Tenant,
    (empty, few): (Option<Empty>, Option<Few>),
) -> Result<(), Failure> {
    let size = size(selection);
    let (people, teams) = load_teams(table, tenant, &size).await?;
    table.end("teams are loaded");
    if let Some(empty) = empty {
        memory::measure(table, system, &size, empty, selection.full).await?;
        table.end("memory");
    }
    if selection.has("start") {
        start::measure(table, system, &size, selection.full).await?;
        table.end("start");
    }
    if selection.has("mixed") {
        let time = Duration::from_secs(if selection.full { 60 } else { 10 });
        mixed::measure(table, system, tenant, &people, &teams, time).await?;
        table.end("mixed");
    }
    if selection.has("coalesce") {
        coalesce::measure(table, system, tenant, &people).await?;
        table.end("coalesce");
    }
    if selection.has("throughput") {
        throughput::creates(table, system, tenant).await?;
        table.end("throughput, creates");
    }
    if selection.has("fair") {
        fair::measure(table, system, tenant, (&people, &teams), selection.full).await?;
        table.end("fair");
    }
    if let Some(few) = few {
        growth::measure(table, system, &few, tenant, &people, &teams).await?;
        table.end("growth");
    }
    if selection.has("throughput") {
        throughput::members(table, system, tenant, &people, &teams[0]).await?;
        table.end("throughput, members");
    }
    if selection.has("access") {
        access::measure(table, system).await?;
        table.end("access");
    }
    if selection.has("delete") {
        delete::measure(table, system, tenant, &people, &teams).await?;
        table.end("delete");
    }
    Ok(())
}

fn size(selection: &Selection) -> Size {
    if selection.full { Size::FULL } else { Size::QUICK }
}

async fn load_people(table: &mut Table, tenant: &Tenant, size: &Size) -> Result<(), Failure> {
    let started = Instant::now();
    for first in (0..size.people).step_by(5_000) {
        tenant.create(first..size.people.min(first + 5_000)).await?;
    }
    table.note(&format!("loading {} users", size.people), started.elapsed().as_secs_f64(), "s");
    Ok(())
}

/// The ids of all people, and of all teams.
async fn load_teams(
    table: &mut Table,
    tenant: &Tenant,
    size: &Size,
) -> Result<(Vec<String>, Vec<String>), Failure> {
    let started = Instant::now();
    let people = tenant.ids("/Users").await?;
    let teams = tenant.create_teams(size, &people).await?;
    let figure = format!("loading {} teams, {} memberships", teams.len(), size.memberships);
    table.note(&figure, started.elapsed().as_secs_f64(), "s");
    Ok((people, teams))
}
