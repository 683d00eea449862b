//! Figures of the whole system while it grows: everything is loaded through SCIM, once, and measured on its way.

use std::time::Instant;

use crate::{load::Failure, memory, people::Size, selection::Selection, system::System, table::Table};

/// The groups of figures that are measured here.
const GROUPS: [&str; 1] = ["memory"];

/// Measures those of the groups that were selected.
pub fn measure(table: &mut Table, selection: &Selection) -> Result<(), Failure> {
    if GROUPS.iter().any(|group| selection.has(group)) {
        tokio::runtime::Runtime::new()?.block_on(run(table, selection))?;
    }
    Ok(())
}

async fn run(table: &mut Table, selection: &Selection) -> Result<(), Failure> {
    let size = if selection.full { Size::FULL } else { Size::QUICK };
    let system = System::start().await?;
    let tenant = system.tenant("okta").await?;
    let empty = memory::empty(&system).await?;
    let started = Instant::now();
    tenant.create(0..size.people).await?;
    let people = tenant.ids("/Users").await?;
    let teams = tenant.create_teams(&size, &people).await?;
    table.note(
        &format!("loading {} users and {} teams", people.len(), teams.len()),
        started.elapsed().as_secs_f64(),
        "s",
    );
    if selection.has("memory") {
        memory::measure(table, &system, &size, empty).await?;
    }
    Ok(())
}
