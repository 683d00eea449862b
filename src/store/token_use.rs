//! Writes `status.tokens[].lastUsedAt`: on every replica, as each sees uses of its own, and coarsely.
//!
//! A use costs the request nothing but an atomic store. The status is written at the first use at once (a person
//! who has just pasted the token waits for it), then at most every five minutes per token.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{Api, Client};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{
    Tenants, recorder,
    tenants::{USE_GRANULARITY_SECONDS, Use},
};
use crate::api::{ScimTenant, TokenStatus};

/// Records uses until `stop` is cancelled. A write that fails is repeated; uses are never lost before shutdown.
pub async fn record_uses(client: Client, tenants: &Tenants, stop: CancellationToken) {
    let due = || tenants.due_uses().into_iter().map(|used| (used.tenant.clone(), used)).collect();
    let write = |_, used| record(&client, used);
    recorder::record(&stop, || tenants.wait_for_use(), due, write, "the last use of a token").await;
}

/// Reads the tenant afresh and writes on exactly that version.
async fn record(client: &Client, used: Use) -> Result<(), kube::Error> {
    let api = Api::<ScimTenant>::namespaced(client.clone(), &used.tenant.namespace);
    let Some(tenant) = api.get_opt(&used.tenant.name).await? else { return Ok(()) };
    let Some(tokens) = tenant.status.as_ref().and_then(|status| with_use(&status.tokens, &used)) else {
        return Ok(());
    };
    recorder::patch_status(client, &used.tenant, &tenant, json!({ "tokens": tokens })).await?;
    tracing::debug!(tenant = %used.tenant, "recorded the last use of a token");
    Ok(())
}

/// The rows with the use in them; `None` when they show it well enough or the token is gone.
fn with_use(rows: &[TokenStatus], used: &Use) -> Option<Vec<TokenStatus>> {
    let mut rows = rows.to_vec();
    let row = rows.iter_mut().find(|row| row.hash == used.hash)?;
    let shown = row.last_used_at.as_ref().map(|time| time.0.as_second());
    if shown.is_some_and(|shown| used.at.as_second() < shown.saturating_add(USE_GRANULARITY_SECONDS)) {
        return None;
    }
    row.last_used_at = Some(Time(whole_seconds(used.at)));
    Some(rows)
}

/// Kubernetes keeps times in whole seconds; so do we, or a status would never equal what was written.
pub fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::TenantKey;

    fn row(last_used: Option<i64>) -> TokenStatus {
        let last_used_at = last_used.map(|second| Time(Timestamp::from_second(second).unwrap()));
        TokenStatus { name: "default".into(), hash: "h".into(), last_used_at, ..TokenStatus::default() }
    }

    fn used(second: i64) -> Use {
        let at = Timestamp::from_second(second).unwrap();
        Use { tenant: TenantKey::new("acme", "okta"), hash: "h".into(), at }
    }

    #[test]
    fn the_first_use_is_written() {
        assert_eq!(with_use(&[row(None)], &used(1000)), Some(vec![row(Some(1000))]));
    }

    #[test]
    fn a_use_soon_after_the_shown_one_is_not_written() {
        assert_eq!(with_use(&[row(Some(1000))], &used(1000 + 299)), None);
    }

    #[test]
    fn a_use_five_minutes_later_is_written() {
        assert_eq!(with_use(&[row(Some(1000))], &used(1000 + 300)), Some(vec![row(Some(1300))]));
    }

    #[test]
    fn a_use_of_a_replaced_token_is_not_written() {
        let other = TokenStatus { hash: "new".into(), ..row(None) };
        assert_eq!(with_use(&[other], &used(1000)), None);
    }
}
