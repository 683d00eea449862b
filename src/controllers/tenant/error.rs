//! What can go wrong with a tenant.

use crate::store::token::NoRandomness;

/// Why a tenant could not be brought to what its spec says. It is tried again.
#[derive(Debug, thiserror::Error)]
pub enum TenantError {
    /// The object that we planned for has changed since; the next look sees how.
    #[error("the object has changed meanwhile")]
    Stale,
    /// A Secret could not be written; this is shown in the tenant's conditions.
    #[error("Secret {name} can't be {verb}: {reason}")]
    Secret {
        /// The Secret's name.
        name: String,
        /// created, updated or deleted.
        verb: &'static str,
        /// What the API server said.
        reason: String,
    },
    /// Another call to the API server failed.
    #[error("can't {doing}: {source}")]
    Kube {
        /// What was tried.
        doing: &'static str,
        /// What came of it.
        source: kube::Error,
    },
    /// No token can be issued.
    #[error(transparent)]
    Random(#[from] NoRandomness),
}

impl TenantError {
    /// For `map_err`: tells a lost race from a real failure.
    pub(super) fn of(doing: &'static str) -> impl Fn(kube::Error) -> Self {
        move |source| if is_race(&source) { Self::Stale } else { Self::Kube { doing, source } }
    }

    /// The same for a Secret. Only the API server's own sentence is kept, never the object.
    pub(super) fn of_secret(name: &str, verb: &'static str) -> impl Fn(kube::Error) -> Self {
        let name = name.to_owned();
        move |source| match source {
            source if is_race(&source) => Self::Stale,
            kube::Error::Api(status) => {
                Self::Secret { name: name.clone(), verb, reason: status.message.chars().take(300).collect() }
            }
            source => Self::Kube { doing: "write a Secret", source },
        }
    }
}

/// Somebody else was faster: 409 on a version or a name, 404 on what was there a moment ago.
fn is_race(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409 || is_gone(status))
}

/// A namespace that is missing is no race; the object itself is.
fn is_gone(status: &kube::core::Status) -> bool {
    status.code == 404 && status.details.as_ref().is_some_and(|details| details.kind != "namespaces")
}
