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

/// What a log and a metric call a request that no route was found for.
const UNKNOWN_ROUTE: &str = "unknown";

/// Gives the request an id, and tells about it once it is answered.
///
/// RFC 7644 section 7.5.2: a filter may hold what must not be disclosed, and e-mail addresses are what Okta
/// asks for in one. So neither the query nor the path is logged, only the route; nor is anything of a body.
pub(super) async fn observe(State(state): State<ReceiverState>, request: Request, next: Next) -> Response {
    let id = Uuid::now_v7().to_string();
    let method = request.method().clone();
    let route = route(&request);
    let started = Instant::now();
    let span = tracing::info_span!("scim", request = %id);
    let mut response = next.run(request).instrument(span).await;
    let (took, status) = (started.elapsed(), response.status().as_u16());
    let seconds = took.as_secs_f64();
    let tenant = response.extensions().get::<TenantKey>().map(tracing::field::display);
    tracing::info!(request = %id, %method, route, tenant, status, seconds, "answered");
    state.metrics.record(&method, &route, status, took);
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// The route below a tenant's base URL, such as `/Users/{id}`.
fn route(request: &Request) -> String {
    let template = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let below = template.and_then(|template| template.split_once("/v2"));
    below.map_or(UNKNOWN_ROUTE, |(_, route)| route).to_owned()
}
