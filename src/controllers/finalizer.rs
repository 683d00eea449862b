//! Holding an object back until what it granted is revoked, and letting it go.

use std::fmt::Debug;

use kube::{
    Api, Resource, ResourceExt,
    api::{Patch, PatchParams},
};
use serde::de::DeserializeOwned;

use crate::api::names;

/// How often a lost compare-and-swap is tried again before the caller has to.
const ATTEMPTS: usize = 8;

/// Puts a finalizer on an object, or takes it off. False if it could not be put on, because the object is gone or being
/// deleted: Kubernetes takes no new finalizer then. An object that is gone has none to take off, which is fine.
pub(super) async fn set<K>(api: &Api<K>, name: &str, finalizer: &str, present: bool) -> kube::Result<bool>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let params =
        PatchParams { field_manager: Some(names::FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let mut attempt = 1;
    loop {
        let Some(object) = api.get_metadata_opt(name).await? else { return Ok(!present) };
        let others = object.finalizers().iter().map(String::as_str).filter(|it| *it != finalizer);
        let wanted: Vec<&str> = others.chain(present.then_some(finalizer)).collect();
        if wanted.len() == object.finalizers().len() {
            return Ok(true);
        }
        if present && object.metadata.deletion_timestamp.is_some() {
            return Ok(false);
        }
        // The version makes it a compare-and-swap: nobody else's finalizer is lost.
        let patch = serde_json::json!({"metadata": {
            "finalizers": wanted,
            "resourceVersion": object.metadata.resource_version,
        }});
        match api.patch_metadata(name, &params, &Patch::Merge(patch)).await {
            Ok(_) => return Ok(true),
            Err(kube::Error::Api(status)) if status.is_not_found() => return Ok(!present),
            Err(kube::Error::Api(status)) if status.is_conflict() && attempt < ATTEMPTS => attempt += 1,
            Err(error) => return Err(error),
        }
    }
}
