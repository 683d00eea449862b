//! The tenants as the request path sees them: who may do what with which token.
//!
//! Fed by the watch on ScimTenants. A token works only while both halves of the object say so: `spec` lists its name
//! (and says what it may touch), and `status` holds its hash. So removing it from `spec` stops it at once,
//! whether or not a controller runs.
//!
//! Versions only go forward, as in the directory: a tenant may also come from a look at it (`tenant_look`), before
//! or after the watch shows the same.

mod known;

use std::{
    collections::HashSet,
    sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, atomic::Ordering},
};

use jiff::Timestamp;
use subtle::ConstantTimeEq;
use tokio::sync::{Notify, watch};

use self::known::{Known, KnownTenant, News};
use super::{
    TenantKey, TenantRules,
    dialects::Dialects,
    tenant_look::{Looks, Source},
    token::Token,
};
use crate::api::{ScimTenant, TokenSpec};

/// What a request may do, once its token has been recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one independent right")]
pub struct Access {
    /// The tenant that the token belongs to.
    pub tenant: TenantKey,
    /// The token's name in `spec.tokens`.
    pub token: Arc<str>,
    /// Whether it may touch `/Users`.
    pub users: bool,
    /// Whether it may touch `/Groups`.
    pub groups: bool,
    /// Whether it may only read.
    pub read_only: bool,
    /// Whether the whole tenant is suspended, so that every request is answered 503.
    pub suspended: bool,
    /// What the tenant asks of what is written.
    pub rules: Arc<TenantRules>,
}

/// All tenants and their tokens' hashes.
#[derive(Debug)]
pub struct Tenants {
    known: RwLock<Known>,
    used: Notify,
    suspensions: Notify,
    /// A tenant calls other attributes unique than before.
    unique: Notify,
    dialects: Dialects,
    lists_missing: watch::Sender<usize>,
    /// Where tenants can be looked at; known once they are followed.
    pub(super) source: OnceLock<Source>,
    pub(super) looks: Looks,
}

impl Default for Tenants {
    /// Knows nobody, and has at least one list to wait for.
    fn default() -> Self {
        Self {
            known: RwLock::default(),
            used: Notify::new(),
            suspensions: Notify::new(),
            unique: Notify::new(),
            dialects: Dialects::default(),
            lists_missing: watch::Sender::new(1),
            source: OnceLock::new(),
            looks: Looks::default(),
        }
    }
}

/// A use of a token that its tenant's status does not show yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The tenant.
    pub tenant: TenantKey,
    /// The hash of the token that was used.
    pub hash: String,
    /// When.
    pub at: Timestamp,
}

/// How far the status may lag behind the last use: a status that followed every request would be written as often.
pub const USE_GRANULARITY_SECONDS: i64 = 300;

impl Tenants {
    /// Checks a bearer token against the hashes in the tenant's status; `None` for every kind of failure alike.
    pub fn authenticate(&self, namespace: &str, name: &str, token: &str, now: Timestamp) -> Option<Access> {
        // The hash is computed before the tenant is looked up, so that an unknown tenant answers no faster.
        let hash = Token::parse(token)?.hash();
        let known = self.read();
        let tenant = known.tenants.get(&TenantKey::new(namespace, name))?;
        // Every token is compared, each in constant time: how long it takes tells nothing about any hash.
        let matching = tenant
            .tokens
            .iter()
            .filter(|known| bool::from(known.hash.as_bytes().ct_eq(hash.as_bytes())))
            .fold(None, |_, known| Some(known))?;
        if matching.expires_at.is_some_and(|expiry| expiry <= now) {
            return None;
        }
        matching.last_used.fetch_max(now.as_second(), Ordering::Relaxed);
        if matching.is_due() {
            self.used.notify_one();
        }
        Some(matching.access.clone())
    }

    /// Takes over a tenant as the API server shows it, unless a later version is known. One that is being deleted
    /// has no tokens any more.
    pub fn apply(&self, tenant: &ScimTenant) {
        let Some(key) = key(tenant) else { return };
        if tenant.metadata.deletion_timestamp.is_none() {
            self.dialects.apply(&key, tenant);
        }
        let news = self.write().apply(&key, tenant);
        self.tell(news);
    }

    /// Takes over a tenant that was read on its own; `forgotten` is [`Self::forgotten`] from before the reading. A
    /// tenant that was forgotten meanwhile must not come back.
    pub(super) fn apply_read(&self, tenant: &ScimTenant, forgotten: u64) {
        let mut known = self.write();
        if known.forgotten == forgotten
            && let Some(key) = key(tenant)
        {
            let news = known.apply(&key, tenant);
            self.tell(news);
        }
    }

    fn tell(&self, News { suspension, unique }: News) {
        if suspension {
            self.suspensions.notify_one();
        }
        if unique {
            self.unique.notify_one();
        }
    }

