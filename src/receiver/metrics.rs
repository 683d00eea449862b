//! How many requests came, how they ended, how long they took.

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};

/// Upper bounds in seconds: from an index lookup to what makes an identity provider give up.
const BUCKETS: [f64; 11] = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// The receiver's metrics. Clones count together. Labels are bounded: neither ids nor tenants are among them.
#[derive(Clone, Debug)]
pub struct RequestMetrics {
    requests: Family<RequestLabels, Counter>,
    seconds: Family<RouteLabels, Histogram>,
    held_back: Family<HeldBackLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HeldBackLabels {
    how: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    method: &'static str,
    route: String,
}

impl Default for RequestMetrics {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            held_back: Family::default(),
        }
    }
}

impl RequestMetrics {
    /// Makes the metrics part of what `/metrics` shows.
    pub fn register(&self, registry: &mut Registry) {
        let requests = self.requests.clone();
        registry.register("rollcall_scim_requests", "SCIM requests by route and class of status", requests);
        let seconds = self.seconds.clone();
        registry.register("rollcall_scim_request_seconds", "Time to answer a SCIM request", seconds);
        let help = "SCIM requests beyond a tenant's share, which waited or were refused";
        registry.register("rollcall_scim_held_back", help, self.held_back.clone());
    }

    /// Counts a request that waits for its tenant's turn.
    pub(super) fn delayed(&self) {
        self.held_back.get_or_create(&HeldBackLabels { how: "delayed" }).inc();
    }

    /// Counts one that was not let wait.
    pub(super) fn refused(&self) {
        self.held_back.get_or_create(&HeldBackLabels { how: "refused" }).inc();
    }

    /// Counts one request.
    pub(super) fn record(&self, method: &axum::http::Method, route: &str, status: u16, took: Duration) {
        let (method, route) = (method_label(method), route.to_owned());
        self.seconds.get_or_create(&RouteLabels { method, route: route.clone() }).observe(took.as_secs_f64());
        self.requests.get_or_create(&RequestLabels { method, route, status: status_class(status) }).inc();
    }
}

/// Clients can make up methods; a label can't be made up.
fn method_label(method: &axum::http::Method) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    known.into_iter().find(|known| method == known).unwrap_or("other")
}

fn status_class(status: u16) -> &'static str {
    match status {
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_method_route_and_class() {
        let (metrics, mut registry) = (RequestMetrics::default(), Registry::default());
        metrics.register(&mut registry);
        metrics.record(&"BREW".parse().unwrap(), "/Users/{id}", 405, Duration::from_millis(3));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        let line = r#"rollcall_scim_requests_total{method="other",route="/Users/{id}",status="4xx"} 1"#;
        assert!(text.contains(line), "{text}");
    }
}
