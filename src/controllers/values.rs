//! Values of unique attributes that nobody has claimed: claimed for those who had them before, and for what people declare.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures::{StreamExt, stream};
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::Context;
use crate::store::{
    StoreError, TenantKey, TenantRules,
    names::Named,
    values::{Compared, Values, Wanted},
};

/// How often all values are compared with all claims.
const COMPARE_EVERY: Duration = Duration::from_hours(1);

/// When they are compared once more after a tenant has called other attributes unique: a replica that hears of it late
/// writes values without claiming them until then.
const COMPARE_ONCE_MORE: Duration = Duration::from_mins(1);

/// How often what failed is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(10);

/// How many values are claimed at once.
const AT_ONCE: usize = 8;

/// How many who share values with others are remembered, to claim these for them as soon as that is possible. The next
/// comparison finds all of them.
const MOST_BEHIND: usize = 1_000;

/// Claims values until `stop`.
pub(super) async fn run(context: Context, stop: CancellationToken) {
    let mut changes = context.store.directory().subscribe();
    let known = async { tokio::join!(context.store.wait_until_ready(), context.tenants.wait_until_ready()) };
    if stop.run_until_cancelled(known).await.is_none() {
        return;
    }
    let mut keeper = Keeper::new(context.clone());
    let mut compare = tokio::time::interval(COMPARE_EVERY);
    let mut again = tokio::time::interval(TRY_AGAIN);
    loop {
        let work = async {
            tokio::select! {
                biased;
                _ = compare.tick() => keeper.compare_all().await,
                () = context.tenants.wait_for_unique() => {
                    keeper.compare_changed().await;
                    compare.reset_after(COMPARE_ONCE_MORE);
                },
                change = changes.recv() => match change {
                    Ok(change) => keeper.changed(change.into()).await,
                    Err(RecvError::Lagged(_)) => {
                        changes = changes.resubscribe();
                        compare.reset_immediately();
                    }
                    Err(RecvError::Closed) => return false,
                },
                _ = again.tick() => keeper.try_again().await,
            }
            true
        };
        if stop.run_until_cancelled(Box::pin(work)).await != Some(true) {
            return;
        }
    }
}

struct Keeper {
    context: Context,
    values: Values,
    /// Those that call attributes unique, and with which rules their values were compared.
    compared: HashMap<TenantKey, Arc<TenantRules>>,
    failed: HashSet<Wanted>,
    /// Who shares a value with somebody who comes first.
    behind: HashMap<Named, Vec<Wanted>>,
}

impl Keeper {
    fn new(context: Context) -> Self {
        Self {
            values: Values::new(context.store.clone()),
            context,
            compared: HashMap::new(),
            failed: HashSet::new(),
            behind: HashMap::new(),
        }
    }

    async fn compare_all(&mut self) {
        self.compared.clear();
        self.compare_changed().await;
    }

    /// Sees to the tenants that call other attributes unique than when they were compared last, or could not be compared.
    async fn compare_changed(&mut self) {
        let now: HashMap<TenantKey, Arc<TenantRules>> =
            self.context.tenants.with_unique().into_iter().collect();
        self.compared.retain(|tenant, rules| now.get(tenant).is_some_and(|it| it == rules));
        let is_new = |tenant: &TenantKey| !self.compared.contains_key(tenant);
        for (tenant, rules) in now.into_iter().filter(|(tenant, _)| is_new(tenant)).collect::<Vec<_>>() {
            self.compare(&tenant, &rules).await;
        }
    }

    async fn compare(&mut self, tenant: &TenantKey, rules: &Arc<TenantRules>) {
        let Compared { missing, behind } = match self.values.compare(tenant, rules).await {
            Ok(compared) => compared,
            Err(error) => {
                tracing::warn!(%tenant, %error, "could not compare unique values with the claims on them; trying again");
                return;
            }
        };
        self.compared.insert(tenant.clone(), Arc::clone(rules));
        self.behind.retain(|first, _| first.tenant != *tenant);
        for (first, wanted) in behind.into_iter().take(MOST_BEHIND) {
            self.remember(first, wanted);
        }
        if !missing.is_empty() {
            tracing::info!(%tenant, values = missing.len(), "claiming unique values that nobody has claimed");
        }
        let values = self.values.clone();
        let claims = stream::iter(missing)
            .map(async |wanted| (values.claim(rules, &wanted).await, wanted))
            .buffer_unordered(AT_ONCE);
        let mut claims = std::pin::pin!(claims);
        while let Some((result, wanted)) = claims.next().await {
            self.take_note(result, wanted);
        }
    }

    /// Claims what people declare, and what the others need no more.
    async fn changed(&mut self, named: Named) {
        let Some(rules) = self.compared.get(&named.tenant).map(Arc::clone) else { return };
        for wanted in self.values.of_declared(&rules, &named) {
            self.claim(&rules, wanted).await;
        }
        for wanted in self.behind.remove(&named).unwrap_or_default() {
            if self.values.has(&rules, &named, &wanted) {
                self.remember(named.clone(), wanted);
            } else {
                self.claim(&rules, wanted).await;
            }
        }
    }

    async fn try_again(&mut self) {
        self.compare_changed().await;
        for wanted in std::mem::take(&mut self.failed) {
            if let Some(rules) = self.compared.get(&wanted.named.tenant).map(Arc::clone) {
                self.claim(&rules, wanted).await;
            }
        }
    }

    async fn claim(&mut self, rules: &TenantRules, wanted: Wanted) {
        let result = self.values.claim(rules, &wanted).await;
        self.take_note(result, wanted);
    }

    fn take_note(&mut self, result: Result<Option<Named>, StoreError>, wanted: Wanted) {
        match result {
            Ok(None) => {}
            Ok(Some(first)) => self.remember(first, wanted),
            Err(error) => {
                let Named { kind, tenant: _, id } = &wanted.named;
                tracing::warn!(?kind, %id, %error, "could not claim a unique value; trying again");
                self.failed.insert(wanted);
            }
        }
    }

    fn remember(&mut self, first: Named, wanted: Wanted) {
        let all: usize = self.behind.values().map(Vec::len).sum();
        let behind = self.behind.entry(first).or_default();
        if all < MOST_BEHIND && !behind.contains(&wanted) {
            behind.push(wanted);
        }
    }
}
