//! Writes into the statuses of tenants what every replica sees for itself: uses of tokens, spellings of clients.

use std::time::Duration;

use kube::{Api, Client, api::Patch};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{TenantKey, meta::patch_params};
use crate::api::ScimTenant;

/// After each round of writes: after a failed one, and after one that the watch has not shown us yet. What is seen
/// meanwhile goes into the next round together.
const PAUSE: Duration = Duration::from_secs(1);

/// Writes what is due whenever there is news, until `stop` is cancelled. What could not be written stays due.
pub(super) async fn record<T, News, Written>(
    stop: &CancellationToken,
    news: impl Fn() -> News,
    due: impl Fn() -> Vec<(TenantKey, T)>,
    write: impl Fn(TenantKey, T) -> Written,
    what: &str,
) where
    News: Future<Output = ()>,
    Written: Future<Output = Result<(), kube::Error>>,
{
    loop {
        tokio::select! {
            () = news() => {}
            () = stop.cancelled() => return,
        }
        loop {
            let due = due();
            if due.is_empty() {
                break;
            }
            for (tenant, due) in due {
                if let Err(error) = write(tenant.clone(), due).await {
                    tracing::warn!(%tenant, %error, "{what} is not in its tenant's status yet");
                }
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = stop.cancelled() => return,
            }
        }
    }
}

/// Merges `status` into that of exactly this version of a tenant: another replica, or a controller, may have been faster.
pub(super) async fn patch_status(
    client: &Client,
    key: &TenantKey,
    tenant: &ScimTenant,
    status: Value,
) -> Result<ScimTenant, kube::Error> {
    let patch = json!({
        "metadata": { "resourceVersion": tenant.metadata.resource_version },
        "status": status,
    });
    let api = Api::<ScimTenant>::namespaced(client.clone(), &key.namespace);
    api.patch_status(&key.name, &patch_params(), &Patch::Merge(patch)).await
}