    /// How often a tenant was forgotten.
    pub(super) fn forgotten(&self) -> u64 {
        self.read().forgotten
    }

    /// What a tenant asks of what is written. Whoever may write has a token, and so a tenant with rules is known.
    pub fn rules(&self, key: &TenantKey) -> Arc<TenantRules> {
        let known = self.read();
        known.tenants.get(key).and_then(KnownTenant::rules).map(Arc::clone).unwrap_or_default()
    }

    /// The tenants that call attributes unique, and their rules.
    pub fn with_unique(&self) -> Vec<(TenantKey, Arc<TenantRules>)> {
        let known = self.read();
        let with = known.tenants.iter().filter(|(_, tenant)| tenant.unique().any(|_| true));
        with.filter_map(|(key, tenant)| Some((key.clone(), Arc::clone(tenant.rules()?)))).collect()
    }

    /// Resolves once a tenant called other attributes unique since the last call. For one caller at a time.
    pub async fn wait_for_unique(&self) {
        self.unique.notified().await;
    }

    /// Forgets a tenant; its tokens stop working.
    pub fn remove(&self, key: &TenantKey) {
        self.dialects.remove(key);
        let mut known = self.write();
        known.forgotten += 1;
        if known.tenants.remove(key).is_some_and(|it| it.suspended) {
            self.suspensions.notify_one();
        }
    }

    /// Whether a person has suspended a tenant. One that is gone, or is going, is not.
    pub fn is_suspended(&self, key: &TenantKey) -> bool {
        self.read().tenants.get(key).is_some_and(|it| it.suspended)
    }

    /// Resolves once a tenant was suspended or resumed since the last call. For one caller at a time.
    pub async fn wait_for_suspension(&self) {
        self.suspensions.notified().await;
    }

    /// Forgets every tenant of a namespace (or of all) that is not among `present`.
    pub(super) fn retain(&self, namespace: Option<&str>, present: &HashSet<TenantKey>) {
        let elsewhere = |key: &TenantKey| namespace.is_some_and(|namespace| *key.namespace != *namespace);
        let mut known = self.write();
        known.forgotten += 1;
        known.tenants.retain(|key, _| elsewhere(key) || present.contains(key));
        self.suspensions.notify_one();
        drop(known);
        self.dialects.retain(namespace, present);
    }

    /// What the tenants' clients were seen to do their own way.
    pub fn dialects(&self) -> &Dialects {
        &self.dialects
    }

    /// What has not been read from the API server yet; empty when tokens can be checked.
    pub fn not_ready(&self) -> Vec<String> {
        match *self.lists_missing.borrow() {
            0 => Vec::new(),
            _ => vec!["store: tenants have not been listed yet".to_owned()],
        }
    }

    /// Waits until every tenant has been read from the API server once.
    pub async fn wait_until_ready(&self) {
        // The sender is `self`, so it can't be gone.
        let _ = self.lists_missing.subscribe().wait_for(|missing| *missing == 0).await;
    }

    /// So many lists must be done until tokens can be checked.
    pub(super) fn expect_lists(&self, count: usize) {
        self.lists_missing.send_replace(count);
    }

    pub(super) fn list_is_done(&self) {
        self.lists_missing.send_modify(|missing| *missing -= 1);
    }

    /// The uses that the statuses should show and don't yet.
    pub fn due_uses(&self) -> Vec<Use> {
        let known = self.read();
        let due = known.tenants.iter().flat_map(|(key, tenant)| {
            tenant.tokens.iter().filter(|token| token.is_due()).map(move |token| (key, token))
        });
        due.filter_map(|(key, token)| {
            let at = Timestamp::from_second(token.last_used.load(Ordering::Relaxed)).ok()?;
            Some(Use { tenant: key.clone(), hash: token.hash.clone(), at })
        })
        .collect()
    }

    /// Resolves once a use became due since the last call.
    pub async fn wait_for_use(&self) {
        self.used.notified().await;
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        // No panic can leave it half changed: each change is one insert or remove.
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The tokens that `spec` asks for: those it lists, or one named `default` that may do everything.
pub fn token_specs(tenant: &ScimTenant) -> Vec<TokenSpec> {
    if tenant.spec.tokens.is_empty() {
        vec![TokenSpec { name: "default".to_owned(), ..TokenSpec::default() }]
    } else {
        tenant.spec.tokens.clone()
    }
}

/// The key of a tenant; every object that the API server shows has one.
pub fn key(tenant: &ScimTenant) -> Option<TenantKey> {
    Some(TenantKey::new(tenant.metadata.namespace.as_deref()?, tenant.metadata.name.as_deref()?))
}

#[cfg(test)]
mod tests;
