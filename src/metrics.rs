//! The numbers that Rollcall tells about itself, in OpenMetrics.
//!
//! Every label has a bounded set of values: routes, not paths; kinds, not names; never anybody's id. What is about one
//! tenant, user or app is in that object's status.

use std::fmt;

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, info::Info},
    registry::Registry,
};

/// All of our metrics. Fields are cheap to clone; whoever counts holds the family it counts in.
pub struct Metrics {
    registry: Registry,
    /// Calls to downstream apps, by kind of app and outcome.
    pub downstream_calls: Family<DownstreamLabels, Counter>,
    /// 1 on the replica whose controllers run, else 0.
    pub leader: Gauge,
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
        let mut registry = Registry::default();
        let metrics = Self {
            downstream_calls: Family::default(),
            leader: Gauge::default(),
            registry: Registry::default(),
        };
        let version = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("rollcall_build", "The version that runs", version);
        let calls = metrics.downstream_calls.clone();
        registry.register("rollcall_downstream_calls", "Calls to downstream apps", calls);
        let leader = metrics.leader.clone();
        registry.register("rollcall_leader", "Whether this replica's controllers run", leader);
        Self { registry, ..metrics }
    }

    /// Where a room registers numbers of its own before the metrics are served. Names start with `rollcall_`.
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
    fn downstream_calls_are_counted_by_kind_and_outcome() {
        let metrics = Metrics::new();
        let labels = DownstreamLabels { kind: "scim", call: "apply_user", outcome: "ok" };
        metrics.downstream_calls.get_or_create(&labels).inc();
        let line = r#"rollcall_downstream_calls_total{kind="scim",call="apply_user",outcome="ok"} 1"#;
        assert!(metrics.render().unwrap().contains(line));
    }
}
