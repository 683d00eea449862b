//! What each tenant may ask of this replica while others ask too, so that one that misbehaves slows down itself alone.
//!
//! A tenant that is alone may use everything there is. Once another asks as well, each has its share: what is beyond it
//! waits in the tenant's line, which is enough for whoever waits for answers: nobody does who has more requests in line
//! than [`LINE`]. From then on such a tenant is served a small part of its share, those who are in line already included,
//! and what its line does not hold is refused with 429. That answer waits, too: a client that takes a refusal for an answer would ask again at once, and refusing a
//! few thousand requests a second costs the others more than serving some. Shares are far above what an identity provider
//! sends: this is for loops and for floods.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{extract::Request, http::Method};
use tokio::time::Instant;

use super::{ReceiverError, ReceiverState};
use crate::store::TenantKey;

/// How many requests of one tenant wait. Identity providers have some dozens under way at once.
const LINE: usize = 128;

/// How many refusals wait, of all tenants together; those beyond are sent at once.
const HELD: u32 = 1024;

/// How long after a tenant's last request the others are held to their shares.
const COMPANY: Duration = Duration::from_secs(30);

/// How much of its share a tenant may use at once. What comes in bursts waits a moment in line; the API server would have
/// all of a burst wait, and whoever else writes then.
const BURST: Duration = Duration::from_millis(50);

/// How long a tenant that had to be refused is served as one that floods.
const PENALTY: Duration = Duration::from_secs(10);

/// How many times as much each request of such a tenant counts: of 1000 reads a second 40 remain, which is what Entra ID
/// asks a service to take, with its writes.
const PENALTY_FACTOR: f64 = 25.0;

/// A tenant beyond which the list of those that have used something is looked through for the idle.
const TIDY_ABOVE: usize = 1024;

/// The work of a write, in reads: it is stored by the API server, and told to other replicas.
pub(super) const WRITE: f64 = 4.0;

/// How much of the replica's work each tenant has used.
#[derive(Debug)]
pub(super) struct Shares {
    /// Reads a second; none for no limit.
    rate: Option<f64>,
    /// How long a request waits at most for its turn, and a refusal at least to be sent.
    patience: Duration,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    tenants: HashMap<TenantKey, Line>,
    /// When the refusals are sent that wait, in order.
    held: VecDeque<Instant>,
    /// Who has asked last, and when.
    latest: Option<(TenantKey, Instant)>,
    /// The last one of another tenant.
    before: Option<(TenantKey, Instant)>,
}

/// One tenant's.
#[derive(Debug, Default)]
struct Line {
    /// Until when it would be busy, had it done its work so far at the rate of its share; none for never.
    busy_until: Option<Instant>,
    /// When those have their turns that wait, in order.
    turns: VecDeque<Instant>,
    /// When one was refused last.
    refused: Option<Instant>,
    /// When it began to flood, and how many times as long those wait since then who were in line.
    slowed: Option<(Instant, f64)>,
}

/// When a request's turn is.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    Now,
    After(Duration),
    /// Never; when to say so.
    Refused(Duration),
}

/// The work of a request, as far as it is known beforehand, in reads.
pub(super) fn work_of(request: &Request) -> f64 {
    if is_write(request) { WRITE } else { 1.0 }
}

/// Waits until a tenant's share allows so much work.
pub(super) async fn wait(state: &ReceiverState, tenant: &TenantKey, work: f64) -> Result<(), ReceiverError> {
    let asked = Instant::now();
    match state.shares.ask(tenant, work, asked) {
        Turn::Now => Ok(()),
        Turn::After(wait) => {
            state.metrics.delayed();
            let turn = asked + wait;
            tokio::time::sleep_until(turn).await;
            if let Some(later) = state.shares.postponed(tenant, asked, turn) {
                tokio::time::sleep_until(later).await;
            }
            Ok(())
        }
        Turn::Refused(wait) => {
            state.metrics.refused();
            tokio::time::sleep(wait).await;
            // By then its tenant has its whole share again, if nobody else of it was refused.
            Err(ReceiverError::TooManyRequests { retry_after: PENALTY })
        }
    }
}

