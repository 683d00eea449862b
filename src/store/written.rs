//! One version of one object, as replicas tell each other of it.

use serde::{Deserialize, Serialize};

use super::{claimant::Claimant, directory::version, membership::Id, tenant::TenantKey};

/// An object and the version that whoever answers must know, at least.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Written {
    pub(super) kind: Kind,
    #[serde(flatten)]
    pub(super) tenant: TenantKey,
    pub(super) id: Id,
    pub(super) version: u64,
}

/// What kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// A `User`.
    User,
    /// A `Team`.
    Team,
}

impl Written {
    /// This version of an object.
    pub(super) fn of<K: Claimant>(object: &K) -> Self {
        let meta = object.meta();
        Self {
            kind: K::KIND,
            tenant: TenantKey::new(meta.namespace.as_deref().unwrap_or_default(), object.tenant()),
            id: meta.name.as_deref().unwrap_or_default().into(),
            version: version(object),
        }
    }

    /// The end of an object of which this was the last version. The end has a version of its own, a later one.
    pub(super) fn end_of<K: Claimant>(object: &K) -> Self {
        let last = Self::of(object);
        Self { version: last.version + 1, ..last }
    }
}
