//! How many changes one write of a team stores.

use prometheus_client::{metrics::histogram::Histogram, registry::Registry};

/// Upper bounds: from a change of its own to the most that are stored together.
const BUCKETS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// What is counted of commits. Clones count together.
#[derive(Clone, Debug)]
pub(in crate::store) struct CommitMetrics {
    changes: Histogram,
}

impl Default for CommitMetrics {
    fn default() -> Self {
        Self { changes: Histogram::new(BUCKETS) }
    }
}

impl CommitMetrics {
    /// Makes them part of what `/metrics` shows.
    pub(in crate::store) fn register(&self, registry: &mut Registry) {
        let help = "Changes of one team that one write of it has stored";
        registry.register("rollcall_team_commit_changes", help, self.changes.clone());
    }

    /// A write was stored.
    #[allow(clippy::cast_precision_loss, reason = "a batch has far fewer changes than a float tells apart")]
    pub(super) fn stored(&self, changes: usize) {
        self.changes.observe(changes as f64);
    }
}