/// A search is sent with POST, and only reads. What is in a bulk request waits for itself.
fn is_write(request: &Request) -> bool {
    let path = request.uri().path();
    let writes = matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH | Method::DELETE);
    writes && !path.ends_with("/.search") && !path.ends_with("/Bulk")
}

impl Shares {
    /// Shares of so many reads a second; 0 for no limit.
    pub(super) fn new(rate: u32, patience: Duration) -> Self {
        let rate = Some(f64::from(rate)).filter(|rate| *rate > 0.0);
        Self { rate, patience, used: Mutex::default() }
    }

    /// Counts work that only turned out while it was done.
    pub(super) fn charge(&self, tenant: &TenantKey, work: f64, now: Instant) {
        let Some(rate) = self.rate else { return };
        let mut used = self.used();
        if used.has_company(tenant, now) {
            used.line(tenant, now).add(work / rate, now);
        }
    }

    fn ask(&self, tenant: &TenantKey, work: f64, now: Instant) -> Turn {
        let Some(rate) = self.rate else { return Turn::Now };
        let mut used = self.used();
        used.note(tenant, now);
        if !used.has_company(tenant, now) {
            return Turn::Now;
        }
        let line = used.line(tenant, now);
        let wait = line.ahead(now).saturating_sub(BURST);
        if wait > self.patience || line.turns.len() >= LINE {
            line.refuse(self.patience, now);
            return Turn::Refused(used.hold(self.patience, now));
        }
        line.add(work / rate, now);
        if wait.is_zero() {
            return Turn::Now;
        }
        line.turns.push_back(now + wait);
        Turn::After(wait)
    }

