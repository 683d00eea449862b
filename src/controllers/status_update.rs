//! Writing a status by compare-and-swap: nothing that somebody else wrote is lost, and nothing new is not written.

use std::fmt::Debug;

use kube::{Api, Resource, api::PostParams};
use serde::{Serialize, de::DeserializeOwned};

use crate::api::names;

/// How often a lost compare-and-swap is tried again before the caller has to.
const ATTEMPTS: usize = 8;

/// Changes the status of an object by `change`, on a fresh copy. If nothing changes, nothing is written.
pub(crate) async fn update_status<K>(api: &Api<K>, name: &str, change: impl Fn(&mut K)) -> kube::Result<()>
where
    K: Resource<DynamicType = ()> + Clone + Debug + PartialEq + Serialize + DeserializeOwned,
{
    let mut attempt = 1;
    loop {
        let current = api.get(name).await?;
        let mut wanted = current.clone();
        change(&mut wanted);
        if wanted == current {
            return Ok(());
        }
        wanted.meta_mut().managed_fields = None;
        let params =
            PostParams { field_manager: Some(names::FIELD_MANAGER.to_owned()), ..PostParams::default() };
        match api.replace_status(name, &params, &wanted).await {
            Ok(_) => return Ok(()),
            Err(kube::Error::Api(status)) if status.is_conflict() && attempt < ATTEMPTS => attempt += 1,
            Err(error) => return Err(error),
        }
    }
}
