//! Passwords for apps, as the replica sees them that calls apps: opened for one call, and dropped when nobody waits.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client, ResourceExt};

use super::{
    Offer, addressee,
    kept::{Kept, is_of, name_of},
};
use crate::{
    api::{User, names},
    scim::password::Password,
    store::{
        Store,
        api_error::{call, is_not_found},
        error::StoreError,
        meta::post_params,
        tenant::TenantKey,
    },
};

/// An offer comes before what it offers. Whoever has not stored that after so long will not do it any more.
const STORED_WITHIN: SignedDuration = SignedDuration::from_secs(15);

const GONE: &str = "it is not kept any more; let the identity provider send it again";

const NO_KEY: &str = "there is no key to encrypt it with: the Secret rollcall-peers of the operator's namespace is \
                      missing or can't be read; the chart makes it";

const OTHER_KEY: &str = "it can't be decrypted: the key in the Secret rollcall-peers has changed since; let the identity \
                         provider send it again";

/// What there is of a password that is offered to apps.
#[derive(Debug)]
pub enum Offered {
    /// It is on its way: the offer comes first.
    NotYet,
    /// It is here.
    Here {
        /// The password.
        password: Password,
        /// Which one: the one that is kept, which may be newer than the offer.
        revision: String,
    },
    /// No app will get it.
    Lost(&'static str),
}

impl Store {
    /// The password that a user's offer is about.
    pub async fn offered_password(
        &self,
        tenant: &TenantKey,
        user: &User,
        offer: &Offer,
    ) -> Result<Offered, StoreError> {
        let secrets: Api<Secret> = Api::namespaced(self.client().clone(), &tenant.namespace);
        let found = call(secrets.get_opt(&name_of(user))).await?;
        let kept = found.filter(|secret| is_of(secret, user)).as_ref().map(Kept::of).unwrap_or_default();
        let (is_meant, now) = (kept.offer.as_ref() == Some(offer), Timestamp::now());
        if !is_meant && offer.age(now) < STORED_WITHIN {
            return Ok(Offered::NotYet);
        }
        let Kept { hash: _, offer: Some(Offer { revision, .. }), sealed: Some(sealed) } = kept else {
            // What was stored for this very offer without the password was stored without a key.
            return Ok(Offered::Lost(if is_meant && !offer.is_over(now) { NO_KEY } else { GONE }));
        };
        let Some(envelope) = self.envelope().await? else { return Ok(Offered::Lost(NO_KEY)) };
        Ok(match envelope.open(&sealed, addressee(tenant, user, &revision)) {
            Some(password) => Offered::Here { password, revision },
            None => Offered::Lost(OTHER_KEY),
        })
    }

    /// Drops the encrypted password, then the offer, unless there is a newer one. `client` writes.
    ///
    /// The Secret is read before the User and written after it: a newer password's offer is on the User before it is in
    /// the Secret, so either it is seen here, or writing fails.
    pub async fn withdraw_password(
        &self,
        client: &Client,
        tenant: &TenantKey,
        user: &User,
        offer: &Offer,
    ) -> Result<(), StoreError> {
        let secrets: Api<Secret> = Api::namespaced(client.clone(), &tenant.namespace);
        let users: Api<User> = Api::namespaced(client.clone(), &tenant.namespace);
        let name = name_of(user);
        let found = call(secrets.get_opt(&name)).await?.filter(|secret| is_of(secret, user));
        let Some(mut user) = call(users.get_opt(&user.name_any())).await? else { return Ok(()) };
        if Offer::of(&user).as_ref() != Some(offer) {
            return Ok(());
        }
        if let Some(secret) = found {
            let kept = Kept::of(&secret);
            if kept.sealed.is_some() {
                let without = Kept { sealed: None, ..kept }.secret(tenant, &user, Some(&secret));
                call(secrets.replace(&name, &post_params(), &without)).await?;
            }
        }
        user.annotations_mut().remove(names::ANNOTATION_PASSWORD_OFFER);
        user.metadata.managed_fields = None;
        match call(users.replace(&user.name_any(), &post_params(), &user)).await {
            Err(error) if !is_not_found(&error) => Err(error.into()),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}
