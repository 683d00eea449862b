//! Claims on the attributes that a tenant calls unique, as one write gains and loses them.
//!
//! They come with the claim on the name and obey the same protocol: claimed before the write that uses the value,
//! released after the write that uses it no more. They are taken in the order of their names, so that two writes
//! which want the same two values don't wait for each other.

use std::collections::BTreeSet;

use super::{
    Store,
    claimant::Claimant,
    claims::{Claims, Held},
    error::StoreError,
    tenant::TenantKey,
    written::Kind,
};
use crate::scim::rules::Unique;

/// Claims that were taken for a write, or that it makes needless.
#[derive(Debug)]
pub(super) struct Gained<K: Claimant>(Vec<(Claims<K>, Held)>);

impl<K: Claimant> Gained<K> {
    /// After the write has failed for good; or of those that it made needless, after it is stored.
    pub(super) async fn give_up(self) {
        for (claims, held) in self.0 {
            claims.give_up(held).await;
        }
    }
}

impl Store {
    /// Claims the values that `after` has and `before` had not; all or none.
    pub(super) async fn gain<K: Claimant>(
        &self,
        tenant: &TenantKey,
        unique: &[Unique],
        before: Option<&K>,
        after: &K,
    ) -> Result<Gained<K>, StoreError> {
        let mut gained = Gained(Vec::new());
        let id = after.meta().name.as_deref().unwrap_or_default();
        for (attribute, values) in moved(unique, Some(after), before) {
            let claims = Claims::<K>::on(self.client(), &tenant.namespace, attribute);
            for value in values {
                let claimed = match self.check_unclaimed::<K>(tenant, attribute, &value, id).await {
                    Ok(()) => claims.acquire(tenant, &value, id).await,
                    Err(error) => Err(error),
                };
                match claimed {
                    Ok(held) => gained.0.push((claims.clone(), held)),
                    Err(error) => {
                        gained.give_up().await;
                        return Err(error);
                    }
                }
            }
        }
        Ok(gained)
    }

    /// The claims on values that `before` has and `after` has not, to be given up once `after` is stored.
    pub(super) async fn losing<K: Claimant>(
        &self,
        tenant: &TenantKey,
        unique: &[Unique],
        before: &K,
        after: &K,
    ) -> Gained<K> {
        let mut losing = Gained(Vec::new());
        let id = before.meta().name.as_deref().unwrap_or_default();
        for (attribute, values) in moved(unique, Some(before), Some(after)) {
            let claims = Claims::<K>::on(self.client(), &tenant.namespace, attribute);
            for value in values {
                let noted = claims.note(tenant, &value, id).await;
                losing.0.extend(noted.map(|held| (claims.clone(), held)));
            }
        }
        losing
    }

    /// Gives up the claims of an object that is gone. What fails is swept later.
    pub(super) async fn release<K: Claimant>(&self, tenant: &TenantKey, unique: &[Unique], gone: &K) {
        let id = gone.meta().name.as_deref().unwrap_or_default();
        for (attribute, values) in moved(unique, Some(gone), None) {
            let claims = Claims::<K>::on(self.client(), &tenant.namespace, attribute);
            for value in values {
                claims.release(tenant, &value, id).await;
            }
        }
    }

    /// E-mail addresses from before they had to be unique have no claim, nor have those of declared users; an index
    /// knows who has them. It may be late, so whoever seems to have one is looked at.
    async fn check_unclaimed<K: Claimant>(
        &self,
        tenant: &TenantKey,
        attribute: &Unique,
        value: &str,
        id: &str,
    ) -> Result<(), StoreError> {
        match K::KIND {
            Kind::User => {}
            Kind::Team => return Ok(()),
        }
        for other in self.directory().users_with(tenant, attribute.path(), value) {
            if other.as_ref() == id {
                continue;
            }
            match self.fresh_user(tenant, &other).await {
                Ok(user) if attribute.values(&user.document()).contains(value) => {
                    return Err(StoreError::Taken {
                        kind: K::SCIM_KIND,
                        attribute: attribute.path().to_owned(),
                    });
                }
                Ok(_) | Err(StoreError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The values of each attribute that `one` has and `other` has not.
fn moved<'u, K: Claimant>(
    unique: &'u [Unique],
    one: Option<&K>,
    other: Option<&K>,
) -> Vec<(&'u Unique, BTreeSet<String>)> {
    if unique.is_empty() {
        return Vec::new();
    }
    let (one, other) = (one.map(Claimant::document), other.map(Claimant::document));
    let values = |attribute: &Unique| {
        let of = |document: &Option<_>| document.as_ref().map(|it| attribute.values(it)).unwrap_or_default();
        of(&one).difference(&of(&other)).cloned().collect::<BTreeSet<_>>()
    };
    let mut moved: Vec<_> = unique.iter().map(|attribute| (attribute, values(attribute))).collect();
    moved.sort_by_key(|(attribute, _)| attribute.path());
    moved
}
