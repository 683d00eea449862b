//! Holding an object back until what it granted is revoked, and letting it go.

use std::fmt::Debug;

use kube::{
    Api, Resource, ResourceExt,
    api::{Patch, PatchParams},
};
use serde::de::DeserializeOwned;

/// How often a lost compare-and-swap is tried again before the caller has to.
const ATTEMPTS: usize = 8;

/// Puts a finalizer on an object, or takes it off. An object that is gone has none, which is fine.
pub(super) async fn set<K>(api: &Api<K>, name: &str, finalizer: &str, present: bool) -> kube::Result<()>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let mut attempt = 1;
    loop {
        let Some(object) = api.get_metadata_opt(name).await? else { return Ok(()) };
        let others = object.finalizers().iter().map(String::as_str).filter(|it| *it != finalizer);
        let wanted: Vec<&str> = others.chain(present.then_some(finalizer)).collect();
        if wanted.len() == object.finalizers().len() {
            return Ok(());
        }
        // The version makes it a compare-and-swap: nobody else's finalizer is lost.
        let patch = serde_json::json!({"metadata": {
            "finalizers": wanted,
            "resourceVersion": object.metadata.resource_version,
        }});
        match api.patch_metadata(name, &PatchParams::default(), &Patch::Merge(patch)).await {
            Ok(_) => return Ok(()),
            Err(kube::Error::Api(status)) if status.is_not_found() => return Ok(()),
            Err(kube::Error::Api(status)) if status.is_conflict() && attempt < ATTEMPTS => attempt += 1,
            Err(error) => return Err(error),
        }
    }
}
