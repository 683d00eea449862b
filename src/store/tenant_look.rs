//! A look at a tenant itself, for a token that the watch has not told us of yet.
//!
//! A token is valid once its hash is in the tenant's status, and a person reads it from the Secret a moment later. The
//! watch may be behind by then, on each replica by as much as it likes. So before a token is refused, its tenant is
//! read once from the API server.
//!
//! A stranger must not hammer the API server with that. What is no token is refused before, by its checksum; beyond
//! that there is a read per tenant and second, which all who wait share; some reads per second for all tenants, known
//! or not; and a token that was refused is not looked up again for a while. It costs nothing to forget that: a token
//! that was not valid when it was sent doesn't become valid later, as statuses are written before Secrets.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use kube::{Api, Client};
use tokio::{sync::Semaphore, time::Instant};

use super::{Access, Namespaces, StoreError, TenantKey, Tenants, Token, api_error::call};
use crate::api::ScimTenant;

/// How much time lies between two looks at one tenant, at least.
const EVERY: Duration = Duration::from_secs(1);

/// How many looks there are in a second, at all tenants together.
const LOOKS_PER_SECOND: u32 = 20;

/// How long one look may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long a token that was refused is refused without a look.
const REFUSED_FOR: Duration = Duration::from_secs(10);

/// How many refused tokens, or tenants, are remembered.
const REMEMBERED: usize = 4096;

/// How many requests may wait for a look. Further ones are refused without.
const WAITING: usize = 256;

/// Where tenants are read.
pub(super) struct Source {
    client: Client,
    namespaces: Namespaces,
}

/// When looks are due, and what came of the last ones.
#[derive(Debug)]
pub(super) struct Looks {
    memory: Mutex<Memory>,
    waiting: Semaphore,
}

#[derive(Debug, Default)]
struct Memory {
    turns: HashMap<TenantKey, Arc<Turn>>,
    refused: HashMap<(TenantKey, String), Instant>,
    /// When this second began, and how many looks there were in it.
    second: Option<(Instant, u32)>,
}

/// The last look at one tenant. Whoever holds the lock may make the next.
type Turn = tokio::sync::Mutex<Option<Look>>;

#[derive(Clone, Copy, Debug)]
struct Look {
    began: Instant,
    worked: bool,
}

impl Tenants {
    /// [`Tenants::authenticate`], with a look at the tenant itself before a token is refused.
    ///
    /// # Errors
    /// If the tenant can't be read now, so that nobody knows whether the token is good.
    pub async fn recognise(
        &self,
        namespace: &str,
        name: &str,
        token: &str,
        now: Timestamp,
    ) -> Result<Option<Access>, StoreError> {
        let known = self.authenticate(namespace, name, token, now);
        if known.is_some() {
            return Ok(known);
        }
        let (Some(token), Some(source)) = (Token::parse(token), self.source.get()) else { return Ok(None) };
        // Both go into a URL.
        if !(is_label(namespace) && is_name(name) && source.namespaces.contain(namespace)) {
            return Ok(None);
        }
        let (key, hash) = (TenantKey::new(namespace, name), token.hash());
        // In a box: hardly any request comes here, and all would be as large.
        let looked = Box::pin(self.looks.look(&key, &hash, || self.read_tenant(source, &key))).await?;
        let access = self.authenticate(namespace, name, token.reveal(), now);
        if looked && access.is_none() {
            self.looks.remember_refused(key, hash);
        }
        Ok(access)
    }

    async fn read_tenant(&self, source: &Source, key: &TenantKey) -> Result<(), StoreError> {
        let forgotten = self.forgotten();
        let api: Api<ScimTenant> = Api::namespaced(source.client.clone(), &key.namespace);
        let read = tokio::time::timeout(PATIENCE, call(api.get_opt(&key.name)));
        // One that is not there is the watch's to forget.
        if let Some(tenant) = read.await.map_err(|_| unreadable())?? {
            self.apply_read(&tenant, forgotten);
        }
        Ok(())
    }
}

impl Source {
    pub(super) fn new(client: &Client, namespaces: &Namespaces) -> Self {
        Self { client: client.clone(), namespaces: namespaces.clone() }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("namespaces", &self.namespaces).finish_non_exhaustive()
    }
}

impl Default for Looks {
    fn default() -> Self {
        Self { memory: Mutex::default(), waiting: Semaphore::new(WAITING) }
    }
}

impl Looks {
    /// Returns true after a look at the tenant that began after this call did; false, without one, if there were
    /// enough.
    async fn look(
        &self,
        tenant: &TenantKey,
        hash: &str,
        read: impl AsyncFnOnce() -> Result<(), StoreError>,
    ) -> Result<bool, StoreError> {
        let asked = Instant::now();
        if self.memory().is_refused(tenant, hash, asked) {
            return Ok(false);
        }
        let Ok(_place) = self.waiting.try_acquire() else { return Ok(false) };
        let turn = self.memory().turn(tenant);
        let mut last = turn.lock().await;
        if let Some(Look { began, worked }) = *last {
            // Somebody else has looked since: there is nothing else to be seen.
            if began >= asked {
                return if worked { Ok(true) } else { Err(unreadable()) };
            }
            tokio::time::sleep_until(began + EVERY).await;
        }
        let began = Instant::now();
        if !self.memory().may_look(began) {
            return Ok(false);
        }
        // Whoever asked may go away in the middle of it, which must not make way for the next look at once.
        *last = Some(Look { began, worked: false });
        let looked = read().await;
        *last = Some(Look { began, worked: looked.is_ok() });
        looked.map(|()| true)
    }

