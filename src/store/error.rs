//! What can go wrong in the store, as its callers must tell it apart.

use std::time::Duration;

use crate::scim::ScimError;

/// Why the store did not do what was asked. Nothing of a failed request is visible afterwards.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such user or team in this tenant.
    #[error("no {kind} with id {id} in this tenant")]
    NotFound {
        /// `User` or `Group`.
        kind: &'static str,
        /// The id that was asked for.
        id: String,
    },
    /// Another user has the same `userName`, or another team the same `displayName`, or either another unique value.
    #[error("another {kind} of this tenant has the same {attribute}")]
    Taken {
        /// `User` or `Group`.
        kind: &'static str,
        /// `userName`, `displayName`, or another attribute that the tenant calls unique.
        attribute: String,
    },
    /// The caller's `If-Match` or `If-None-Match` does not hold for the stored version.
    #[error("the resource is not in a version that the request allows, it is in {current}; read it again")]
    VersionMismatch {
        /// The version that is stored.
        current: String,
    },
    /// The object is declared in Git (or by hand) and can't be written over SCIM.
    #[error("{kind} {id} is declared in the cluster and can't be changed by an identity provider")]
    Declared {
        /// `User` or `Group`.
        kind: &'static str,
        /// The object's id.
        id: String,
    },
    /// The request itself is at fault, as SCIM sees it.
    #[error(transparent)]
    Scim(#[from] ScimError),
    /// The API server rejects the object by the rules of its schema.
    #[error("{0}")]
    Rejected(String),
    /// The API server can't be reached, or can't or won't store; or not all replicas agree yet. Trying again later may
    /// help.
    #[error("this can't be stored or read now: {reason}")]
    Unavailable {
        /// What it said, without any content of the request.
        reason: String,
        /// When to try again.
        retry_after: Duration,
    },
}
