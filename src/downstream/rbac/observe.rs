//! Reads a team's bindings from the API server.
//!
//! A read that fails is an error, never an empty answer, so that nothing is revoked or made twice because of it.
//! Lists are asked of the API server itself, never of a cache that may be behind.

use std::collections::BTreeSet;
use std::fmt::Debug;

use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, RoleBinding};
use kube::api::ListParams;
use kube::{Api, Client};
use serde::de::DeserializeOwned;

use super::binding::{Binding, Place};
use super::settings::Reach;
use super::{ApplyError, fault};

/// A team's bindings, as the API server has them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// All that carry our labels.
    pub bindings: Vec<Binding>,
    /// Where we were not allowed to look. Nothing is planned there.
    pub unreadable: BTreeSet<Place>,
}

/// Whether the API server answers and lets us list bindings at all.
pub async fn probe(client: &Client, reach: &Reach) -> Result<(), ApplyError> {
    let one = ListParams::default().limit(1);
    match reach {
        Reach::Cluster => everywhere(client, &one).await.map(drop),
        Reach::Namespaces(namespaces) => match namespaces.first() {
            Some(namespace) => within(client, namespace, &one).await?.map(drop).ok_or_else(fault::no_rights),
            None => Err(fault::no_rights()),
        },
    }
}

/// Every binding with these labels, wherever the installation lets us look.
pub async fn observe(client: &Client, reach: &Reach, selector: &str) -> Result<Observed, ApplyError> {
    let ours = ListParams::default().labels(selector);
    let mut observed = Observed::default();
    match reach {
        Reach::Cluster => observed.bindings = everywhere(client, &ours).await?,
        Reach::Namespaces(namespaces) => {
            for namespace in namespaces {
                let found = within(client, namespace, &ours).await?;
                observed.add(Place::Namespace(namespace.clone()), found);
            }
        }
    }
    let found = list::<ClusterRoleBinding>(&Api::all(client.clone()), &ours).await?;
    observed.add(Place::Cluster, found);
    Ok(observed)
}

impl Observed {
    fn add(&mut self, place: Place, found: Option<Vec<Binding>>) {
        match found {
            Some(bindings) => self.bindings.extend(bindings),
            None => {
                self.unreadable.insert(place);
            }
        }
    }
}

async fn everywhere(client: &Client, params: &ListParams) -> Result<Vec<Binding>, ApplyError> {
    list::<RoleBinding>(&Api::all(client.clone()), params).await?.ok_or_else(fault::no_rights)
}

async fn within(
    client: &Client,
    namespace: &str,
    params: &ListParams,
) -> Result<Option<Vec<Binding>>, ApplyError> {
    list::<RoleBinding>(&Api::namespaced(client.clone(), namespace), params).await
}

/// `None` when we may not list there.
async fn list<K>(api: &Api<K>, params: &ListParams) -> Result<Option<Vec<Binding>>, ApplyError>
where
    K: Clone + Debug + DeserializeOwned + Into<Binding>,
{
    match api.list(params).await {
        Ok(list) => Ok(Some(list.into_iter().map(Into::into).collect())),
        Err(kube::Error::Api(status)) if status.is_forbidden() => Ok(None),
        Err(error) => Err(fault::unexpected(&error)),
    }
}