    fn remember_refused(&self, tenant: TenantKey, hash: String) {
        self.memory().refuse(tenant, hash, Instant::now());
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // What it remembers only spares work, whatever a panic has left of it.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn is_refused(&self, tenant: &TenantKey, hash: &str, now: Instant) -> bool {
        let refused = self.refused.get(&(tenant.clone(), hash.to_owned()));
        refused.is_some_and(|at| now < *at + REFUSED_FOR)
    }

    fn refuse(&mut self, tenant: TenantKey, hash: String, now: Instant) {
        if self.refused.len() >= REMEMBERED {
            self.refused.retain(|_, at| now < *at + REFUSED_FOR);
        }
        if self.refused.len() < REMEMBERED {
            self.refused.insert((tenant, hash), now);
        }
    }

    fn turn(&mut self, tenant: &TenantKey) -> Arc<Turn> {
        if self.turns.len() >= REMEMBERED {
            self.turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        }
        Arc::clone(self.turns.entry(tenant.clone()).or_default())
    }

    fn may_look(&mut self, now: Instant) -> bool {
        let (began, looks) = self.second.filter(|(began, _)| now < *began + EVERY).unwrap_or((now, 0));
        let may = looks < LOOKS_PER_SECOND;
        self.second = Some((began, if may { looks + 1 } else { looks }));
        may
    }
}

fn unreadable() -> StoreError {
    let reason = "the tenant of an unknown token could not be read".to_owned();
    StoreError::Unavailable { reason, retry_after: EVERY }
}

/// RFC 1123's label, as names of namespaces are.
fn is_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    text.len() <= 63
        && text.bytes().all(inner)
        && !text.is_empty()
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Labels with dots between, as names of objects are.
fn is_name(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn tenant() -> TenantKey {
        TenantKey::new("acme", "okta")
    }

    /// Looks for a token, and counts it.
    async fn look(looks: &Looks, tenant: &TenantKey, hash: &str, count: &AtomicUsize) {
        let read = || async {
            count.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(10)).await;
            Ok(())
        };
        looks.look(tenant, hash, read).await.expect("a look that works");
    }

    #[tokio::test(start_paused = true)]
    async fn all_who_wait_share_one_look() {
        let (looks, count) = (Looks::default(), AtomicUsize::new(0));
        let hashes: Vec<String> = (0..100).map(|number| number.to_string()).collect();
        let tenant = tenant();
        look(&looks, &tenant, "first", &count).await;
        let start = Instant::now();
        futures::future::join_all(hashes.iter().map(|hash| look(&looks, &tenant, hash, &count))).await;
        assert_eq!(count.load(Ordering::Relaxed), 2);
        assert!(start.elapsed() < EVERY + Duration::from_millis(50), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_was_given_up_counts_as_one() {
        let (looks, count) = (Looks::default(), AtomicUsize::new(0));
        let tenant = tenant();
        let given_up = looks.look(&tenant, "gone", async || std::future::pending().await);
        tokio::time::timeout(Duration::from_millis(10), given_up).await.expect_err("it never ends");
        let start = Instant::now();
        look(&looks, &tenant, "next", &count).await;
        assert!(start.elapsed() > EVERY / 2, "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn tenants_that_nobody_has_are_looked_for_only_so_often() {
        let (looks, count) = (Looks::default(), AtomicUsize::new(0));
        let tenants: Vec<TenantKey> =
            (0..200).map(|number| TenantKey::new("acme", &number.to_string())).collect();
        futures::future::join_all(tenants.iter().map(|tenant| look(&looks, tenant, "hash", &count))).await;
        assert_eq!(count.load(Ordering::Relaxed), 20);
        tokio::time::sleep(EVERY).await;
        look(&looks, &tenant(), "hash", &count).await;
        assert_eq!(count.load(Ordering::Relaxed), 21);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_token_is_not_looked_up_again_for_a_while() {
        let (looks, count) = (Looks::default(), AtomicUsize::new(0));
        look(&looks, &tenant(), "hash", &count).await;
        looks.remember_refused(tenant(), "hash".to_owned());
        look(&looks, &tenant(), "hash", &count).await;
        assert_eq!(count.load(Ordering::Relaxed), 1);
        tokio::time::sleep(REFUSED_FOR).await;
        look(&looks, &tenant(), "hash", &count).await;
        assert_eq!(count.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waited_for_a_look_that_failed_hears_of_it() {
        let (looks, tenant) = (Looks::default(), tenant());
        let failing = || looks.look(&tenant, "hash", || async { Err(unreadable()) });
        let (one, other) = tokio::join!(failing(), failing());
        assert!(one.is_err() && other.is_err());
    }

    #[test]
    fn only_what_can_be_a_name_goes_into_a_url() {
        assert!(is_label("acme-1") && is_name("okta.v2"));
        for name in ["", "..", ".", "a..b", "%2f", "A", "-a", "a-", "a/b", "a b", &"a".repeat(64)] {
            assert!(!is_label(name) && !is_name(name), "{name}");
        }
    }
}
