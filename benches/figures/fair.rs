//! What one tenant notices of another one that floods: the mixed load of one tenant, by turns alone, beside the flood, and
//! in the full form beside the same flood of somebody else's server. Of what was seen in each turn, the median of the
//! turns counts.
//!
//! The last one is the control: servers and kernel share a machine of a few cores, so a flood costs the one who does not
//! flood something whoever is flooded. A flood comes from elsewhere, though, so its generator is a thread that Linux runs
//! when a processor has nothing else to do (`SCHED_IDLE`), and how late its first requests left says whether that was
//! enough to flood. The flood waits for answers, as any client does that has only so many connections: what a server lets
//! wait, it is not asked again meanwhile.
//!
//! How much of a ratio is chance is seen from the turns alone: every second one is compared with the others. It is
//! much, as the slowest of a hundred reads waits for a processor, and few seconds have few of them.

use std::{fs, process::Command, thread, time::Duration};

use rollcall_dev::peers;
use serde_json::json;
use tokio::{runtime::Builder, task::JoinHandle};

use crate::{
    gauge::{Work, collect_garbage},
    load::{Ask, Failure, Paced},
    mixed::{self, Seen},
    people::patch,
    rivals,
    system::{System, Tenant},
    table::Table,
};

/// A hundred times what Entra ID asks a service to take.
const FLOOD: f64 = 2_500.0;
const CONNECTIONS: usize = 1024;

/// Users of these numbers nobody else creates.
const FIRST: usize = 4_000_000;

/// The beginning of each turn, which is told apart: a flood opens its connections in it, and is found out.
const LEAD: Duration = Duration::from_secs(2);

/// How often they take turns, and for how many seconds after it, in the full form and in the quick one.
const FULL: (usize, u64) = (8, 30);
const QUICK: (usize, u64) = (3, 6);

/// How often the control has its turn: it explains, and nothing is decided by it.
const CONTROLS: usize = 3;

/// What was seen of the load in one of its surroundings.
#[derive(Default)]
struct Phase {
    /// In the beginning of each turn, as long as the lead of a flood.
    begun: Vec<Seen>,
    /// In the rest of it.
    seen: Vec<Seen>,
    work: Work,
    /// Seconds that the generator of the flood has worked.
    flooding: f64,
    /// What was answered to the flood: let through, and refused.
    answered: [usize; 2],
    /// How late its first requests left, as many as it has connections: the longest of each turn.
    late: Vec<Duration>,
}

/// Reads or writes, of what was seen.
type Times = fn(&Seen) -> &Vec<Duration>;

/// Who is flooded.
#[derive(Clone)]
struct Flood {
    tenant: Tenant,
    ids: Vec<String>,
}

pub async fn measure(
    table: &mut Table,
    system: &System,
    tenant: &Tenant,
    (people, teams): (&[String], &[String]),
    full: bool,
) -> Result<(), Failure> {
    let (rounds, seconds) = if full { FULL } else { QUICK };
    let time = Duration::from_secs(seconds);
    let loud = system.tenant("loud").await?;
    loud.create(0..100).await?;
    let ids = loud.ids("/Users").await?;
    let mut floods = vec![None, Some(Flood { tenant: loud, ids: ids.clone() })];
    let control = if full { Some(rivals::start(peers::elimity).await?) } else { None };
    floods.extend(control.iter().map(|(tenant, _)| Some(Flood { tenant: tenant.clone(), ids: ids.clone() })));
    let mut phases: Vec<Phase> = floods.iter().map(|_| Phase::default()).collect();
    // Whatever was before, an API server that has just stored a lot goes on with it for a while.
    mixed::load(tenant, people, teams, FIRST, time).await?;
    let turns = phases.len();
    for round in 0..rounds {
        let taking_part = if round < CONTROLS { turns } else { 2 };
        for (turn, (phase, flood)) in phases.iter_mut().zip(&floods).enumerate().take(taking_part) {
            let first = FIRST + (turns * round + turn + 1) * 100_000;
            // A collection of its garbage takes an API server with 100,000 users seconds, in whosever turn it comes.
            collect_garbage(&system.client).await?;
            let before = Work::so_far(system)?;
            let flood = flood.clone().map(|flood| flood.start(LEAD + time));
            phase.begun.push(mixed::load(tenant, people, teams, first, LEAD).await?);
            phase.seen.push(mixed::load(tenant, people, teams, first + 50_000, time).await?);
            phase.work.add_since(before, system)?;
            if let Some(flood) = flood {
                let (answers, worked) = flood.await??;
                let refused = answers.iter().filter(|it| it.status == 429).count();
                phase.answered[0] += answers.len() - refused;
                phase.answered[1] += refused;
                let first = answers.iter().filter(|it| it.number < CONNECTIONS);
                phase.late.extend(first.map(|it| it.late).max());
                // Both generators are in this process.
                phase.work.take_from_load_generator(worked);
                phase.flooding += worked;
            }
        }
    }
    tell(table, &phases, LEAD + time);
    Ok(())
}

