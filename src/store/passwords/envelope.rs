//! A password on its way from the replica that received it to the one that calls apps: encrypted, in a Secret.
//!
//! The key is derived from the one that the replicas share, so whoever may read the tenants' Secrets alone learns nothing.
//! What is sealed is bound to one user and one revision: moved elsewhere, it does not open.

use std::fmt;

use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    error::Unspecified,
    hkdf::{HKDF_SHA256, Salt},
};
use zeroize::Zeroizing;

use crate::scim::password::Password;

/// What the derived key is for: a key of another purpose, from the same secret, is another key.
const PURPOSE: &[u8] = b"rollcall.dev/v1alpha1 passwords for apps";

/// What seals passwords, and opens them.
pub(super) struct Envelope(LessSafeKey);

/// Whose password, and which of theirs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Addressee<'a> {
    pub(super) namespace: &'a str,
    pub(super) tenant: &'a str,
    /// The uid of the User, which no other object ever has.
    pub(super) uid: &'a str,
    pub(super) revision: &'a str,
}

impl Envelope {
    /// From the key that replicas share.
    ///
    /// # Errors
    /// Never with a key of a sensible length.
    pub(super) fn new(shared: &[u8]) -> Result<Self, Unspecified> {
        let key = Salt::new(HKDF_SHA256, &[]).extract(shared);
        let key = UnboundKey::from(key.expand(&[PURPOSE], &CHACHA20_POLY1305)?);
        Ok(Self(LessSafeKey::new(key)))
    }

    /// The nonce, and after it what only this key opens.
    ///
    /// # Errors
    /// If there is no randomness to be had.
    pub(super) fn seal(&self, password: &Password, to: Addressee<'_>) -> Result<Vec<u8>, Unspecified> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).map_err(|_| Unspecified)?;
        // It is encrypted where it stands; until then, an error must not leave it behind.
        let mut text = Zeroizing::new(password.expose().as_bytes().to_vec());
        let tag =
            self.0.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), to.aad(), &mut text)?;
        Ok([nonce.as_slice(), &text, tag.as_ref()].concat())
    }

    /// The password; none if it was sealed with another key, for somebody else, or is damaged.
    pub(super) fn open(&self, sealed: &[u8], to: Addressee<'_>) -> Option<Password> {
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut text = Zeroizing::new(text.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let clear = self.0.open_in_place(nonce, to.aad(), &mut text).ok()?;
        Some(Password::new(std::str::from_utf8(clear).ok()?.to_owned()))
    }
}

impl Addressee<'_> {
    /// With its length in front, no part can pass for the end of another.
    fn aad(&self) -> Aad<Vec<u8>> {
        let Self { namespace, tenant, uid, revision } = *self;
        let parts = [namespace, tenant, uid, revision];
        let framed = parts.map(|part| [&(part.len() as u64).to_be_bytes(), part.as_bytes()].concat());
        Aad::from(framed.concat())
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Envelope")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"a key of sixty-four random bytes";
    const ADA: Addressee<'_> = Addressee { namespace: "people", tenant: "okta", uid: "ada", revision: "1" };

    fn password() -> Password {
        Password::new("correct-horse-battery".to_owned())
    }

    fn sealed() -> Vec<u8> {
        Envelope::new(KEY).unwrap().seal(&password(), ADA).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_again_and_is_not_readable_before() {
        let sealed = sealed();
        let clear = password();
        assert!(!sealed.windows(clear.expose().len()).any(|it| it == clear.expose().as_bytes()));
        assert_eq!(Envelope::new(KEY).unwrap().open(&sealed, ADA), Some(clear));
    }

    #[test]
    fn the_same_password_is_sealed_differently_each_time() {
        assert_ne!(sealed(), sealed());
    }

    #[test]
    fn it_opens_with_no_other_key_and_for_nobody_else() {
        let (sealed, envelope) = (sealed(), Envelope::new(KEY).unwrap());
        assert_eq!(Envelope::new(b"another key of the same length!!").unwrap().open(&sealed, ADA), None);
        for other in [
            Addressee { namespace: "elsewhere", ..ADA },
            Addressee { tenant: "entra", ..ADA },
            Addressee { uid: "eve", ..ADA },
            Addressee { revision: "2", ..ADA },
            Addressee { tenant: "oktaada", uid: "", ..ADA },
        ] {
            assert_eq!(envelope.open(&sealed, other), None, "{other:?}");
        }
    }

    #[test]
    fn what_is_damaged_or_cut_off_does_not_open() {
        let (sealed, envelope) = (sealed(), Envelope::new(KEY).unwrap());
        for length in 0..sealed.len() {
            assert_eq!(envelope.open(&sealed[..length], ADA), None, "{length}");
            let mut damaged = sealed.clone();
            damaged[length] ^= 1;
            assert_eq!(envelope.open(&damaged, ADA), None, "{length}");
        }
    }

    #[test]
    fn printing_it_shows_no_key() {
        assert_eq!(format!("{:?}", Envelope::new(KEY).unwrap()), "Envelope");
    }
}
