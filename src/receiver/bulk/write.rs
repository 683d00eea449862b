//! One operation of a bulk request: the same write that a request of its own would be.

use serde_json::Value;

use crate::{
    receiver::{
        ReceiverError, ReceiverState,
        auth::{Granted, SendBulk, WriteGroups, WriteUsers},
        groups,
        location::Links,
        users,
    },
    scim::{ScimError, bulk::Endpoint, version::Conditions},
    store::Access,
};

/// What operations are carried out on.
pub(super) struct Writer<'a> {
    pub(super) state: &'a ReceiverState,
    pub(super) granted: &'a Granted<SendBulk>,
    pub(super) links: &'a Links,
}

/// A resource as it is after a write.
pub(super) struct Written {
    pub(super) id: String,
    pub(super) version: String,
}

impl Writer<'_> {
    /// Refuses what the token could not do with a request of its own either.
    pub(super) fn check(&self, endpoint: Endpoint) -> Result<(), ScimError> {
        match endpoint {
            Endpoint::Users => self.granted.also::<WriteUsers>(),
            Endpoint::Groups => self.granted.also::<WriteGroups>(),
        }
    }

    pub(super) fn location(&self, endpoint: Endpoint, id: &str) -> String {
        match endpoint {
            Endpoint::Users => self.links.user(id),
            Endpoint::Groups => self.links.group(id),
        }
    }

    pub(super) async fn create(&self, endpoint: Endpoint, data: Value) -> Result<Written, ReceiverError> {
        let (state, access) = (self.state, &self.granted.access);
        Ok(match endpoint {
            Endpoint::Users => {
                let user = users::write_new(state, access, data).await?;
                Written { id: user.id().to_owned(), version: user.version() }
            }
            Endpoint::Groups => {
                let team = groups::write_new(state, access, data).await?;
                Written { id: team.id().to_owned(), version: team.version() }
            }
        })
    }

    /// The version afterwards.
    pub(super) async fn replace(
        &self,
        endpoint: Endpoint,
        id: &str,
        conditions: &Conditions,
        data: Value,
    ) -> Result<String, ReceiverError> {
        let (state, access) = (self.state, &self.granted.access);
        Ok(match endpoint {
            Endpoint::Users => users::write_whole(state, access, id, conditions, data).await?.version(),
            Endpoint::Groups => groups::write_whole(state, access, id, conditions, data).await?.version(),
        })
    }

    /// The version afterwards.
    pub(super) async fn patch(
        &self,
        endpoint: Endpoint,
        id: &str,
        conditions: &Conditions,
        data: Value,
    ) -> Result<String, ReceiverError> {
        let (state, access) = (self.state, &self.granted.access);
        Ok(match endpoint {
            Endpoint::Users => users::write_changes(state, access, id, conditions, data).await?.version(),
            Endpoint::Groups => groups::write_changes(state, access, id, conditions, data).await?.version(),
        })
    }

    pub(super) async fn delete(
        &self,
        endpoint: Endpoint,
        id: &str,
        conditions: &Conditions,
    ) -> Result<(), ReceiverError> {
        let (store, Access { tenant, rules, .. }) = (&self.state.store, &self.granted.access);
        match endpoint {
            Endpoint::Users => store.delete_user(tenant, id, conditions, &rules.users.unique).await?,
            Endpoint::Groups => store.delete_team(tenant, id, conditions, &rules.groups.unique).await?,
        }
        Ok(())
    }
}
