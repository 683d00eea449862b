//! The Secret that carries one token: whose it is, what it holds, what it should hold. Pure.
//!
//! No type here derives `Debug`: they hold tokens.

use std::collections::BTreeMap;

use k8s_openapi::{
    ByteString,
    api::core::v1::Secret,
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};

use crate::{
    api::{TokenRetention, TokenStatus, names},
    store::Token,
};

const KEY_TOKEN: &str = "token";
const KEY_HASH: &str = "hash";
const KEY_URL: &str = "url";

/// What is found under a Secret's name.
pub(super) enum Found {
    /// Nothing.
    Missing,
    /// A Secret that this tenant does not own. It is never changed, and what is in it is never looked at.
    Foreign,
    /// Our own.
    Ours(Box<Secret>),
}

/// Which token a Secret of ours carries.
pub(super) enum Carries {
    /// The token with this hash.
    Token(String),
    /// Only the hash of a token that has been picked up.
    Hash(String),
    /// Nothing that is one.
    Nothing,
}

/// What every Secret of a tenant has in common.
pub(super) struct Template<'a> {
    pub(super) owner: OwnerReference,
    pub(super) namespace: &'a str,
    pub(super) tenant: &'a str,
    pub(super) url: &'a str,
}

impl Found {
    /// Ownership is an ownerReference with the tenant's uid: a name or a label can be copied, or be a former tenant's.
    pub(super) fn classify(secret: Option<Secret>, tenant_uid: &str) -> Self {
        let Some(secret) = secret else { return Self::Missing };
        let owners = secret.metadata.owner_references.as_deref().unwrap_or_default();
        if owners.iter().any(|owner| owner.uid == tenant_uid) {
            Self::Ours(Box::new(secret))
        } else {
            Self::Foreign
        }
    }
}

impl Carries {
    pub(super) fn of(secret: &Secret) -> Self {
        match (value(secret, KEY_TOKEN), value(secret, KEY_HASH)) {
            (Some(token), _) => Token::parse(token).map_or(Self::Nothing, |token| Self::Token(token.hash())),
            (None, Some(hash)) => Self::Hash(hash.to_owned()),
            (None, None) => Self::Nothing,
        }
    }
}

impl Template<'_> {
    /// The Secret with a new token in it: a new object, or `old` with everything else in it kept.
    pub(super) fn with_token(
        &self,
        name: &str,
        token_name: &str,
        token: &Token,
        old: Option<&Secret>,
    ) -> Secret {
        let mut secret = self.dressed(name, token_name, old);
        let data = secret.data.get_or_insert_default();
        data.remove(KEY_HASH);
        data.insert(KEY_TOKEN.to_owned(), bytes(token.reveal()));
        secret
    }

    /// What `old`, which carries the right token or its hash, should look like; `None` if it does already.
    pub(super) fn repaired(
        &self,
        old: &Secret,
        row: &TokenStatus,
        retention: TokenRetention,
    ) -> Option<Secret> {
        let mut secret = self.dressed(&row.secret_name, &row.name, Some(old));
        let used = row.last_used_at.is_some();
        match retention {
            TokenRetention::UntilFirstUse if used => {
                let data = secret.data.get_or_insert_default();
                data.remove(KEY_TOKEN);
                data.insert(KEY_HASH.to_owned(), bytes(&row.hash));
            }
            TokenRetention::UntilFirstUse | TokenRetention::Keep => {}
        }
        (secret != *old).then_some(secret)
    }

    /// Labels, owner, type and `url`.
    fn dressed(&self, name: &str, token_name: &str, old: Option<&Secret>) -> Secret {
        let mut secret = old.cloned().unwrap_or_else(|| self.bare(name));
        let labels = secret.metadata.labels.get_or_insert_default();
        for (label, value) in [
            (names::LABEL_MANAGED_BY, names::MANAGER),
            (names::LABEL_TENANT, self.tenant),
            (names::LABEL_TOKEN, token_name),
        ] {
            labels.insert(label.to_owned(), value.to_owned());
        }
        secret.data.get_or_insert_default().insert(KEY_URL.to_owned(), bytes(self.url));
        secret
    }

    fn bare(&self, name: &str) -> Secret {
        Secret {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                namespace: Some(self.namespace.to_owned()),
                owner_references: Some(vec![self.owner.clone()]),
                ..ObjectMeta::default()
            },
            type_: Some("Opaque".to_owned()),
            data: Some(BTreeMap::new()),
            ..Secret::default()
        }
    }
}

/// Whether Kubernetes takes it for the name of a Secret: a DNS subdomain (RFC 1123 as Kubernetes reads it). Asked before any
/// request, because a client that puts `../configmaps/x` into a path would speak of something else.
pub(super) fn is_name(name: &str) -> bool {
    let label = |part: &str| {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !part.is_empty() && !part.starts_with('-') && !part.ends_with('-') && part.bytes().all(inner)
    };
    name.len() <= 253 && name.split('.').all(label)
}

fn value<'a>(secret: &'a Secret, key: &str) -> Option<&'a str> {
    // What is no UTF-8 is no token: an empty text stands for it, which is none either.
    secret.data.as_ref()?.get(key).map(|bytes| std::str::from_utf8(&bytes.0).unwrap_or_default())
}

fn bytes(text: &str) -> ByteString {
    ByteString(text.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn only_a_dns_subdomain_is_a_name() {
        for good in ["a", "okta-default", "a.b-c.d1", &"a".repeat(253)] {
            assert!(is_name(good), "{good}");
        }
        for bad in [
            "",
            "..",
            ".",
            "a/b",
            "../configmaps/x",
            "A",
            "a_b",
            "-a",
            "a-",
            "a..b",
            "a%2fb",
            "a?x",
            "a#",
            &"a".repeat(254),
        ] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
