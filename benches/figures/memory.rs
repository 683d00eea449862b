//! What people and teams cost in memory: in a replica, and in the API server.

use crate::{
    gauge::{api_server, live_heap, memory, metric, settled},
    load::Failure,
    people::Size,
    system::System,
    table::Table,
};

/// What the API server holds while there is nobody.
#[derive(Clone, Copy, Debug)]
pub struct Empty {
    resident: f64,
    live: f64,
}

/// To be taken before anybody is there.
pub async fn empty(system: &System) -> Result<Empty, Failure> {
    let live = live_heap(&system.client).await?;
    Ok(Empty { resident: memory(api_server(&system.plane)?, "VmRSS")?, live })
}

/// With everybody there; in the full form, what the API server holds once that has settled.
pub async fn measure(
    table: &mut Table,
    system: &System,
    size: &Size,
    empty: Empty,
    full: bool,
) -> Result<(), Failure> {
    let of = format!("{} users, {} memberships", size.people, size.memberships);
    let operator = system.operator.pid()?;
    table.at_most(&format!("memory of a replica, {of}"), 256.0, memory(operator, "VmRSS")?, "MiB");
    table.at_most("  at its peak, since it started", 256.0, memory(operator, "VmHWM")?, "MiB");
    // This collects its garbage, which it would do by itself within two minutes.
    let live = live_heap(&system.client).await?;
    let pid = api_server(&system.plane)?;
    let per_user = |mib: f64| mib * 1024.0 / size.people as f64;
    let resident = if full {
        let resident = settled(pid).await?;
        table.at_most(
            "memory of the API server, of each user",
            45.0,
            per_user(resident - empty.resident),
            "KiB",
        );
        resident
    } else {
        // It takes Go many minutes to give back what a load has taken.
        memory(pid, "VmRSS")?
    };
    table.at_most("  live objects of it, of each user", 45.0, per_user(live - empty.live), "KiB");
    table.note("  the API server in all", resident, "MiB");
    table.note("  the API server without anybody", empty.resident, "MiB");
    let stored = metric(&system.client, "apiserver_storage_size_bytes", |_| true).await?;
    table.note("etcd's database", stored / f64::from(1 << 20), "MiB");
    Ok(())
}
