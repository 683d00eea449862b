//! How a claim is stored: a `Lease` named after a hash of tenant, attribute and folded value.

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{ResourceExt, api::ObjectMeta};

use super::{about::About, protocol::Text};
use crate::{
    api::names,
    store::{claimant::Claimant, tenant::TenantKey},
};

/// A claim of `holder`, in place of the one of `version` if there is one.
pub(super) fn lease_of<K: Claimant>(
    tenant: &TenantKey,
    about: &About,
    claim: &str,
    holder: &str,
    version: Option<&Text>,
) -> Lease {
    let labels = [
        (names::LABEL_MANAGED_BY, names::MANAGER),
        (names::LABEL_TENANT, &tenant.name),
        (names::LABEL_CLAIM, about.label::<K>()),
    ];
    Lease {
        metadata: ObjectMeta {
            name: Some(claim.to_owned()),
            namespace: Some(tenant.namespace.to_string()),
            labels: Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
            annotations: about.annotations(),
            resource_version: version.map(ToString::to_string),
            ..ObjectMeta::default()
        },
        spec: Some(LeaseSpec {
            holder_identity: Some(holder.to_owned()),
            acquire_time: Some(MicroTime(Timestamp::now())),
            ..LeaseSpec::default()
        }),
    }
}

/// Whose claim it is.
pub(super) fn holder_of(lease: &Lease) -> &str {
    lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref()).unwrap_or_default()
}

/// The version of an object that the API server has given us.
pub(super) fn version_of(object: &impl ResourceExt) -> Text {
    object.resource_version().unwrap_or_default().into()
}
