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

/// Whether the API server answers and lets us list bindings at all; if not, what is missing. `granted` are the
/// namespaces that the app is about.
pub async fn probe(client: &Client, reach: &Reach, granted: &BTreeSet<String>) -> Result<(), ApplyError> {
    match reach {
        Reach::Cluster => {
            if list::<RoleBinding>(&Api::all(client.clone()), &one()).await?.is_some() {
                return Ok(());
            }
            let readable = first_readable(client, granted).await?;
            Err(readable.map_or_else(fault::no_rights, fault::no_rights_everywhere))
        }
        Reach::Namespaces(namespaces) => match first_readable(client, namespaces).await? {
            Some(_) => Ok(()),
            None => Err(fault::no_rights_within(namespaces)),
        },
    }
}

/// The first namespace whose bindings we may list.
async fn first_readable<'a>(
    client: &Client,
    namespaces: &'a BTreeSet<String>,
) -> Result<Option<&'a str>, ApplyError> {
    for namespace in namespaces {
        if within(client, namespace, &one()).await?.is_some() {
            return Ok(Some(namespace));
        }
    }
    Ok(None)
}

fn one() -> ListParams {
    ListParams::default().limit(1)
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
