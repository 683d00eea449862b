//! What replicas send each other is sealed: an HMAC with the key that they share, so that nobody else can say that a
//! replica has confirmed a write, or keep one busy.
//!
//! Nothing that is sent is secret, and saying it twice does no harm; so there is no encryption and no nonce. The key is
//! in a Secret of the operator's namespace. It may change at any time (some tools make a new one at every rollout):
//! a seal that doesn't fit makes us read it again.

use std::{
    fmt::{self, Write},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use hmac::{Hmac, KeyInit, Mac};
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{Api, Client};
use sha2::Sha256;
use tokio::{sync::Mutex, time::Instant};

use crate::store::api_error::{CallError, call};

/// The Secret that holds the key.
const SECRET: &str = "rollcall-peers";

/// The entry of the Secret.
const ENTRY: &str = "key";

/// A shorter key is a mistake.
const SHORTEST: usize = 32;

/// How often the key is read again, at most.
const READ_AGAIN: Duration = Duration::from_secs(1);

/// Seals and checks seals.
pub(super) struct Seal {
    secrets: Api<Secret>,
    key: RwLock<Option<Arc<[u8]>>>,
    read_at: Mutex<Option<Instant>>,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub(in crate::store) enum KeyError {
    #[error("the Secret {SECRET} can't be read: {0}")]
    Call(#[from] CallError),
    #[error(
        "the Secret {SECRET} has no entry {ENTRY} of at least {SHORTEST} bytes; the chart makes one of random bytes"
    )]
    Missing,
}

impl Seal {
    pub(super) fn new(client: &Client, namespace: &str) -> Self {
        let secrets = Api::namespaced(client.clone(), namespace);
        Self { secrets, key: RwLock::default(), read_at: Mutex::default() }
    }

    /// Reads the key.
    pub(super) async fn read_key(&self) -> Result<(), KeyError> {
        let key = self.fresh_key().await?;
        *self.key.write().unwrap_or_else(PoisonError::into_inner) = Some(key.0.into());
        Ok(())
    }

    /// The key as it is now, for whoever derives others from it.
    pub(super) async fn fresh_key(&self) -> Result<ByteString, KeyError> {
        let secret = call(self.secrets.get_opt(SECRET)).await?;
        let key = secret.and_then(|it| it.data).and_then(|mut it| it.remove(ENTRY));
        key.filter(|key| key.0.len() >= SHORTEST).ok_or(KeyError::Missing)
    }

    /// The seal of these parts, in this order; none if there is no key.
    pub(super) fn of(&self, parts: &[&[u8]]) -> Option<String> {
        let code = self.code(parts)?.finalize().into_bytes();
        let mut text = String::with_capacity(2 * code.len());
        for byte in code {
            // Writing to a String does not fail.
            let _ = write!(text, "{byte:02x}");
        }
        Some(text)
    }

    /// Whether a seal is the one of these parts. If not, the key may be a new one.
    pub(super) async fn fits(&self, seal: &str, parts: &[&[u8]]) -> bool {
        if self.fits_now(seal, parts) {
            return true;
        }
        let mut read_at = self.read_at.lock().await;
        if read_at.is_none_or(|at| at.elapsed() >= READ_AGAIN) {
            *read_at = Some(Instant::now());
            if let Err(error) = self.read_key().await {
                tracing::warn!(%error, "another replica seems to have another key");
            }
        }
        self.fits_now(seal, parts)
    }

    fn fits_now(&self, seal: &str, parts: &[&[u8]]) -> bool {
        let Some(bytes) = decode(seal) else { return false };
        self.code(parts).is_some_and(|code| code.verify_slice(&bytes).is_ok())
    }

    fn code(&self, parts: &[&[u8]]) -> Option<Hmac<Sha256>> {
        let key = self.key.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        // HMAC takes keys of every length.
        let mut code = Hmac::<Sha256>::new_from_slice(&key).ok()?;
        for part in parts {
            // With its length in front, no part can pass for the end of another.
            code.update(&(part.len() as u64).to_be_bytes());
            code.update(part);
        }
        Some(code)
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal")
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || text.len() != 64 {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}