    /// When somebody has their turn whose tenant was found to flood while they were in line; none if it was not.
    fn postponed(&self, tenant: &TenantKey, asked: Instant, turn: Instant) -> Option<Instant> {
        let (since, factor) = self.used().tenants.get(tenant)?.slowed?;
        (asked <= since && since < turn).then(|| stretched(turn, since, factor))
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        // Each change is of one value, whole whatever panicked.
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Used {
    fn note(&mut self, tenant: &TenantKey, now: Instant) {
        match &mut self.latest {
            Some((latest, at)) if latest == tenant => *at = now,
            latest => self.before = latest.replace((tenant.clone(), now)),
        }
    }

    /// Whether another tenant has asked lately.
    fn has_company(&self, tenant: &TenantKey, now: Instant) -> bool {
        let mut last = [&self.latest, &self.before].into_iter().flatten();
        last.any(|(other, at)| other != tenant && now.saturating_duration_since(*at) < COMPANY)
    }

    /// A tenant's line, without those whose turn has come.
    fn line(&mut self, tenant: &TenantKey, now: Instant) -> &mut Line {
        if self.tenants.len() > TIDY_ABOVE {
            self.tenants.retain(|_, line| !line.ahead(now).is_zero() || line.floods(now));
        }
        let line = self.tenants.entry(tenant.clone()).or_default();
        leave(&mut line.turns, now);
        line
    }

    /// How long to wait before a refusal is sent. Those of one moment are sent one after the other: each is answered by the
    /// next request, so together they would come back together, again and again.
    fn hold(&mut self, wait: Duration, now: Instant) -> Duration {
        leave(&mut self.held, now);
        if self.held.len() >= HELD as usize {
            return Duration::ZERO;
        }
        let next = self.held.back().map_or(now, |last| *last + wait / HELD);
        let sent = next.max(now + wait);
        self.held.push_back(sent);
        sent - now
    }
}

impl Line {
    /// By how much the tenant is ahead of its share.
    fn ahead(&self, now: Instant) -> Duration {
        self.busy_until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    fn floods(&self, now: Instant) -> bool {
        self.refused.is_some_and(|at| now.saturating_duration_since(at) < PENALTY)
    }

    /// Those in line are slowed down, too, as they may be a hundred writes within a moment; the last of them has its turn
    /// before `patience` ends.
    fn refuse(&mut self, patience: Duration, now: Instant) {
        if !self.floods(now) {
            let most = patience.as_secs_f64() / self.ahead(now).as_secs_f64().max(f64::MIN_POSITIVE);
            let factor = most.clamp(1.0, PENALTY_FACTOR);
            self.slowed = Some((now, factor));
            self.busy_until = self.busy_until.map(|until| stretched(until, now, factor));
            for turn in &mut self.turns {
                *turn = stretched(*turn, now, factor);
            }
        }
        self.refused = Some(now);
    }

    fn add(&mut self, seconds: f64, now: Instant) {
        let seconds = if self.floods(now) { seconds * PENALTY_FACTOR } else { seconds };
        self.busy_until = Some(now + self.ahead(now) + Duration::from_secs_f64(seconds));
    }
}

/// When that is which would have been at `turn`, had its tenant not been slowed down.
fn stretched(turn: Instant, since: Instant, factor: f64) -> Instant {
    since + turn.saturating_duration_since(since).mul_f64(factor)
}

/// Takes those out that have waited until now.
fn leave(line: &mut VecDeque<Instant>, now: Instant) {
    let gone = line.partition_point(|until| *until <= now);
    line.drain(..gone);
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(2);

    fn shares(rate: u32) -> Shares {
        Shares::new(rate, PATIENCE)
    }

    fn tenants() -> (TenantKey, TenantKey) {
        (TenantKey::new("acme", "okta"), TenantKey::new("acme", "entra"))
    }

    /// How many of so many requests at once are let through, delayed and refused.
    fn flood(shares: &Shares, tenant: &TenantKey, requests: usize, work: f64, now: Instant) -> [usize; 3] {
        let mut counts = [0; 3];
        for _ in 0..requests {
            counts[match shares.ask(tenant, work, now) {
                Turn::Now => 0,
                Turn::After(_) => 1,
                Turn::Refused(_) => 2,
            }] += 1;
        }
        counts
    }

    #[test]
    fn a_tenant_that_is_alone_may_use_everything() {
        let (okta, entra) = tenants();
        let (shares, now) = (shares(100), Instant::now());
        assert_eq!(flood(&shares, &okta, 10_000, 1.0, now), [10_000, 0, 0]);
        shares.ask(&entra, 1.0, now);
        let later = now + COMPANY;
        assert_eq!(flood(&shares, &okta, 10_000, 1.0, later), [10_000, 0, 0]);
    }

    #[test]
    fn beside_another_it_has_a_burst_then_a_line_and_is_refused() {
        let (okta, entra) = tenants();
        let (shares, now) = (shares(100), Instant::now());
        shares.ask(&entra, 1.0, now);
        assert_eq!(flood(&shares, &okta, 1000, 1.0, now), [6, LINE, 1000 - 6 - LINE]);
        assert_eq!(flood(&shares, &entra, 6, 1.0, now), [6, 0, 0]);
    }

    #[test]
    fn whoever_waits_for_answers_has_all_of_its_share_and_is_never_refused() {
        let (okta, entra) = tenants();
        let (shares, start) = (shares(100), Instant::now());
        shares.ask(&entra, 1.0, start);
        // Each connection asks again when it was answered.
        let mut connections = vec![start; LINE];
        let mut answered = 0;
        for millis in 0..20_000 {
            let now = start + Duration::from_millis(millis);
            for free in connections.iter_mut().filter(|free| **free <= now) {
                *free = match shares.ask(&okta, 1.0, now) {
                    Turn::Now => now + Duration::from_millis(1),
                    Turn::After(wait) => now + wait,
                    Turn::Refused(_) => panic!("refused after {millis} ms"),
                };
                answered += 1;
            }
        }
        assert!((2_000..=2_000 + LINE + 6).contains(&answered), "{answered}");
    }

    #[test]
    fn who_is_in_line_when_the_tenant_begins_to_flood_waits_for_longer() {
        let (okta, entra) = tenants();
        let (shares, now) = (shares(1000), Instant::now());
        shares.ask(&entra, 1.0, now);
        let mut turns: Vec<Instant> = Vec::new();
        while turns.len() < LINE {
            match shares.ask(&okta, 1.0, now) {
                Turn::Now => {}
                Turn::After(wait) => turns.push(now + wait),
                Turn::Refused(_) => panic!("refused while there is room in line"),
            }
        }
        assert_eq!(shares.postponed(&okta, now, turns[0]), None);
        assert!(matches!(shares.ask(&okta, 1.0, now), Turn::Refused(_)));
        let later: Vec<Instant> =
            turns.iter().map(|turn| shares.postponed(&okta, now, *turn).unwrap()).collect();
        assert!(later.is_sorted());
        let last = later[LINE - 1] - now;
        assert!((PATIENCE / 2..=PATIENCE).contains(&last), "{last:?}");
        // Those who come then have their turns by the slower rate already.
        assert_eq!(shares.postponed(&okta, now + Duration::from_millis(1), turns[LINE - 1]), None);
    }

    #[test]
    fn nobody_waits_for_longer_than_patience() {
        let (okta, entra) = tenants();
        let (shares, now) = (shares(10), Instant::now());
        shares.ask(&entra, 1.0, now);
        assert_eq!(flood(&shares, &okta, 100, 1.0, now), [1, 20, 79]);
    }

    #[test]
    fn refusals_wait_but_not_too_many_of_them() {
        let (okta, entra) = tenants();
        let (shares, now) = (shares(100), Instant::now());
        shares.ask(&entra, 1.0, now);
        flood(&shares, &okta, 6 + LINE, 1.0, now);
        for _ in 0..HELD {
            assert!(matches!(shares.ask(&okta, 1.0, now), Turn::Refused(wait) if wait >= PATIENCE));
        }
        assert_eq!(shares.ask(&okta, 1.0, now), Turn::Refused(Duration::ZERO));
        let sent = now + 2 * PATIENCE;
        flood(&shares, &okta, LINE + 6, 1.0, sent);
        assert!(matches!(shares.ask(&okta, 1.0, sent), Turn::Refused(wait) if wait >= PATIENCE));
    }

    #[test]
    fn refusals_of_one_moment_are_sent_one_after_the_other() {
        let (okta, entra) = tenants();
        let (shares, now) = (shares(100), Instant::now());
        shares.ask(&entra, 1.0, now);
        flood(&shares, &okta, 6 + LINE, 1.0, now);
        for place in 0..HELD {
            let wait = PATIENCE + PATIENCE / HELD * place;
            assert_eq!(shares.ask(&okta, 1.0, now), Turn::Refused(wait));
        }
    }

    #[test]
    fn who_was_refused_is_served_little_until_it_has_slowed_down() {
        let (okta, entra) = tenants();
        let (shares, now) = (shares(100), Instant::now());
        shares.ask(&entra, 1.0, now);
        flood(&shares, &okta, 1000, 1.0, now);
        let soon = now + Duration::from_secs(4);
        assert_eq!(flood(&shares, &okta, 1000, 1.0, soon), [1, 8, 991]);
        shares.ask(&entra, 1.0, soon + PENALTY);
        assert_eq!(flood(&shares, &okta, 100, 1.0, soon + PENALTY), [6, 94, 0]);
    }

    #[test]
    fn writes_and_what_turned_out_to_be_work_count_for_more() {
        let (okta, entra) = tenants();
        let (shares, now) = (shares(100), Instant::now());
        shares.ask(&entra, 1.0, now);
        assert_eq!(flood(&shares, &okta, 100, WRITE, now), [2, 50, 48]);
        shares.charge(&entra, 150.0, now);
        assert_eq!(flood(&shares, &entra, 1, 1.0, now), [0, 1, 0]);
    }

    #[test]
    fn no_rate_is_no_limit() {
        let (okta, entra) = tenants();
        let (shares, now) = (shares(0), Instant::now());
        shares.ask(&entra, 1.0, now);
        assert_eq!(flood(&shares, &okta, 10_000, WRITE, now), [10_000, 0, 0]);
    }
}
