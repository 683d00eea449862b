//! A load generator: requests over kept-alive connections, each answer awaited before the next request of its
//! connection.
//!
//! Ours and every rival are asked by this one, with the same requests, in one run.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use futures::future::try_join_all;
use http::StatusCode;
use hyper::body::Bytes;
use tokio::{sync::Mutex, time::timeout};

use crate::{connection::Connection, pace::Pace};

/// What goes wrong with a load at all; a status is not an error here.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A server that is asked: `127.0.0.1:8080`, and what goes into `Authorization`.
#[derive(Debug, Clone)]
pub struct Server {
    pub address: String,
    pub authorization: String,
}

/// One request; the path with its query as it goes over the wire.
#[derive(Debug, Clone)]
pub struct Ask {
    pub method: &'static str,
    pub path: String,
    pub body: String,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// From the first request to the last answer.
    pub took: Duration,
    /// How long each answer took, sorted.
    pub latencies: Vec<Duration>,
    pub statuses: BTreeMap<u16, usize>,
}

/// What came of one request of many that were due at their times.
#[derive(Debug)]
pub struct Paced {
    pub number: usize,
    /// How long after its time it was sent.
    pub late: Duration,
    pub took: Duration,
    pub status: u16,
}

impl Server {
    /// Asks `count` requests, as `ask` makes them from 0 on, over `connections` connections.
    pub async fn load(
        &self,
        connections: usize,
        count: usize,
        ask: impl Fn(usize) -> Ask + Sync,
    ) -> Result<Outcome, Failure> {
        let next = AtomicUsize::new(0);
        let started = Instant::now();
        let lanes = (0..connections).map(|_| self.lane(&next, count, &ask));
        let lanes = try_join_all(lanes).await?;
        let took = started.elapsed();
        let mut outcome = Outcome { took, ..Outcome::default() };
        for (latency, status) in lanes.into_iter().flatten() {
            outcome.latencies.push(latency);
            *outcome.statuses.entry(status.as_u16()).or_default() += 1;
        }
        outcome.latencies.sort_unstable();
        Ok(outcome)
    }

    /// Asks `count` requests at `rate` a second: each is due at its time, whatever became of those before it, and how
    /// long it took counts from then. Too few `connections` make it late, which shows. After `at_most` it hangs up; what
    /// was not answered by then is left out.
    pub async fn paced(
        &self,
        connections: usize,
        rate: f64,
        (count, at_most): (usize, Duration),
        ask: impl Fn(usize) -> Ask + Sync,
    ) -> Result<Vec<Paced>, Failure> {
        let (pace, answers) = (Mutex::new(Pace::new(rate, count)?), RefCell::new(Vec::new()));
        let lanes = (0..connections).map(|_| async {
            let mut connection = Connection::to(self).await?;
            loop {
                // Locked for this statement alone: the next lane waits for its request while this one asks.
                let Some((number, due)) = pace.lock().await.next().await? else {
                    return Ok::<_, Failure>(());
                };
                let late = due.elapsed();
                if connection.is_closed() {
                    connection = Connection::to(self).await?;
                }
                let status = connection.send(&ask(number)).await?.as_u16();
                answers.borrow_mut().push(Paced { number, late, took: due.elapsed(), status });
            }
        });
        if let Ok(ended) = timeout(at_most, try_join_all(lanes)).await {
            ended?;
        }
        Ok(answers.into_inner())
    }

    /// One request on a connection of its own, with its answer.
    pub async fn once(&self, ask: Ask) -> Result<(StatusCode, Bytes), Failure> {
        Connection::to(self).await?.read(&ask).await
    }

    async fn lane(
        &self,
        next: &AtomicUsize,
        count: usize,
        ask: &(impl Fn(usize) -> Ask + Sync),
    ) -> Result<Vec<(Duration, StatusCode)>, Failure> {
        let mut connection = Connection::to(self).await?;
        let mut answers = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return Ok(answers);
            }
            let ask = ask(number);
            if connection.is_closed() {
                connection = Connection::to(self).await?;
            }
            let started = Instant::now();
            let status = connection.send(&ask).await?;
            answers.push((started.elapsed(), status));
        }
    }
}

impl Outcome {
    /// Requests per second.
    pub fn rate(&self) -> f64 {
        let count: usize = self.statuses.values().sum();
        count as f64 / self.took.as_secs_f64()
    }

    /// What `share` of the answers took at most, such as 0.99.
    pub fn within(&self, share: f64) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        self.latencies.get((last as f64 * share).round() as usize).copied().unwrap_or_default()
    }

    /// Panics unless every answer had this status.
    pub fn all(self, status: u16) -> Self {
        assert_eq!(self.statuses.keys().collect::<Vec<_>>(), [&status], "{:?}", self.statuses);
        self
    }
}
