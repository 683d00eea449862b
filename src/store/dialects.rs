//! What each tenant's client was seen to do its own way, on its way to `status.observedDialect`.
//!
//! Every replica notes what it sees. A quirk is written once, by whoever sees it first: the rows only ever grow, each
//! write is a compare-and-swap that adds what is missing, and what the watch shows is not due any more. So a tenant
//! costs at most as many writes as there are quirks, ever, and a request costs a look at a set of bits.

use std::{
    collections::{HashMap, HashSet},
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{Api, Client};
use serde_json::json;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{TenantKey, recorder, token_use::whole_seconds};
use crate::{
    api::{ObservedQuirk, ScimTenant},
    scim::dialect::{Quirk, Quirks},
};

/// The dialects of all tenants.
#[derive(Debug, Default)]
pub struct Dialects {
    known: RwLock<HashMap<TenantKey, Dialect>>,
    news: Notify,
}

/// What is known of one tenant's client.
#[derive(Debug, Default)]
struct Dialect {
    /// What the tenant's status says, as far as this version knows the names.
    shown: Quirks,
    /// What it does not say yet, and when that was first seen here.
    noted: Noted,
}

/// What a tenant's status should show and does not yet, and when it was first seen.
type Noted = Vec<(Quirk, Timestamp)>;

impl Dialects {
    /// Notes what a request showed, if it is new.
    pub fn note(&self, tenant: &TenantKey, quirks: Quirks, now: Timestamp) {
        let news = self.read().get(tenant).map_or(quirks, |dialect| quirks.without(dialect.all()));
        if news.is_empty() {
            return;
        }
        let mut known = self.write();
        let dialect = known.entry(tenant.clone()).or_default();
        // Another request may have been faster between the two locks.
        let news = news.without(dialect.all());
        dialect.noted.extend(news.iter().map(|quirk| (quirk, now)));
        self.news.notify_one();
    }

    /// Takes over what a tenant's status says now.
    pub(super) fn apply(&self, key: &TenantKey, tenant: &ScimTenant) {
        let rows =
            tenant.status.as_ref().map(|status| status.observed_dialect.as_slice()).unwrap_or_default();
        let shown = shown(rows);
        let mut known = self.write();
        let dialect = known.entry(key.clone()).or_default();
        dialect.noted.retain(|(quirk, _)| !shown.contains(*quirk));
        dialect.shown = shown;
    }

    /// Forgets a tenant.
    pub(super) fn remove(&self, key: &TenantKey) {
        self.write().remove(key);
    }

    /// Forgets every tenant of a namespace (or of all) that is not among `present`.
    pub(super) fn retain(&self, namespace: Option<&str>, present: &HashSet<TenantKey>) {
        let elsewhere = |key: &TenantKey| namespace.is_some_and(|namespace| *key.namespace != *namespace);
        self.write().retain(|key, _| elsewhere(key) || present.contains(key));
    }

    /// Writes what is noted until `stop` is cancelled. A write that fails is repeated.
    pub async fn record(&self, client: Client, stop: CancellationToken) {
        let write = |tenant, noted| self.write_status(&client, tenant, noted);
        recorder::record(&stop, || self.news.notified(), || self.due(), write, "what was seen of a client")
            .await;
    }

    /// Reads the tenant afresh and writes on exactly that version: another replica may have been faster.
    async fn write_status(&self, client: &Client, key: TenantKey, noted: Noted) -> Result<(), kube::Error> {
        let api = Api::<ScimTenant>::namespaced(client.clone(), &key.namespace);
        let Some(tenant) = api.get_opt(&key.name).await? else {
            self.remove(&key);
            return Ok(());
        };
        self.apply(&key, &tenant);
        let rows =
            tenant.status.as_ref().map(|status| status.observed_dialect.as_slice()).unwrap_or_default();
        let Some(rows) = completed(rows, &noted) else { return Ok(()) };
        match recorder::patch_status(client, &key, &tenant, json!({ "observedDialect": rows })).await {
            Ok(written) => {
                self.apply(&key, &written);
                Ok(())
            }
            // Somebody else wrote in between. What is due stays due, and is written on what they left.
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn due(&self) -> Vec<(TenantKey, Noted)> {
        let known = self.read();
        let due = known.iter().filter(|(_, dialect)| !dialect.noted.is_empty());
        due.map(|(key, dialect)| (key.clone(), dialect.noted.clone())).collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<TenantKey, Dialect>> {
        // No panic can leave a dialect in a state that matters: each change is complete on its own.
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<TenantKey, Dialect>> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Dialect {
    fn all(&self) -> Quirks {
        self.shown.union(self.noted.iter().map(|(quirk, _)| *quirk).collect())
    }
}

/// What rows say. A name that a newer version wrote is left alone.
fn shown(rows: &[ObservedQuirk]) -> Quirks {
    Quirk::ALL.into_iter().filter(|quirk| rows.iter().any(|row| row.name == quirk.name())).collect()
}

/// The rows with what was noted among them, sorted; `None` when nothing was missing.
fn completed(rows: &[ObservedQuirk], noted: &[(Quirk, Timestamp)]) -> Option<Vec<ObservedQuirk>> {
    let shown = shown(rows);
    let missing = noted.iter().filter(|(quirk, _)| !shown.contains(*quirk)).map(|(quirk, at)| {
        ObservedQuirk { name: quirk.name().to_owned(), first_seen_at: Some(Time(whole_seconds(*at))) }
    });
    let mut all: Vec<_> = rows.iter().cloned().chain(missing).collect();
    all.sort_by(|one, other| one.name.cmp(&other.name));
    (all.len() > rows.len()).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{ScimTenantSpec, ScimTenantStatus};

    fn key() -> TenantKey {
        TenantKey::new("acme", "okta")
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn only(quirk: Quirk) -> Quirks {
        Quirks::from_iter([quirk])
    }

    fn row(name: &str, second: i64) -> ObservedQuirk {
        ObservedQuirk { name: name.to_owned(), first_seen_at: Some(Time(at(second))) }
    }

    fn showing(rows: Vec<ObservedQuirk>) -> ScimTenant {
        let mut tenant = ScimTenant::new("okta", ScimTenantSpec::default());
        tenant.status = Some(ScimTenantStatus { observed_dialect: rows, ..ScimTenantStatus::default() });
        tenant
    }

    #[test]
    fn what_is_seen_twice_is_due_once_with_its_first_time() {
        let dialects = Dialects::default();
        dialects.note(&key(), only(Quirk::StringBooleans), at(1));
        dialects.note(&key(), only(Quirk::StringBooleans), at(2));
        assert_eq!(dialects.due(), [(key(), vec![(Quirk::StringBooleans, at(1))])]);
    }

    #[test]
    fn what_the_status_shows_is_not_due() {
        let dialects = Dialects::default();
        dialects.note(&key(), only(Quirk::StringBooleans), at(1));
        dialects.apply(&key(), &showing(vec![row("stringBooleans", 1)]));
        dialects.note(&key(), only(Quirk::StringBooleans), at(2));
        assert_eq!(dialects.due(), []);
    }

    #[test]
    fn a_status_that_was_cleared_is_filled_again() {
        let dialects = Dialects::default();
        dialects.apply(&key(), &showing(vec![row("stringBooleans", 1)]));
        dialects.apply(&key(), &showing(vec![]));
        dialects.note(&key(), only(Quirk::StringBooleans), at(2));
        assert_eq!(dialects.due().len(), 1);
    }

    #[test]
    fn rows_are_added_to_in_their_order_and_never_changed() {
        let before = [row("fromANewerVersion", 1), row("stringBooleans", 1)];
        let noted = [(Quirk::StringBooleans, at(2)), (Quirk::PathsAsKeys, at(3))];
        let after = [row("fromANewerVersion", 1), row("pathsAsKeys", 3), row("stringBooleans", 1)];
        assert_eq!(completed(&before, &noted).as_deref(), Some(&after[..]));
        assert_eq!(completed(&after, &noted), None);
    }
}
