//! What is kept of passwords, for tenants that keep something: one Secret for each user, owned by the User.
//!
//! Secrets are neither listed nor watched; each is found by its name, and goes with its owner. It holds a hash; and while
//! apps wait for the password itself, that as well, encrypted. Whoever writes the latter has put an [`Offer`] on the User
//! before: so the replica that calls apps hears of it, and no sealed password is ever without somebody who drops it.
//!
//! - [`hash`], [`envelope`], [`kept`], [`offer`]: the hash, the encryption, the Secret and the annotation (pure).
//! - [`forward`]: what the replica that calls apps does.

mod envelope;
mod forward;
mod hash;
mod kept;
mod offer;

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, ResourceExt,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::json;
use uuid::Uuid;

pub(super) use self::hash::Hashing;
use self::{
    envelope::{Addressee, Envelope},
    kept::{Kept, is_of, name_of},
};
pub use self::{forward::Offered, offer::Offer};
use super::{
    Store,
    api_error::{call, is_already_exists, is_conflict, is_forbidden, is_not_found},
    error::StoreError,
    meta::post_params,
    peers::KeyError,
    retry::Attempts,
    tenant::TenantKey,
    view::{UserView, is_receivers},
};
use crate::{
    api::{DownstreamApp, ForwardingState, User, names},
    scim::password::Password,
};

impl Store {
    /// Keeps a hash of a user's password, and, where apps ask for it, the password for them, encrypted. Writes nothing
    /// if all of that is so already.
    pub async fn keep_password(
        &self,
        tenant: &TenantKey,
        user: &UserView,
        password: Password,
    ) -> Result<(), StoreError> {
        let user = &user.object();
        if !is_receivers(user) {
            return Err(StoreError::Declared { kind: "User", id: user.name_any() });
        }
        let asking = self.apps_that_ask(tenant).await?;
        let secrets: Api<Secret> = Api::namespaced(self.client().clone(), &tenant.namespace);
        let name = name_of(user);
        let mut attempts = Attempts::default();
        loop {
            let found = call(secrets.get_opt(&name)).await?;
            if found.as_ref().is_some_and(|secret| !is_of(secret, user)) {
                return Err(not_ours(&name));
            }
            let old = found.as_ref().map(Kept::of).unwrap_or_default();
            let hash = self.hashing().renew(password.clone(), old.hash.clone()).await?;
            let is_same = hash.is_none();
            if is_same && all_have(&asking, user, old.offer.as_ref()) {
                return Ok(());
            }
            let mut kept = Kept { hash: hash.or(old.hash), offer: None, sealed: None };
            if !asking.is_empty() {
                // The same password keeps its revision, so that no app that has it is given it again.
                let known = old.offer.filter(|_| is_same).map(|it| it.revision);
                let revision = known.unwrap_or_else(|| Uuid::now_v7().to_string());
                kept.sealed = self.sealed(tenant, user, &revision, &password).await?;
                let offer = Offer::new(revision, Timestamp::now());
                self.offer(tenant, user, &offer).await?;
                kept.offer = Some(offer);
            }
            let secret = kept.secret(tenant, user, found.as_ref());
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

    /// Names of the apps that ask for passwords, read from the API server: they are few, and passwords seldom.
    async fn apps_that_ask(&self, tenant: &TenantKey) -> Result<Vec<String>, StoreError> {
        let apps: Api<DownstreamApp> = Api::namespaced(self.client().clone(), &tenant.namespace);
        let apps = call(apps.list(&ListParams::default())).await?;
        let asks = |app: &DownstreamApp| {
            app.metadata.deletion_timestamp.is_none()
                && app.spec.tenant_ref.name == *tenant.name
                && app.spec.scim.as_ref().is_some_and(|scim| scim.forward_passwords)
        };
        Ok(apps.iter().filter(|app| asks(app)).map(ResourceExt::name_any).collect())
    }

    /// Tells apps that a password waits for them.
    async fn offer(&self, tenant: &TenantKey, user: &User, offer: &Offer) -> Result<(), StoreError> {
        let users: Api<User> = Api::namespaced(self.client().clone(), &tenant.namespace);
        let annotations = json!({ names::ANNOTATION_PASSWORD_OFFER: offer.to_string() });
        // A patch with a uid never concerns another object of that name.
        let patch = json!({ "metadata": { "uid": user.metadata.uid, "annotations": annotations } });
        let params = PatchParams { field_manager: post_params().field_manager, ..PatchParams::default() };
        let user = call(users.patch(&user.name_any(), &params, &Patch::Merge(patch))).await?;
        self.directory().put_user(user);
        Ok(())
    }

    /// The password, encrypted; none without a key.
    async fn sealed(
        &self,
        tenant: &TenantKey,
        user: &User,
        revision: &str,
        password: &Password,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(envelope) = self.envelope().await? else { return Ok(None) };
        let sealed = envelope.seal(password, addressee(tenant, user, revision));
        sealed.map(Some).map_err(|_| unavailable("the password could not be encrypted"))
    }

    /// What seals passwords; none if the replicas have no key, or we may not read it.
    async fn envelope(&self) -> Result<Option<Envelope>, StoreError> {
        match self.peers().shared_key().await {
            Ok(key) => Envelope::new(&key.0)
                .map(Some)
                .map_err(|_| unavailable("no key could be made of rollcall-peers")),
            Err(KeyError::Missing) => Ok(None),
            Err(KeyError::Call(error)) if is_forbidden(&error) => Ok(None),
            Err(KeyError::Call(error)) => Err(error.into()),
        }
    }
}

/// Whether each of these apps has this very password already. Nobody asking is nobody lacking it.
fn all_have(asking: &[String], user: &User, offer: Option<&Offer>) -> bool {
    let rows = user.status.as_ref().map(|it| it.apps.as_slice()).unwrap_or_default();
    asking.iter().all(|app| {
        let password = rows.iter().find(|row| row.name == *app).and_then(|row| row.password.as_ref());
        password.is_some_and(|it| {
            it.state == ForwardingState::Forwarded && offer.is_some_and(|offer| offer.revision == it.revision)
        })
    })
}

fn addressee<'a>(tenant: &'a TenantKey, user: &'a User, revision: &'a str) -> Addressee<'a> {
    let TenantKey { namespace, name } = tenant;
    Addressee { namespace, tenant: name, uid: user.metadata.uid.as_deref().unwrap_or_default(), revision }
}

fn not_ours(name: &str) -> StoreError {
    StoreError::Unavailable {
        reason: format!("the Secret {name} exists and does not belong to this user; delete it"),
        retry_after: Duration::from_mins(1),
    }
}

fn unavailable(reason: &str) -> StoreError {
    StoreError::Unavailable { reason: reason.to_owned(), retry_after: Duration::from_secs(1) }
}