fn tell(table: &mut Table, phases: &[Phase], turn: Duration) {
    let [alone, beside, control @ ..] = phases else { return };
    let seconds = |phase: &Phase| turn.as_secs_f64() * phase.seen.len() as f64;
    let kinds: [(&str, Times); 2] = [("reads", |seen| &seen.reads), ("writes", |seen| &seen.writes)];
    for (kind, of) in kinds {
        let before = median(&alone.seen, of);
        let figure = format!("p99 of {kind} beside a tenant with {FLOOD} requests/s");
        table.at_most_times(&figure, 1.1, median(&beside.seen, of), ("alone", before), "ms");
        for control in control {
            let figure = "  the control: the flood is another server's";
            table.note_times(figure, median(&control.seen, of), ("alone", before), "ms");
        }
        let figure = format!("  the first {} s of the flood", LEAD.as_secs());
        table.note_times(&figure, median(&beside.begun, of), ("alone", median(&alone.begun, of)), "ms");
        let [even, odd] = [0, 1].map(|first| median(alone.seen.iter().skip(first).step_by(2), of));
        table.note_times("  chance: alone, every second turn", odd, ("the others", even), "ms");
    }
    let refused: usize = beside.begun.iter().chain(&beside.seen).map(|seen| seen.refused).sum();
    table.at_most("  answers of 5xx or 429 to who does not flood", 0.0, refused as f64, "");
    let [passed, refused] = beside.answered.map(|count| count as f64 / seconds(beside));
    table.note("  of the flood, what is let through", passed, "/s");
    table.note("  of the flood, what is refused", refused, "/s");
    let latest = beside.late.iter().max().copied().unwrap_or_default();
    let figure = format!("  of its first {CONNECTIONS} requests, how late the latest left");
    table.note(&figure, latest.as_secs_f64() * 1e3, "ms");
    for control in control {
        table.note(
            "  of the control's flood, what is answered",
            control.answered[0] as f64 / seconds(control),
            "/s",
        );
    }
    for (phase, surroundings) in phases.iter().zip(["alone", "beside", "control"]) {
        let cores = Work::OF.into_iter().zip(phase.work.each(seconds(phase)));
        let cores = cores.map(|(of, cores)| format!("{of} {cores:.2}")).collect::<Vec<_>>().join(", ");
        eprintln!(
            "  cores, {surroundings}: {cores}, the generator of the flood {:.2}",
            phase.flooding / seconds(phase)
        );
    }
}

impl Flood {
    /// Floods from a thread of its own, which lets everybody else work first; gives back the answers, and the seconds
    /// that the thread has worked.
    fn start(self, time: Duration) -> JoinHandle<Result<(Vec<Paced>, f64), Failure>> {
        tokio::task::spawn_blocking(move || {
            // Those of the runtime are used again, and a priority once given up does not come back.
            let thread = thread::spawn(move || self.flood(time));
            thread.join().map_err(|_| "the generator of the flood panicked")?
        })
    }

    fn flood(&self, time: Duration) -> Result<(Vec<Paced>, f64), Failure> {
        yield_to_everybody()?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let before = thread_worked()?;
        let all = (usize::MAX, time);
        let flood = self.tenant.server.paced(CONNECTIONS, FLOOD, all, |number| self.ask(number));
        let answers = runtime.block_on(flood)?;
        Ok((answers, thread_worked()? - before))
    }

    /// One write in five, the others look for people.
    fn ask(&self, number: usize) -> Ask {
        let who = number * 31 % self.ids.len();
        if number.is_multiple_of(5) {
            let change = json!({ "op": "replace", "path": "title", "value": format!("Flooder {number}") });
            return self.tenant.ask("PATCH", &format!("/Users/{}", self.ids[who]), patch(&change));
        }
        self.tenant.ask("GET", &format!("/Users?filter=userName%20eq%20%22person{who}@example.com%22"), "")
    }
}

/// From now on this thread runs when a processor has nothing else to do, and stops as soon as it has. Of the lowest
/// priority (19) alone it would keep a processor until the next tick, up to 4 ms, which is more than a read takes.
fn yield_to_everybody() -> Result<(), Failure> {
    // To Linux a thread is a process.
    let thread = fs::read_link("/proc/thread-self")?;
    let id = thread.file_name().ok_or("/proc/thread-self leads nowhere")?;
    let status = Command::new("chrt").args(["--idle", "--pid", "0"]).arg(id).status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("chrt could not make the flood yield: {status}").into())
    }
}

/// Seconds that this thread has worked so far: the first field of its `schedstat`, in nanoseconds.
fn thread_worked() -> Result<f64, Failure> {
    let stat = fs::read_to_string("/proc/thread-self/schedstat")?;
    let first = stat.split_whitespace().next().ok_or("schedstat is empty")?;
    Ok(first.parse::<f64>()? / 1e9)
}

/// The median of the p99 of each of these, in milliseconds.
fn median<'a>(turns: impl IntoIterator<Item = &'a Seen>, of: Times) -> f64 {
    let mut all: Vec<Duration> = turns.into_iter().map(|seen| p99(of(seen))).collect();
    all.sort_unstable();
    eprintln!("  {all:.1?}");
    let middle = all[(all.len() - 1) / 2] + all[all.len() / 2];
    middle.as_secs_f64() * 1e3 / 2.0
}

fn p99(sorted: &[Duration]) -> Duration {
    sorted[sorted.len() * 99 / 100]
}
