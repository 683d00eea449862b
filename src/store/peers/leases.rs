//! The replicas' Lease objects: one for each time that a replica starts to answer reads, deleted when it has stopped.

use std::{net::SocketAddr, sync::Arc};

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams, ObjectMeta, Patch, Preconditions},
};
use serde_json::json;
use uuid::Uuid;

use super::{PeerOptions, lease::Term};
use crate::{
    api::names,
    store::{
        api_error::{CallError, call, is_conflict, is_not_found},
        meta::{patch_params, post_params},
    },
};

/// The name of a Lease. It stands for a replica from one start of answering to its end.
pub(super) type LeaseName = Arc<str>;

/// The Leases in the operator's namespace.
#[derive(Clone, Debug)]
pub(super) struct Leases {
    api: Api<Lease>,
    identity: String,
    advertise: SocketAddr,
    pub(super) term: Term,
}

/// What a Lease says.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) name: LeaseName,
    pub(super) version: String,
    pub(super) term: Term,
    /// None if it can't be read: then this replica can't be told anything.
    pub(super) address: Option<SocketAddr>,
}

impl Leases {
    pub(super) fn new(client: &Client, options: &PeerOptions) -> Self {
        let PeerOptions { expected: _, identity, operator_namespace, listen: _, advertise, lease_duration } =
            options;
        Self {
            api: Api::namespaced(client.clone(), operator_namespace),
            identity: identity.clone(),
            advertise: *advertise,
            term: Term::of(*lease_duration),
        }
    }

    /// A new Lease of ours, under a name that was never used.
    pub(super) async fn create(&self) -> Result<Found, CallError> {
        let now = Some(MicroTime(Timestamp::now()));
        let labels = [(names::LABEL_MANAGED_BY, names::MANAGER), (names::LABEL_REPLICA, "true")];
        let address = (names::ANNOTATION_PEER_ADDRESS.to_owned(), self.advertise.to_string());
        let lease = Lease {
            metadata: ObjectMeta {
                name: Some(format!("rollcall-replica-{}", Uuid::now_v7())),
                labels: Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
                annotations: Some([address].into()),
                ..ObjectMeta::default()
            },
            spec: Some(LeaseSpec {
                holder_identity: Some(self.identity.clone()),
                lease_duration_seconds: Some(self.term.seconds()),
                acquire_time: now.clone(),
                renew_time: now,
                ..LeaseSpec::default()
            }),
        };
        Ok(self.found(&call(self.api.create(&post_params(), &lease)).await?))
    }

    /// Renews a Lease of ours; gives back its new version.
    pub(super) async fn renew(&self, name: &str) -> Result<String, CallError> {
        let patch = json!({"spec": {"renewTime": MicroTime(Timestamp::now())}});
        let lease = call(self.api.patch(name, &patch_params(), &Patch::Merge(patch))).await?;
        Ok(lease.resource_version().unwrap_or_default())
    }

    /// Every replica's Lease as it is now. Without a resource version, the API server answers with nothing older
    /// than the question.
    pub(super) async fn list(&self) -> Result<Vec<Found>, CallError> {
        let params = ListParams::default().labels(&format!("{}=true", names::LABEL_REPLICA));
        let leases = call(self.api.list(&params)).await?;
        Ok(leases.iter().map(|lease| self.found(lease)).collect())
    }

    /// One replica's Lease as it is now.
    pub(super) async fn get(&self, name: &str) -> Result<Option<Found>, CallError> {
        let lease = call(self.api.get_opt(name)).await?;
        let replicas = lease.filter(|it| it.labels().contains_key(names::LABEL_REPLICA));
        Ok(replicas.map(|lease| self.found(&lease)))
    }

    /// Deletes a Lease; if `version` is given, only if it still has that. That it is gone already is fine.
    pub(super) async fn delete(&self, name: &str, version: Option<String>) -> Result<(), CallError> {
        let preconditions = Some(Preconditions { resource_version: version, uid: None });
        match call(self.api.delete(name, &DeleteParams { preconditions, ..DeleteParams::default() })).await {
            Ok(_) => Ok(()),
            Err(error) if is_not_found(&error) || is_conflict(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn found(&self, lease: &Lease) -> Found {
        let seconds = lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds);
        let seconds = seconds.and_then(|it| u64::try_from(it).ok()).filter(|it| *it > 0);
        let address = lease.annotations().get(names::ANNOTATION_PEER_ADDRESS);
        Found {
            name: lease.name_any().into(),
            version: lease.resource_version().unwrap_or_default(),
            term: seconds.map_or(self.term, |it| Term::of(std::time::Duration::from_secs(it))),
            address: address.and_then(|it| it.parse().ok()),
        }
    }
}
