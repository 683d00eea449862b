//! The numbers that Rollcall tells about itself, in OpenMetrics.
//!
//! Every label has a bounded set of values: routes, not paths; kinds, not names; never anybody's id. What is about one
//! tenant, user or app is in that object's status.

use std::fmt;

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
        info::Info,
    },
    registry::Registry,
};

/// All of our metrics. Fields are cheap to clone; whoever counts holds the family it counts in.
pub struct Metrics {
    registry: Registry,
    /// SCIM requests answered, by method, route and status.
    pub requests: Family<RequestLabels, Counter>,
    /// How long SCIM requests took, by method and route.
    pub request_seconds: Family<RouteLabels, Histogram, fn() -> Histogram>,
    /// Calls to downstream apps, by kind of app and outcome.
    pub downstream_calls: Family<DownstreamLabels, Counter>,
    /// 1 on the replica whose controllers run, else 0.
    pub leader: Gauge,
}

/// One kind of answered request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// The HTTP method.
    pub method: &'static str,
    /// The route's template, for instance `/Users/{id}`.
    pub route: &'static str,
    /// The answer's status code.
    pub status: u16,
}

/// One route.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RouteLabels {
    /// The HTTP method.
    pub method: &'static str,
    /// The route's template, for instance `/Users/{id}`.
    pub route: &'static str,
}

/// One kind of downstream call.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DownstreamLabels {
    /// `scim`, `rbac`: what `Downstream::kind` says.
    pub kind: &'static str,
    /// What was asked for: `apply_user`, `revoke_team`, ...
    pub call: &'static str,
    /// `ok`, `app` or `item`: whose fault a failure was.
    pub outcome: &'static str,
}

impl Metrics {
    /// Registers everything; the build's version is there from the start.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("rollcall");
        let metrics = Self {
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(request_buckets),
            downstream_calls: Family::default(),
            leader: Gauge::default(),
            registry: Registry::default(),
        };
        let version = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The version that runs", version);
        registry.register("requests", "SCIM requests answered", metrics.requests.clone());
        registry.register(
            "request_duration_seconds",
            "How long SCIM requests took",
            metrics.request_seconds.clone(),
        );
        registry.register("downstream_calls", "Calls to downstream apps", metrics.downstream_calls.clone());
        registry.register("leader", "Whether this replica's controllers run", metrics.leader.clone());
        Self { registry, ..metrics }
    }

    /// Where a room registers numbers of its own, before the metrics are served.
    pub fn registry(&mut self) -> &mut Registry {
        &mut self.registry
    }

    /// The OpenMetrics text.
    pub fn render(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// 1 ms to 32 s: from an answer out of memory to one that waited for a struggling API server.
fn request_buckets() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_ends_as_openmetrics_asks_and_tells_the_version() {
        let text = Metrics::new().render().unwrap();
        assert!(text.ends_with("# EOF\n"), "{text}");
        let build = format!("rollcall_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"));
        assert!(text.contains(&build), "{text}");
    }

    #[test]
    fn requests_are_counted_by_route() {
        let metrics = Metrics::new();
        let labels = RequestLabels { method: "GET", route: "/Users/{id}", status: 200 };
        metrics.requests.get_or_create(&labels).inc();
        let line = r#"rollcall_requests_total{method="GET",route="/Users/{id}",status="200"} 1"#;
        assert!(metrics.render().unwrap().contains(line));
    }
}
