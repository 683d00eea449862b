//! Which tenant: the key of everything in the store, and what a request may do in it.

use std::{fmt, sync::Arc};

use kube::Resource;
use serde::{Deserialize, Serialize};

use crate::api::TenantRef;

/// Namespace and name of a ScimTenant. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TenantKey {
    /// Namespace of the ScimTenant and of all its users, teams and apps.
    pub namespace: Arc<str>,
    /// Name of the ScimTenant.
    #[serde(rename = "tenant")]
    pub name: Arc<str>,
}

impl TenantKey {
    /// A key from its two parts.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    /// The tenant that an object refers to, which is in its own namespace.
    pub fn of(object: &impl Resource, tenant: &TenantRef) -> Self {
        Self::new(object.meta().namespace.as_deref().unwrap_or_default(), &tenant.name)
    }
}

impl fmt::Display for TenantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}
