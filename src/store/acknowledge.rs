//! What must be true before a write is acknowledged, besides that it is stored: every read from memory sees it.

use super::{
    Store,
    claimant::Claimant,
    directory::is_gone,
    error::StoreError,
    membership::Id,
    tenant::TenantKey,
    written::{Kind, Written},
};

impl Store {
    /// To be called after a write is stored and taken in here, before it is acknowledged.
    pub(super) async fn acknowledge(&self, written: &Written) -> Result<(), StoreError> {
        self.refresh_rivals(written).await?;
        self.peers().written(written).await
    }

    /// To be called before an object is taken in that our watches have not told of: reads again who seems to have its unique
    /// name. They have been renamed or deleted before, and nobody shall see two of one name until our watches say so.
    pub(super) async fn make_room<K: Claimant>(&self, object: &K) -> Result<(), StoreError> {
        if is_gone(object) {
            return Ok(());
        }
        let Written { kind, tenant, id, version: _ } = Written::of(object);
        for namesake in self.directory().namesakes(kind, &tenant, &id, object.unique_value()) {
            // Rare, and its future is large.
            match Box::pin(self.take_in(kind, &tenant, &namesake)).await {
                Ok(()) | Err(StoreError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes an object in as it is now, whoever has its name here. A team that has been changed again since is left: it
    /// is looked at once more before anybody is answered.
    async fn take_in(&self, kind: Kind, tenant: &TenantKey, id: &str) -> Result<(), StoreError> {
        match kind {
            Kind::User => self.directory().put_user(self.read_user(tenant, id).await?),
            Kind::Team => _ = self.take_in_team(self.read_team(tenant, id).await?).await?,
        }
        Ok(())
    }

    /// The same after an object was taken in, from a watch perhaps.
    pub(super) async fn refresh_rivals(&self, written: &Written) -> Result<(), StoreError> {
        for rival in self.directory().rivals(written) {
            self.read_again(written.kind, &written.tenant, &rival).await?;
        }
        Ok(())
    }

    /// Makes the directory know what is stored in this version or a later one, without waiting for our watches.
    pub(super) async fn fetch(&self, written: &Written) -> Result<(), StoreError> {
        let Written { kind, tenant, id, version } = written;
        if !self.read_again(*kind, tenant, id).await? {
            match kind {
                Kind::User => self.directory().remove_user(tenant, id, *version),
                Kind::Team => self.directory().remove_team(tenant, id, *version),
            }
        }
        Ok(())
    }

    /// Takes an object in as it is now. False if it is gone.
    async fn read_again(&self, kind: Kind, tenant: &TenantKey, id: &Id) -> Result<bool, StoreError> {
        let found = match kind {
            Kind::User => self.fresh_user(tenant, id).await.map(drop),
            Kind::Team => self.fresh_team(tenant, id).await.map(drop),
        };
        match found {
            Ok(()) => Ok(true),
            Err(StoreError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
