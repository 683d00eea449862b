//! What the processes of the measured system say of themselves: memory, processor time, and counts of requests.

use std::{
    collections::BTreeMap,
    fs,
    time::{Duration, Instant},
};

use kube::Client;
use rollcall_dev::{Component, ControlPlane};

use crate::{load::Failure, system::System};

/// For so long memory must stay as it is until it counts as settled: longer than the two minutes after which Go collects
/// garbage by itself.
const STILL: Duration = Duration::from_secs(130);

/// How much it may move within that time. Go gives free memory back slowly, so that it does not take the processor.
const SAME: f64 = 0.005;

/// A process that never settles is measured after this.
const AT_LAST: Duration = Duration::from_mins(5);

/// One line of `/proc/<pid>/status`, such as `VmRSS`, in MiB.
pub fn memory(pid: u32, line: &str) -> Result<f64, Failure> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let found = status.lines().find_map(|it| it.strip_prefix(line)?.strip_prefix(':'));
    let kib = found.ok_or("no such line")?.trim().trim_end_matches("kB").trim().parse::<f64>()?;
    Ok(kib / 1024.0)
}

/// Seconds that a process has worked so far: fields 14 and 15 of `/proc/<pid>/stat`, in hundredths.
pub fn worked(pid: u32) -> Result<f64, Failure> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat.rsplit_once(')').ok_or("no name in stat")?.1.split_whitespace().collect();
    let ticks = |place: usize| fields.get(place).and_then(|it| it.parse::<f64>().ok()).ok_or("stat is short");
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}

/// What a process holds once it has stopped giving memory back, in MiB.
pub async fn settled(pid: u32) -> Result<f64, Failure> {
    let started = Instant::now();
    let (mut held, mut since) = (memory(pid, "VmRSS")?, Instant::now());
    while since.elapsed() < STILL && started.elapsed() < AT_LAST {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = memory(pid, "VmRSS")?;
        if (now - held).abs() > held * SAME {
            (held, since) = (now, Instant::now());
        }
    }
    memory(pid, "VmRSS")
}

/// The API server's process id.
pub fn api_server(plane: &ControlPlane) -> Result<u32, Failure> {
    Ok(plane.pid(Component::ApiServer)?)
}

/// The sum of one of the API server's metrics, over those of its lines that `of` selects.
pub async fn metric(client: &Client, name: &str, of: impl Fn(&str) -> bool) -> Result<f64, Failure> {
    Ok(metrics(client, name, of).await?.values().sum())
}

/// The same, each line by itself.
pub async fn metrics(
    client: &Client,
    name: &str,
    of: impl Fn(&str) -> bool,
) -> Result<BTreeMap<String, f64>, Failure> {
    let text = client.request_text(http::Request::get("/metrics").body(Vec::new())?).await?;
    let lines = text
        .lines()
        .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])) && of(line));
    let parted = lines.filter_map(|line| line.rsplit_once(' '));
    Ok(parted.filter_map(|(line, value)| Some((line.to_owned(), value.parse().ok()?))).collect())
}

/// What the API server's live objects take in MiB, after it was made to collect its garbage.
pub async fn live_heap(client: &Client) -> Result<f64, Failure> {
    collect_garbage(client).await?;
    Ok(metric(client, "go_memstats_heap_alloc_bytes", |_| true).await? / f64::from(1 << 20))
}

/// Makes the API server collect its garbage.
pub async fn collect_garbage(client: &Client) -> Result<(), Failure> {
    let path = "/debug/pprof/heap?gc=1&debug=1";
    client.request_text(http::Request::get(path).body(Vec::new())?).await?;
    Ok(())
}

/// Seconds that each process of the measured system has worked so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Work([f64; 4]);

impl Work {
    /// Of what, in this order.
    pub const OF: [&str; 4] = ["the operator", "the API server", "etcd", "the load generator"];

    pub fn so_far(system: &System) -> Result<Self, Failure> {
        let pids = [
            system.operator.pid()?,
            system.plane.pid(Component::ApiServer)?,
            system.plane.pid(Component::Etcd)?,
            std::process::id(),
        ];
        let mut work = Self::default();
        for (place, pid) in work.0.iter_mut().zip(pids) {
            *place = worked(pid)?;
        }
        Ok(work)
    }

    /// Adds what was worked since `before`.
    pub fn add_since(&mut self, before: Self, system: &System) -> Result<(), Failure> {
        let now = Self::so_far(system)?;
        for (place, (now, before)) in self.0.iter_mut().zip(now.0.into_iter().zip(before.0)) {
            *place += now - before;
        }
        Ok(())
    }

    /// Takes the work of others out of what this process has done.
    pub fn take_from_load_generator(&mut self, seconds: f64) {
        self.0[3] -= seconds;
    }

    /// Of each, divided by `by`.
    pub fn each(self, by: f64) -> [f64; 4] {
        self.0.map(|seconds| seconds / by)
    }
}
