//! The metadata of objects that the receiver writes.

use jiff::Timestamp;
use kube::api::{DeleteParams, ObjectMeta, PatchParams, PostParams, Preconditions};
use uuid::Uuid;

use super::{membership::Id, tenant::TenantKey};
use crate::api::names;

/// A new SCIM id: opaque, ordered by time, never reused.
pub(super) fn new_id() -> Id {
    Uuid::now_v7().to_string().into()
}

/// Metadata of a new user or team of the receiver's. The finalizer keeps the object until access is revoked.
pub(super) fn new_meta(tenant: &TenantKey, id: &str) -> ObjectMeta {
    let labels = [
        (names::LABEL_MANAGED_BY, names::MANAGER),
        (names::LABEL_TENANT, &tenant.name),
        (names::LABEL_ORIGIN, names::ORIGIN_RECEIVER),
    ];
    ObjectMeta {
        name: Some(id.to_owned()),
        namespace: Some(tenant.namespace.to_string()),
        labels: Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
        annotations: Some([(names::ANNOTATION_MODIFIED_AT.to_owned(), now())].into()),
        finalizers: Some(vec![names::FINALIZER_REVOKE.to_owned()]),
        ..ObjectMeta::default()
    }
}

/// Marks an object as changed now, for SCIM's `meta.lastModified`.
pub(super) fn touch(metadata: &mut ObjectMeta) {
    metadata.annotations.get_or_insert_default().insert(names::ANNOTATION_MODIFIED_AT.to_owned(), now());
    // Sent back unchanged it would only make the request larger.
    metadata.managed_fields = None;
}

/// Makes an object the identity provider's, if it is not yet: what people declared and allowed it to take over.
pub(super) fn adopt(metadata: &mut ObjectMeta, tenant: &TenantKey) {
    let labels = metadata.labels.get_or_insert_default();
    // Who manages the object is people's to say; who writes its spec is not, any more.
    labels.entry(names::LABEL_TENANT.to_owned()).or_insert_with(|| tenant.name.to_string());
    labels.insert(names::LABEL_ORIGIN.to_owned(), names::ORIGIN_RECEIVER.to_owned());
    let finalizers = metadata.finalizers.get_or_insert_default();
    if !finalizers.iter().any(|it| it == names::FINALIZER_REVOKE) {
        finalizers.push(names::FINALIZER_REVOKE.to_owned());
    }
}

/// Every write says that it was ours.
pub(super) fn post_params() -> PostParams {
    PostParams { field_manager: Some(names::FIELD_MANAGER.to_owned()), ..PostParams::default() }
}

/// The same of a patch.
pub(super) fn patch_params() -> PatchParams {
    PatchParams { field_manager: Some(names::FIELD_MANAGER.to_owned()), ..PatchParams::default() }
}

/// Delete exactly this version of this object.
pub(super) fn exactly(metadata: &ObjectMeta) -> DeleteParams {
    let preconditions =
        Preconditions { resource_version: metadata.resource_version.clone(), uid: metadata.uid.clone() };
    DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() }
}

fn now() -> String {
    format!("{:.3}", Timestamp::now())
}
