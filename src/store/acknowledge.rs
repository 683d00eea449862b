//! What must be true before a write is acknowledged, besides that it is stored: every read from memory sees it.

use super::{
    Store,
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

    /// Reads again who seems to have the same unique name as an object that was just taken in: they have been renamed
    /// or deleted before, and our watches have yet to say so.
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
