//! What each tenant may ask of this replica while others ask too, so that one that misbehaves slows down itself alone.
//!
//! A tenant that is alone may use everything there is. Once another asks as well, each has its share: what is beyond it
//! first waits, which is enough for a client that waits for answers. Who sends so much that waiting does not help is refused
//! with 429, and has a tenth of the share until that ends. Shares are far above what an identity provider sends: this is
//! for loops and for floods.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    extract::{Request, State},
    http::Method,
    middleware::Next,
    response::{IntoResponse, Response},
};
use tokio::time::Instant;

use super::{ReceiverError, ReceiverState};
use crate::store::{Access, TenantKey};

/// How long after a tenant's last request the others are held to their shares.
const COMPANY: Duration = Duration::from_secs(30);

/// How much of its share a tenant may use at once, as pushes come in bursts.
const BURST: Duration = Duration::from_secs(1);

/// How long a request waits for its turn. More is refused, so that those that wait stay few.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a tenant that had to be refused is served as one that floods.
const PENALTY: Duration = Duration::from_secs(10);

/// How many times as much each request of such a tenant counts.
const PENALTY_FACTOR: f64 = 10.0;

/// A tenant beyond which the list of those that have used something is looked through for the idle.
const TIDY_ABOVE: usize = 1024;

/// The work of a write, in reads: it is stored by the API server, and told to other replicas.
pub(super) const WRITE: f64 = 4.0;

/// How much of the replica's work each tenant has used.
#[derive(Debug)]
pub(super) struct Shares {
    /// Reads a second; none for no limit.
    rate: Option<f64>,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    /// Until when a tenant would be busy, had it done its work so far at the rate of its share.
    busy_until: HashMap<TenantKey, Instant>,
    /// When a tenant was refused last.
    refused: HashMap<TenantKey, Instant>,
    /// Who has asked last, and when.
    latest: Option<(TenantKey, Instant)>,
    /// The last one of another tenant.
    before: Option<(TenantKey, Instant)>,
}

/// When a request's turn is.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    Now,
    After(Duration),
    /// Too far ahead; when to try again.
    Refused(Duration),
}

/// Lets a request wait until its tenant's share allows it.
pub(super) async fn take_turn(State(state): State<ReceiverState>, request: Request, next: Next) -> Response {
    let Some(access) = request.extensions().get::<Access>() else {
        return ReceiverError::Unauthorized.into_response();
    };
    let work = if is_write(&request) { WRITE } else { 1.0 };
    match state.shares.ask(&access.tenant, work, Instant::now()) {
        Turn::Now => {}
        Turn::After(wait) => {
            state.metrics.delayed();
            tokio::time::sleep(wait).await;
        }
        Turn::Refused(retry_after) => {
            state.metrics.refused();
            return ReceiverError::TooManyRequests { retry_after }.into_response();
        }
    }
    next.run(request).await
}

/// A search is sent with POST, and only reads. What is in a bulk request is counted when it was carried out.
fn is_write(request: &Request) -> bool {
    let path = request.uri().path();
    let writes = matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH | Method::DELETE);
    writes && !path.ends_with("/.search") && !path.ends_with("/Bulk")
}

impl Shares {
    /// Shares of so many reads a second; 0 for no limit.
    pub(super) fn new(rate: u32) -> Self {
        Self { rate: Some(f64::from(rate)).filter(|rate| *rate > 0.0), used: Mutex::default() }
    }

    /// Counts work that only turned out while it was done.
    pub(super) fn charge(&self, tenant: &TenantKey, work: f64, now: Instant) {
        let Some(rate) = self.rate else { return };
        let mut used = self.used();
        if used.has_company(tenant, now) {
            used.add(tenant, work / rate, now);
        }
    }

    fn ask(&self, tenant: &TenantKey, work: f64, now: Instant) -> Turn {
        let Some(rate) = self.rate else { return Turn::Now };
        let mut used = self.used();
        used.note(tenant, now);
        if !used.has_company(tenant, now) {
            return Turn::Now;
        }
        let wait = used.ahead(tenant, now).saturating_sub(BURST);
        if wait > PATIENCE {
            used.refused.insert(tenant.clone(), now);
            return Turn::Refused(wait);
        }
        used.add(tenant, work / rate, now);
        if wait.is_zero() { Turn::Now } else { Turn::After(wait) }
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

    /// By how much a tenant is ahead of its share.
    fn ahead(&self, tenant: &TenantKey, now: Instant) -> Duration {
        let busy_until = self.busy_until.get(tenant).copied().unwrap_or(now);
        busy_until.saturating_duration_since(now)
    }

    fn add(&mut self, tenant: &TenantKey, seconds: f64, now: Instant) {
        if self.busy_until.len() > TIDY_ABOVE {
            self.busy_until.retain(|_, until| *until > now);
            self.refused.retain(|_, at| now.saturating_duration_since(*at) < PENALTY);
        }
        let refused = self.refused.get(tenant);
        let floods = refused.is_some_and(|at| now.saturating_duration_since(*at) < PENALTY);
        let seconds = if floods { seconds * PENALTY_FACTOR } else { seconds };
        let until = now + self.ahead(tenant, now) + Duration::from_secs_f64(seconds);
        self.busy_until.insert(tenant.clone(), until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let (shares, now) = (Shares::new(100), Instant::now());
        assert_eq!(flood(&shares, &okta, 10_000, 1.0, now), [10_000, 0, 0]);
        shares.ask(&entra, 1.0, now);
        let later = now + COMPANY;
        assert_eq!(flood(&shares, &okta, 10_000, 1.0, later), [10_000, 0, 0]);
    }

    #[test]
    fn beside_another_it_has_a_burst_then_waits_and_is_refused() {
        let (okta, entra) = tenants();
        let (shares, now) = (Shares::new(100), Instant::now());
        shares.ask(&entra, 1.0, now);
        assert_eq!(flood(&shares, &okta, 1000, 1.0, now), [101, 200, 699]);
        assert_eq!(flood(&shares, &entra, 50, 1.0, now), [50, 0, 0]);
        assert_eq!(shares.ask(&okta, 1.0, now), Turn::Refused(Duration::from_millis(2010)));
    }

    #[test]
    fn who_was_refused_is_served_a_tenth_until_it_has_slowed_down() {
        let (okta, entra) = tenants();
        let (shares, now) = (Shares::new(100), Instant::now());
        shares.ask(&entra, 1.0, now);
        flood(&shares, &okta, 1000, 1.0, now);
        let soon = now + Duration::from_secs(4);
        assert_eq!(flood(&shares, &okta, 1000, 1.0, soon), [11, 20, 969]);
        shares.ask(&entra, 1.0, soon + PENALTY);
        assert_eq!(flood(&shares, &okta, 1000, 1.0, soon + PENALTY), [101, 200, 699]);
    }

    #[test]
    fn writes_and_what_turned_out_to_be_work_count_for_more() {
        let (okta, entra) = tenants();
        let (shares, now) = (Shares::new(100), Instant::now());
        shares.ask(&entra, 1.0, now);
        assert_eq!(flood(&shares, &okta, 1000, WRITE, now), [26, 50, 924]);
        shares.charge(&entra, 150.0, now);
        assert_eq!(flood(&shares, &entra, 1, 1.0, now), [0, 1, 0]);
    }

    #[test]
    fn no_rate_is_no_limit() {
        let (okta, entra) = tenants();
        let (shares, now) = (Shares::new(0), Instant::now());
        shares.ask(&entra, 1.0, now);
        assert_eq!(flood(&shares, &okta, 10_000, WRITE, now), [10_000, 0, 0]);
    }
}
