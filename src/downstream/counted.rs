//! Counts what is asked of apps, and how it went.

use std::{future::Future, sync::Arc};

use async_trait::async_trait;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

use super::{ApplyError, Blame, Downstream, Had, Has, TeamView, UserView};
use crate::api::DeletionPolicy;

/// How many calls, of which kind. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct CallMetrics {
    calls: Family<CallLabels, Counter>,
}

/// An app whose calls are counted.
#[derive(Debug)]
pub struct Counted {
    app: Arc<dyn Downstream>,
    metrics: CallMetrics,
}

/// Bounded: kinds of apps, the calls of [`Downstream`], and whose fault a failure was. Neither apps nor ids.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    kind: &'static str,
    call: &'static str,
    outcome: &'static str,
}

impl CallMetrics {
    /// Makes the metrics part of what `/metrics` shows.
    pub fn register(&self, registry: &mut Registry) {
        let calls = self.calls.clone();
        registry.register("rollcall_downstream_calls", "Calls to downstream apps by kind and outcome", calls);
    }

    fn record<T>(&self, kind: &'static str, call: &'static str, result: &Result<T, ApplyError>) {
        let outcome = match result.as_ref().map_err(|error| error.blame) {
            Ok(_) => "ok",
            Err(Blame::App) => "app",
            Err(Blame::Item) => "item",
        };
        self.calls.get_or_create(&CallLabels { kind, call, outcome }).inc();
    }
}

impl Counted {
    /// Counts the calls of `app` in `metrics`.
    pub fn new(app: Arc<dyn Downstream>, metrics: CallMetrics) -> Self {
        Self { app, metrics }
    }

    async fn count<T>(
        &self,
        call: &'static str,
        asked: impl Future<Output = Result<T, ApplyError>> + Send,
    ) -> Result<T, ApplyError> {
        let result = asked.await;
        self.metrics.record(self.app.kind(), call, &result);
        result
    }
}

#[async_trait]
impl Downstream for Counted {
    fn kind(&self) -> &'static str {
        self.app.kind()
    }

    async fn probe(&self) -> Result<(), ApplyError> {
        self.count("probe", self.app.probe()).await
    }

    async fn apply_user(&self, user: &UserView, had: &Had) -> Result<Has, ApplyError> {
        self.count("apply_user", self.app.apply_user(user, had)).await
    }

    async fn revoke_user(&self, id: &str, had: &Had, policy: DeletionPolicy) -> Result<Has, ApplyError> {
        self.count("revoke_user", self.app.revoke_user(id, had, policy)).await
    }

    async fn apply_team(&self, team: &TeamView, had: &Had) -> Result<Has, ApplyError> {
        self.count("apply_team", self.app.apply_team(team, had)).await
    }

    async fn revoke_team(&self, id: &str, had: &Had, policy: DeletionPolicy) -> Result<Has, ApplyError> {
        self.count("revoke_team", self.app.revoke_team(id, had, policy)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_counted_by_whose_fault_it_was() {
        let (metrics, mut registry) = (CallMetrics::default(), Registry::default());
        metrics.register(&mut registry);
        let error = |blame| ApplyError { blame, message: "no".to_owned(), retry_after: None };
        metrics.record("scim", "apply_user", &Ok(()));
        metrics.record::<()>("scim", "apply_user", &Err(error(Blame::App)));
        metrics.record::<()>("scim", "apply_user", &Err(error(Blame::Item)));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for outcome in ["ok", "app", "item"] {
            let line = format!(
                r#"rollcall_downstream_calls_total{{kind="scim",call="apply_user",outcome="{outcome}"}} 1"#
            );
            assert!(text.contains(&line), "{text}");
        }
    }
}
