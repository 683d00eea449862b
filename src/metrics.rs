//! The numbers that Rollcall tells about itself, in OpenMetrics.
//!
//! Every label has a bounded set of values: routes, not paths; kinds, not names; never anybody's id. What is about one
//! tenant, user or app is in that object's status.

use std::fmt;

use prometheus_client::{
    encoding::text::encode,
    metrics::{gauge::Gauge, info::Info},
    registry::Registry,
};

/// All of our metrics. Fields are cheap to clone; whoever counts holds the family it counts in.
pub struct Metrics {
    registry: Registry,
    /// 1 on the replica whose controllers run, else 0.
    pub leader: Gauge,
}

impl Metrics {
    /// Registers everything; the build's version is there from the start.
    pub fn new() -> Self {
        let mut registry = Registry::default();
        let leader = Gauge::default();
        let version = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("rollcall_build", "The version that runs", version);
        registry.register("rollcall_leader", "Whether this replica's controllers run", leader.clone());
        Self { registry, leader }
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
}
