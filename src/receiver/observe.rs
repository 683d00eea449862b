//! What is told of each request: one line in the log, one count in the metrics, one id that joins them.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request, State},
    http::HeaderValue,
    middleware::Next,
    response::Response,
};
use tracing::Instrument;
use uuid::Uuid;

use super::{ReceiverState, error::REQUEST_ID};
use crate::store::TenantKey;

/// What a log and a metric call a request that no route has answered.
const UNKNOWN_ROUTE: &str = "unknown";

/// Gives the request an id, and tells about it once it is answered.
///
/// RFC 7644 section 7.5.2: a filter may hold what must not be disclosed, and e-mail addresses are what Okta
/// asks for in one. So neither the query nor the path is logged, only the route; nor is anything of a body.
pub(super) async fn observe(State(state): State<ReceiverState>, request: Request, next: Next) -> Response {
    let id = Uuid::now_v7().to_string();
    let method = request.method().clone();
    let started = Instant::now();
    let span = tracing::info_span!("scim", request = %id);
    let mut response = next.run(request).instrument(span).await;
    let (took, status) = (started.elapsed(), response.status().as_u16());
    let seconds = took.as_secs_f64();
    let tenant = response.extensions().get::<TenantKey>().map(tracing::field::display);
    let route = response.extensions().get::<Route>().map_or(UNKNOWN_ROUTE, |Route(route)| route).to_owned();
    tracing::info!(request = %id, %method, route, tenant, status, seconds, "answered");
    state.metrics.record(&method, &route, status, took);
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// The route below a tenant's base URL, such as `/Users/{id}`, on its way to those who tell about the request.
#[derive(Clone)]
struct Route(String);

/// Notes on an answer which route gave it. Who is not let in as far as the routes has none.
pub(super) async fn note_route(request: Request, next: Next) -> Response {
    let template = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let below = template.and_then(|it| it.split_once("/v2")).map(|(_, route)| route);
    let route = below.map(|it| Route(if it.is_empty() { "/" } else { it }.to_owned()));
    let mut response = next.run(request).await;
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    response
}
