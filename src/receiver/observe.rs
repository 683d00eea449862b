//! What is told of each request: one line in the log, one count in the metrics, one id that joins them.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderValue, Method},
    response::Response,
};
use jiff::Timestamp;
use tracing::Span;
use uuid::{Builder, Uuid};

use super::{ReceiverState, error::REQUEST_ID};
use crate::store::TenantKey;

/// What a log and a metric call a request that no route has answered.
const UNKNOWN_ROUTE: &str = "unknown";

/// A request that is being answered, with its id.
///
/// RFC 7644 section 7.5.2: a filter may hold what must not be disclosed, and e-mail addresses are what Okta
/// asks for in one. So neither the query nor the path is logged, only the route; nor is anything of a body.
pub(super) struct Seen {
    id: String,
    method: Method,
    started: Instant,
}

impl Seen {
    /// Gives the request an id.
    pub(super) fn new(state: &ReceiverState, request: &Request) -> Self {
        let (id, method) = (state.ids.next().to_string(), request.method().clone());
        Self { id, method, started: Instant::now() }
    }

    /// What is logged while it is answered.
    pub(super) fn span(&self) -> Span {
        tracing::info_span!("scim", request = %self.id)
    }

    /// Tells about it, as it is answered now.
    pub(super) fn tell(self, state: &ReceiverState, response: &mut Response) {
        let Self { id, method, started } = self;
        let (took, status) = (started.elapsed(), response.status().as_u16());
        let seconds = took.as_secs_f64();
        let tenant = response.extensions().get::<TenantKey>().map(tracing::field::display);
        let route = response.extensions().get::<Route>().map_or(UNKNOWN_ROUTE, Route::below);
        tracing::info!(request = %id, %method, route, tenant, status, seconds, "answered");
        state.metrics.record(&method, route, status, took);
        if let Ok(id) = HeaderValue::try_from(id) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
    }
}

/// Ids for requests: UUIDs of version 7, of which the part that is random is counted on from a random start. To draw each
/// would take a system call.
#[derive(Debug)]
pub(super) struct RequestIds {
    next: AtomicU64,
    /// Tells replicas apart that count alike.
    replica: [u8; 2],
}

impl Default for RequestIds {
    fn default() -> Self {
        let [(_, next), (_, replica)] = [Uuid::now_v7().as_u64_pair(), Uuid::now_v7().as_u64_pair()];
        let [.., one, other] = replica.to_be_bytes();
        Self { next: AtomicU64::new(next), replica: [one, other] }
    }
}

impl RequestIds {
    fn next(&self) -> Uuid {
        let now = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default();
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut counted = [0; 10];
        let (replica, rest) = counted.split_at_mut(2);
        replica.copy_from_slice(&self.replica);
        rest.copy_from_slice(&number.to_be_bytes());
        Builder::from_unix_timestamp_millis(now, &counted).into_uuid()
    }
}

/// The route of a request, on its way to those who tell about it. Who is not let in as far as the routes has none.
#[derive(Clone)]
pub(super) struct Route(MatchedPath);

impl Route {
    pub(super) fn of(request: &Request) -> Option<Self> {
        request.extensions().get().cloned().map(Self)
    }

    /// What is below a tenant's base URL, such as `/Users/{id}`.
    fn below(&self) -> &str {
        match self.0.as_str().split_once("/v2") {
            Some((_, "")) => "/",
            Some((_, route)) => route,
            None => UNKNOWN_ROUTE,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_of_version_7_and_no_two_are_the_same() {
        let (ids, others) = (RequestIds::default(), RequestIds::default());
        let all: HashSet<Uuid> = (0..1000).flat_map(|_| [ids.next(), others.next()]).collect();
        assert_eq!(all.len(), 2000);
        assert!(all.iter().all(|id| id.get_version_num() == 7), "{all:?}");
    }
}
