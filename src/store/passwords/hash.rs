//! Hashing passwords, and comparing them with hashes: slow on purpose, so never on the threads that answer requests.

use std::sync::Arc;

use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;

use crate::{scim::password::Password, store::error::StoreError};

/// How many are computed at once. Each takes 19 MiB and some 20 ms of a core.
const AT_ONCE: usize = 2;

/// How the hashes that we make begin: Argon2id with the parameters that OWASP recommends. A hash with others is none of
/// ours, and is not computed with: parameters decide over memory and time.
const OURS: &str = "$argon2id$v=19$m=19456,t=2,p=1$";

/// Where passwords are hashed.
#[derive(Debug)]
pub(in crate::store) struct Hashing(Arc<Semaphore>);

impl Default for Hashing {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Hashing {
    /// The hash that should be kept instead of `old`; `None` if `old` is one of this password.
    pub(super) async fn renew(
        &self,
        password: Password,
        old: Option<String>,
    ) -> Result<Option<String>, StoreError> {
        let permit = Arc::clone(&self.0).acquire_owned().await;
        let work = move || {
            let hash = renew(&password, old.as_deref());
            drop(permit);
            hash
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| unavailable("the hashing thread ended"))?
    }
}

fn renew(password: &Password, old: Option<&str>) -> Result<Option<String>, StoreError> {
    let (argon2, clear) = (Argon2::default(), password.expose().as_bytes());
    if old.is_some_and(|old| old.starts_with(OURS) && argon2.verify_password(clear, old).is_ok()) {
        return Ok(None);
    }
    let hash = argon2.hash_password(clear).map_err(|_| unavailable("the password could not be hashed"))?;
    Ok(Some(hash.to_string()))
}

fn unavailable(reason: &str) -> StoreError {
    StoreError::Unavailable { reason: reason.to_owned(), retry_after: std::time::Duration::from_secs(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_argon2id_and_is_kept_while_the_password_is_the_same() {
        let (one, other) = (Password::new("one".to_owned()), Password::new("other".to_owned()));
        let hash = renew(&one, None).unwrap().unwrap();
        assert!(hash.starts_with(OURS), "{hash}");
        assert_eq!(renew(&one, Some(&hash)).unwrap(), None);
        assert_ne!(renew(&other, Some(&hash)).unwrap(), Some(hash));
    }

    #[test]
    fn a_hash_with_other_parameters_is_made_anew_and_not_computed_with() {
        let greedy = "$argon2id$v=19$m=4194304,t=100,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA";
        for old in [greedy, "", "no hash"] {
            assert!(renew(&Password::new("one".to_owned()), Some(old)).unwrap().is_some(), "{old}");
        }
    }
}
