//! What of the benchmark runs: the quick form or the full one, and which groups of figures.

use std::env;

/// What was asked for by `BENCH=full` and `ONLY=memory,start`.
#[derive(Debug)]
pub struct Selection {
    pub full: bool,
    only: String,
}

impl Selection {
    pub fn from_environment() -> Self {
        let variable = |name| env::var(name).unwrap_or_default();
        Self { full: variable("BENCH") == "full", only: variable("ONLY") }
    }

    /// Whether the group of this name is measured.
    pub fn has(&self, group: &str) -> bool {
        self.only.is_empty() || self.only.split(',').any(|only| only == group)
    }

    /// Whether everything is measured in the quick form.
    pub fn is_quick_and_whole(&self) -> bool {
        !self.full && self.only.is_empty()
    }
}
