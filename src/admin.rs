//! The admin endpoint: `/livez`, `/readyz` and `/metrics`, on a listener of its own.
//!
//! It is apart from the receiver so that the world that reaches the receiver never reaches it, and so that it still answers
//! while the receiver drains.

use std::{fmt, sync::Arc};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;

/// RFC 9110 media type of OpenMetrics 1.0, as its specification names it.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the process tells about itself.
#[derive(Clone)]
pub struct Admin {
    metrics: Arc<Metrics>,
    checks: Arc<[Check]>,
}

/// Names what is not ready yet; nothing when all is.
pub type Check = Box<dyn Fn() -> Vec<String> + Send + Sync>;

impl Admin {
    /// Ready once no check names anything any more.
    pub fn new(metrics: Arc<Metrics>, checks: Vec<Check>) -> Self {
        Self { metrics, checks: checks.into() }
    }

    /// Serves until `stop` is cancelled.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) -> std::io::Result<()> {
        let routes = Router::new()
            .route("/livez", get(async || "ok"))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics))
            .with_state(self);
        axum::serve(listener, routes).with_graceful_shutdown(stop.cancelled_owned()).await
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").field("checks", &self.checks.len()).finish_non_exhaustive()
    }
}

/// 200 `ok`, or 503 with one line per thing that is not ready.
async fn readyz(State(admin): State<Admin>) -> (StatusCode, String) {
    let missing: Vec<String> = admin.checks.iter().flat_map(|check| check()).collect();
    if missing.is_empty() {
        (StatusCode::OK, "ok".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, missing.join("\n") + "\n")
    }
}

async fn metrics(State(admin): State<Admin>) -> Response {
    match admin.metrics.render() {
        Ok(text) => ([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("metrics can't be rendered: {error}\n"))
            .into_response(),
    }
}
