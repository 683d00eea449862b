//! A replica starts, with everybody there: how long until it is ready, what it takes, and that it writes nothing.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::{
    gauge::{memory, metrics, worked},
    load::Failure,
    people::Size,
    system::{System, eventually},
    table::Table,
};

/// How often it is started in the full form.
const STARTS: usize = 3;

/// For so long it must have had nothing to do to count as idle.
const IDLE: Duration = Duration::from_secs(5);

/// How much of that time it may have worked all the same: leases are renewed, metrics are asked for.
const NEXT_TO_NOTHING: f64 = 0.02;

pub async fn measure(table: &mut Table, system: &mut System, size: &Size, full: bool) -> Result<(), Failure> {
    let starts = if full { STARTS } else { 1 };
    let of = format!("{} users, {} memberships", size.people, size.memberships);
    idle(system.operator.pid()?).await?;
    let before = counts(system).await?;
    let mut took = Vec::new();
    for _ in 0..starts {
        system.operator.kill()?;
        took.push(system.operator.launch(&system.plane).await?);
        // The leader compares everything with everything before it has nothing more to do.
        let leader = eventually("the replica leads", || async {
            system.operator.metric("rollcall_leader ").await.filter(|it| *it > 0.0)
        });
        leader.await;
        idle(system.operator.pid()?).await?;
    }
    took.sort_unstable();
    let seconds = |place: usize| took[place].as_secs_f64();
    let figure = format!("start of a replica until it is ready, {of}");
    table.at_most(&figure, 10.0, seconds(starts / 2), "s");
    if full {
        table.note(&format!("  the longest of {starts}"), seconds(starts - 1), "s");
    }
    let pid = system.operator.pid()?;
    let written = differences(&before, &counts(system).await?);
    for (line, count) in &written {
        eprintln!("  {count} writes of {line}");
    }
    table.at_most(
        "  its writes until all was compared",
        0.0,
        written.values().fold(0.0, |sum, it| sum + it),
        "",
    );
    table.at_most("  its memory then", 256.0, memory(pid, "VmRSS")?, "MiB");
    table.at_most("  its memory at the peak", 256.0, memory(pid, "VmHWM")?, "MiB");
    Ok(())
}

/// How often users, teams, slices and claims were written.
pub async fn writes(system: &System) -> Result<f64, Failure> {
    Ok(counts(system).await?.values().sum())
}

/// The same by kind and verb. Leases of replicas are renewed by other verbs.
async fn counts(system: &System) -> Result<BTreeMap<String, f64>, Failure> {
    let of = |line: &str| {
        let has = |part: &str| line.contains(part);
        let ours = has("group=\"rollcall.dev\"") && !has("scimtenants");
        let writes =
            ["POST", "PUT", "PATCH", "APPLY", "DELETE"].iter().any(|verb| has(&format!("verb=\"{verb}\"")));
        let claims = has("resource=\"leases\"") && (has("verb=\"POST\"") || has("verb=\"DELETE\""));
        let tried_only = has("dry_run=\"All\"");
        has("code=\"2") && !tried_only && ((ours && writes) || claims)
    };
    metrics(&system.client, "apiserver_request_total", of).await
}

fn differences(before: &BTreeMap<String, f64>, after: &BTreeMap<String, f64>) -> BTreeMap<String, f64> {
    let more = after.iter().map(|(line, count)| (line.clone(), count - before.get(line).unwrap_or(&0.0)));
    more.filter(|(_, more)| *more > 0.0).collect()
}

/// Waits until a process has nothing to do.
pub async fn idle(pid: u32) -> Result<(), Failure> {
    let started = Instant::now();
    loop {
        let (before, since) = (worked(pid)?, Instant::now());
        tokio::time::sleep(IDLE).await;
        if (worked(pid)? - before) / since.elapsed().as_secs_f64() < NEXT_TO_NOTHING {
            return Ok(());
        }
        if started.elapsed() > Duration::from_mins(5) {
            return Err("the process is never idle".into());
        }
    }
}
