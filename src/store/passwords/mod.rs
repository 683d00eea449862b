//! Hashes of passwords, for tenants that keep them: one Secret for each user, owned by the User.
//!
//! Secrets are neither listed nor watched; each is found by its name, and goes with its owner.

mod hash;

use std::time::Duration;

use k8s_openapi::{
    ByteString,
    api::core::v1::Secret,
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use kube::{Api, Resource};

pub(super) use self::hash::Hashing;
use super::{
    Store,
    api_error::{call, is_already_exists, is_conflict, is_not_found},
    error::StoreError,
    meta::post_params,
    retry::Attempts,
    tenant::TenantKey,
    view::{UserView, is_receivers},
};
use crate::{
    api::{User, names},
    scim::password::Password,
};

/// The key in the Secret, and the value of its label.
const KIND: &str = "argon2id";

impl Store {
    /// Keeps a hash of a user's password, and nothing else of it. Writes nothing if that is what is kept already.
    pub async fn keep_password(
        &self,
        tenant: &TenantKey,
        user: &UserView,
        password: Password,
    ) -> Result<(), StoreError> {
        if !is_receivers(user.object()) {
            return Err(StoreError::Declared { kind: "User", id: user.id().to_owned() });
        }
        let secrets: Api<Secret> = Api::namespaced(self.client().clone(), &tenant.namespace);
        let name = format!("{}-password", user.id());
        let mut attempts = Attempts::default();
        loop {
            let found = call(secrets.get_opt(&name)).await?;
            if found.as_ref().is_some_and(|secret| !is_of(secret, user.object())) {
                return Err(not_ours(&name));
            }
            let old = found.as_ref().and_then(hash_in);
            let Some(hash) = self.hashing().renew(password.clone(), old).await? else { return Ok(()) };
            let secret = secret(tenant, user.object(), &name, found.as_ref(), hash);
            let written = match &found {
                Some(_) => call(secrets.replace(&name, &post_params(), &secret)).await,
                None => call(secrets.create(&post_params(), &secret)).await,
            };
            match written {
                Ok(_) => return Ok(()),
                Err(error) if is_conflict(&error) || is_already_exists(&error) || is_not_found(&error) => {
                    attempts.next_conflict().await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Ownership is an ownerReference with the user's uid: a name can be anybody's.
fn is_of(secret: &Secret, user: &User) -> bool {
    let owners = secret.metadata.owner_references.as_deref().unwrap_or_default();
    owners.iter().any(|owner| Some(&owner.uid) == user.metadata.uid.as_ref())
}

fn hash_in(secret: &Secret) -> Option<String> {
    let bytes = secret.data.as_ref()?.get(KIND)?;
    String::from_utf8(bytes.0.clone()).ok()
}

fn secret(tenant: &TenantKey, user: &User, name: &str, old: Option<&Secret>, hash: String) -> Secret {
    let labels = [
        (names::LABEL_MANAGED_BY, names::MANAGER),
        (names::LABEL_TENANT, &tenant.name),
        (names::LABEL_PASSWORD, KIND),
    ];
    let owner = OwnerReference {
        api_version: User::api_version(&()).into_owned(),
        kind: User::kind(&()).into_owned(),
        name: user.metadata.name.clone().unwrap_or_default(),
        uid: user.metadata.uid.clone().unwrap_or_default(),
        ..OwnerReference::default()
    };
    Secret {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(tenant.namespace.to_string()),
            labels: Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
            owner_references: Some(vec![owner]),
            // The version that was read: a hash that somebody else wrote since is not overwritten unseen.
            resource_version: old.and_then(|old| old.metadata.resource_version.clone()),
            ..ObjectMeta::default()
        },
        type_: Some("Opaque".to_owned()),
        data: Some([(KIND.to_owned(), ByteString(hash.into_bytes()))].into()),
        ..Secret::default()
    }
}

fn not_ours(name: &str) -> StoreError {
    StoreError::Unavailable {
        reason: format!("the Secret {name} exists and does not belong to this user; delete it"),
        retry_after: Duration::from_mins(1),
    }
}
