//! Names of users and teams that people declare: claimed for them, or found to be another's, which their status says.

use std::{collections::HashSet, time::Duration};

use futures::{StreamExt, stream};
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::{
    Context,
    report::{NameReport, Subject},
};
use crate::store::{
    Kind, StoreError, TenantKey,
    names::{Named, Names, Verdict},
};

/// How often all objects are compared with all claims. What is declared meanwhile is heard of at once.
const COMPARE_EVERY: Duration = Duration::from_hours(1);

/// How often what failed, and who is kept back, is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// How many names are claimed at once.
const AT_ONCE: usize = 8;

/// Keeps names until `stop`.
pub(super) async fn run(context: Context, stop: CancellationToken) {
    let mut changes = context.store.directory().subscribe();
    tokio::select! {
        () = context.store.wait_until_ready() => {}
        () = stop.cancelled() => return,
    }
    let mut keeper = Keeper { names: Names::new(context.store.clone()), context, failed: HashSet::new() };
    let mut compare = tokio::time::interval(COMPARE_EVERY);
    let mut again = tokio::time::interval(LOOK_AGAIN);
    loop {
        let work = async {
            tokio::select! {
                biased;
                _ = compare.tick() => keeper.compare().await,
                change = changes.recv() => match change {
                    Ok(change) => keeper.changed(change.into()).await,
                    Err(RecvError::Lagged(_)) => {
                        changes = changes.resubscribe();
                        compare.reset_immediately();
                    }
                    Err(RecvError::Closed) => return false,
                },
                _ = again.tick() => keeper.look_again().await,
            }
            true
        };
        if stop.run_until_cancelled(Box::pin(work)).await != Some(true) {
            return;
        }
    }
}

struct Keeper {
    names: Names,
    context: Context,
    failed: HashSet<Named>,
}

impl Keeper {
    /// Sees to everybody who has no claim.
    async fn compare(&mut self) {
        let without = match self.names.without_claim(self.context.options.namespaces.names()).await {
            Ok(without) => without,
            Err(error) => {
                tracing::warn!(%error, "could not list the claims on names; it is tried again later");
                return;
            }
        };
        let names = &self.names;
        let mut found = std::pin::pin!(
            stream::iter(without)
                .map(|named| async move { (names.claim(&named).await, named) })
                .buffered(AT_ONCE)
        );
        while let Some((result, named)) = found.next().await {
            report(&self.context, &mut self.failed, named, result);
        }
    }

    /// Looks at what changed, and at those whose names that may have set free.
    async fn changed(&mut self, named: Named) {
        let held = self.names.held(&named.tenant);
        self.look_at(named).await;
        for named in held {
            self.look_at(named).await;
        }
    }

    async fn look_again(&mut self) {
        for named in std::mem::take(&mut self.failed) {
            self.look_at(named).await;
        }
        let tenants: Vec<TenantKey> = self.context.store.directory().tenants();
        for named in tenants.iter().flat_map(|tenant| self.names.held(tenant)).collect::<Vec<_>>() {
            self.look_at(named).await;
        }
    }

    async fn look_at(&mut self, named: Named) {
        let result = self.names.look_at(&named).await;
        report(&self.context, &mut self.failed, named, result);
    }
}

fn report(
    context: &Context,
    failed: &mut HashSet<Named>,
    named: Named,
    result: Result<Option<Verdict>, StoreError>,
) {
    match result {
        Ok(None) => {}
        Ok(Some(verdict)) => {
            let Named { kind, tenant, id } = named;
            let (subject, shown) = match kind {
                Kind::User => (Subject::User(id), "User"),
                Kind::Team => (Subject::Team(id), "Team"),
            };
            context.reporter.report_name(&tenant.namespace, subject, said(shown, verdict));
        }
        Err(error) => {
            tracing::warn!(kind = ?named.kind, id = %named.id, %error, "could not claim a name; trying again");
            failed.insert(named);
        }
    }
}

fn said(kind: &str, verdict: Verdict) -> NameReport {
    let Verdict { generation, attribute, owner } = verdict;
    let conflict = owner.map(|owner| {
        format!(
            "{kind} {owner} of this tenant has the same {attribute}: rename or delete one of the two; until then this \
             one is neither shown to the identity provider nor applied to apps"
        )
    });
    NameReport { generation, conflict }
}
