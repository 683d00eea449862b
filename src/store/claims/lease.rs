//! How a claim is stored: a `Lease` named after a hash of tenant, attribute and folded value.

use std::fmt::Write;

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{ResourceExt, api::ObjectMeta};
use sha2::{Digest, Sha256};

use super::protocol::Text;
use crate::{
    api::names,
    scim::fold::fold_case,
    store::{claimant::Claimant, tenant::TenantKey},
};

/// The name of the claim that an object should have.
pub(in crate::store) fn claim_of<K: Claimant>(object: &K) -> String {
    let tenant = TenantKey::new(object.meta().namespace.as_deref().unwrap_or_default(), object.tenant());
    claim_on::<K>(&tenant, object.unique_value())
}

/// The name of the claim on a value. It keeps the value itself out of object names and logs; 160 bits of SHA-256 don't
/// collide.
pub(in crate::store) fn claim_on<K: Claimant>(tenant: &TenantKey, value: &str) -> String {
    let digest = Sha256::new()
        .chain_update(tenant.name.as_bytes())
        .chain_update([0])
        .chain_update(K::ATTRIBUTE)
        .chain_update([0])
        .chain_update(fold_case(value))
        .finalize();
    let mut name = format!("{}-", K::ATTRIBUTE.to_ascii_lowercase());
    for byte in digest.iter().take(20) {
        // Writing to a String does not fail.
        let _ = write!(name, "{byte:02x}");
    }
    name
}

/// A claim of `holder`, in place of the one of `version` if there is one.
pub(super) fn lease_of<K: Claimant>(
    tenant: &TenantKey,
    claim: &str,
    holder: &str,
    version: Option<&Text>,
) -> Lease {
    let labels = [
        (names::LABEL_MANAGED_BY, names::MANAGER),
        (names::LABEL_TENANT, &tenant.name),
        (names::LABEL_CLAIM, K::ATTRIBUTE),
    ];
    Lease {
        metadata: ObjectMeta {
            name: Some(claim.to_owned()),
            namespace: Some(tenant.namespace.to_string()),
            labels: Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
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
