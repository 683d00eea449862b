//! Figures of the whole system while it grows: everything is loaded through SCIM, once, and measured on its way.

use std::time::Instant;

use tokio::runtime::Builder;

use crate::{
    load::Failure,
    memory,
    people::Size,
    rivals,
    selection::Selection,
    system::{System, Tenant},
    table::Table,
};

/// The groups of figures that are measured here.
const GROUPS: [&str; 2] = ["memory", "rivals"];

/// Measures those of the groups that were selected.
pub fn measure(table: &mut Table, selection: &Selection) -> Result<(), Failure> {
    if GROUPS.iter().any(|group| selection.has(group)) {
        // One thread: the others are for what is measured.
        Builder::new_current_thread().enable_all().build()?.block_on(run(table, selection))?;
    }
    Ok(())
}

async fn run(table: &mut Table, selection: &Selection) -> Result<(), Failure> {
    let size = if selection.full { Size::FULL } else { Size::QUICK };
    let system = System::start().await?;
    let tenant = system.tenant("okta").await?;
    let empty = if selection.has("memory") { Some(memory::empty(&system).await?) } else { None };
    let started = Instant::now();
    tenant.create(0..size.people).await?;
    table.note(&format!("loading {} users", size.people), started.elapsed().as_secs_f64(), "s");
    if selection.has("rivals") {
        rivals::reads(table, selection, &tenant, size.people).await?;
    }
    if let Some(empty) = empty {
        load_teams(table, &tenant, &size).await?;
        memory::measure(table, &system, &size, empty).await?;
    }
    if selection.has("rivals") {
        rivals::creates(table, selection, &tenant, size.people).await?;
    }
    Ok(())
}

async fn load_teams(table: &mut Table, tenant: &Tenant, size: &Size) -> Result<(), Failure> {
    let started = Instant::now();
    let people = tenant.ids("/Users").await?;
    let teams = tenant.create_teams(size, &people).await?;
    table.note(&format!("loading {} teams", teams.len()), started.elapsed().as_secs_f64(), "s");
    Ok(())
}
