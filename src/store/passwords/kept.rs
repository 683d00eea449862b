//! The Secret of one user's password: what is in it, and how it is written.

use k8s_openapi::{
    ByteString,
    api::core::v1::Secret,
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use kube::Resource;

use super::Offer;
use crate::{
    api::{User, names},
    store::tenant::TenantKey,
};

/// The entry with the hash, and the value of the Secret's label.
const HASH: &str = "argon2id";

/// The entry that repeats the offer that the password was stored for.
const OFFER: &str = "offer";

/// The entry with the password itself, encrypted, while it waits for apps.
const SEALED: &str = "sealed";

/// What is kept of a password.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) hash: Option<String>,
    /// None if no app has ever asked for it.
    pub(super) offer: Option<Offer>,
    pub(super) sealed: Option<Vec<u8>>,
}

impl Kept {
    pub(super) fn of(secret: &Secret) -> Self {
        let bytes = |key| Some(secret.data.as_ref()?.get(key)?.0.clone());
        let text = |key| bytes(key).and_then(|it| String::from_utf8(it).ok());
        Self { hash: text(HASH), offer: text(OFFER).and_then(|it| Offer::parse(&it)), sealed: bytes(SEALED) }
    }

    /// The Secret that keeps this instead of `old`.
    pub(super) fn secret(self, tenant: &TenantKey, user: &User, old: Option<&Secret>) -> Secret {
        let Self { hash, offer, sealed } = self;
        let entries = [
            (HASH, hash.map(String::into_bytes)),
            (OFFER, offer.map(|it| it.to_string().into_bytes())),
            (SEALED, sealed),
        ];
        let data = entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), ByteString(value?))));
        Secret {
            metadata: ObjectMeta {
                // The version that was read: what somebody else wrote since is not overwritten unseen.
                resource_version: old.and_then(|old| old.metadata.resource_version.clone()),
                ..metadata(tenant, user)
            },
            type_: Some("Opaque".to_owned()),
            data: Some(data.collect()),
            ..Secret::default()
        }
    }
}

/// The name of a user's Secret.
pub(super) fn name_of(user: &User) -> String {
    format!("{}-password", user.metadata.name.as_deref().unwrap_or_default())
}

/// Ownership is an ownerReference with the user's uid: a name can be anybody's.
pub(super) fn is_of(secret: &Secret, user: &User) -> bool {
    let owners = secret.metadata.owner_references.as_deref().unwrap_or_default();
    owners.iter().any(|owner| Some(&owner.uid) == user.metadata.uid.as_ref())
}

fn metadata(tenant: &TenantKey, user: &User) -> ObjectMeta {
    let labels = [
        (names::LABEL_MANAGED_BY, names::MANAGER),
        (names::LABEL_TENANT, &tenant.name),
        (names::LABEL_PASSWORD, HASH),
    ];
    let owner = OwnerReference {
        api_version: User::api_version(&()).into_owned(),
        kind: User::kind(&()).into_owned(),
        name: user.metadata.name.clone().unwrap_or_default(),
        uid: user.metadata.uid.clone().unwrap_or_default(),
        ..OwnerReference::default()
    };
    ObjectMeta {
        name: Some(name_of(user)),
        namespace: Some(tenant.namespace.to_string()),
        labels: Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
        owner_references: Some(vec![owner]),
        ..ObjectMeta::default()
    }
}
