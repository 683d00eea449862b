//! What must be unique, looked up in memory before it is claimed.

use super::{
    Store,
    claimant::Claimant,
    claims::{About, Moves},
    error::StoreError,
    tenant::TenantKey,
    written::Kind,
};
use crate::scim::rules::Unique;

impl Store {
    /// Fails if somebody else has a value already that the object `id` is to get, be it claimed or not.
    pub(super) async fn check_gained<K: Claimant>(
        &self,
        tenant: &TenantKey,
        moves: &Moves,
        id: &str,
    ) -> Result<(), StoreError> {
        for claim in moves.gained() {
            match &claim.about {
                About::Name => self.check_unused::<K>(tenant, &claim.value, Some(id)).await?,
                About::Attribute(unique) => {
                    self.check_unclaimed::<K>(tenant, unique, &claim.value, id).await?;
                }
            }
        }
        Ok(())
    }

    /// E-mail addresses from before they had to be unique have no claim until the leader has made one, nor have those of
    /// declared users; an index knows who has them. It may be late, so whoever seems to have one is looked at.
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
