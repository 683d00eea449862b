//! Feeding [`Tenants`] from the API server's watch.

use std::collections::HashSet;

use futures::{StreamExt, future::join_all};
use kube::{
    Api, Client,
    runtime::{
        WatchStreamExt,
        watcher::{self, Event, watcher},
    },
};
use tokio_util::sync::CancellationToken;

use super::{Namespaces, TenantKey, Tenants, tenant_look::Source, tenants};
use crate::api::ScimTenant;

impl Tenants {
    /// Follows the tenants of `namespaces` until `stop`.
    pub async fn follow(&self, client: &Client, namespaces: &Namespaces, stop: &CancellationToken) {
        // Followed twice they would be the same ones.
        let _ = self.source.set(Source::new(client, namespaces));
        let watches = namespaces.apis::<ScimTenant>(client);
        self.expect_lists(watches.len());
        let all = join_all(watches.into_iter().map(|api| self.follow_one(api)));
        stop.run_until_cancelled(all).await;
    }

    async fn follow_one(&self, api: Api<ScimTenant>) {
        let namespace = api.namespace().map(str::to_owned);
        let mut events = watcher(api, watcher::Config::default()).default_backoff().boxed();
        let (mut listed, mut first) = (HashSet::<TenantKey>::new(), true);
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Init) => listed.clear(),
                Ok(Event::InitApply(tenant)) => {
                    listed.extend(tenants::key(&tenant));
                    self.apply(&tenant);
                }
                Ok(Event::InitDone) => {
                    // A list is only done when every page of it has come. A tenant that it lacks was deleted
                    // while nobody watched; forgetting it takes no data away, only access.
                    self.retain(namespace.as_deref(), &listed);
                    if std::mem::take(&mut first) {
                        self.list_is_done();
                    }
                }
                Ok(Event::Apply(tenant)) => self.apply(&tenant),
                Ok(Event::Delete(tenant)) => {
                    if let Some(key) = tenants::key(&tenant) {
                        self.remove(&key);
                    }
                }
                Err(error) => tracing::warn!(%error, "the watch of tenants was interrupted; it goes on"),
            }
        }
    }
}
