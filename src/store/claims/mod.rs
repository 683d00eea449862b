//! Unique means unique: claims on `userName` and `displayName`, enforced by the API server.
//!
//! A claim is a `Lease` named after a hash of tenant, attribute and folded value, so create-if-absent makes it
//! exclusive, whatever replicas and caches do. A Lease, because it is small, built in, and has the fields that a claim
//! needs; nobody renews it. [`protocol`] says in which order things are written and why that is safe.

mod about;
mod protocol;

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ObjectMeta, PostParams, Preconditions},
};
use tokio::time::Instant;

pub(super) use self::about::claimed;
use self::{
    about::About,
    protocol::{Claim, Holder, Step},
};
use super::{
    api_error::{call, is_already_exists, is_conflict, is_not_found},
    claimant::Claimant,
    error::StoreError,
    tenant::TenantKey,
};
use crate::{api::names, scim::rules::Unique};

/// How long a holder that doesn't use its claim yet is waited for: much longer than a create or a rename takes, much
/// shorter than an identity provider's patience.
const PATIENCE: Duration = Duration::from_secs(3);

/// How often it is looked at meanwhile.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The claims of one kind of object in one namespace, on one attribute.
#[derive(Clone, Debug)]
pub(super) struct Claims<K: Claimant> {
    about: About,
    leases: Api<Lease>,
    holders: Api<K>,
}

/// A claim that we hold; proof for the write that follows.
#[derive(Debug)]
pub(super) struct Held {
    name: String,
    version: Option<String>,
    /// Whether it was ours before, so that a failure afterwards must not give it up.
    pub(super) was_ours: bool,
}

/// Who owns a name.
#[derive(Debug)]
pub(super) enum Owner {
    /// The object that was asked about.
    It,
    /// The object with this id.
    Another(String),
}

impl<K: Claimant> Claims<K> {
    pub(super) fn new(client: &Client, namespace: &str) -> Self {
        Self::about(client, namespace, About::Name)
    }

    /// Claims on another attribute than the name of the object. Its values come as [`Unique::values`] gives them.
    pub(super) fn on(client: &Client, namespace: &str, unique: &Unique) -> Self {
        Self::about(client, namespace, About::Attribute(unique.clone()))
    }

    fn about(client: &Client, namespace: &str, about: About) -> Self {
        Self {
            about,
            leases: Api::namespaced(client.clone(), namespace),
            holders: Api::namespaced(client.clone(), namespace),
        }
    }

    /// Makes sure that nobody but the object `id` may use `value`. To be called before each attempt to write that
    /// value to the object, after reading the object.
    pub(super) async fn acquire(
        &self,
        tenant: &TenantKey,
        value: &str,
        id: &str,
    ) -> Result<Held, StoreError> {
        let folded = self.about.comparable(value);
        let name = self.about.claim::<K>(tenant, &folded);
        let patience_ends = Instant::now() + PATIENCE;
        let mut fenced: Option<String> = None;
        loop {
            let lease = call(self.leases.get_opt(&name)).await?;
            let (claim, holder_id) = read_claim(lease.as_ref(), id);
            let holder = match (claim, holder_id) {
                (Claim::Others, Some(holder)) => Some(self.look_at(tenant, holder, &folded).await?),
                (Claim::Free | Claim::Ours | Claim::Others, _) => None,
            };
            let version = lease.as_ref().and_then(ResourceExt::resource_version);
            let was_fenced = fenced.is_some() && fenced == version;
            let written = match protocol::acquire(claim, holder, Instant::now() < patience_ends, was_fenced) {
                Step::Taken => {
                    return Err(StoreError::Taken {
                        kind: K::SCIM_KIND,
                        attribute: self.about.path::<K>().to_owned(),
                    });
                }
                Step::Wait => {
                    tokio::time::sleep(LOOK_AGAIN).await;
                    continue;
                }
                Step::Fence => {
                    // The version of the claim that was read *before* the fence is the one that must be swapped.
                    fenced = version;
                    self.fence(tenant, holder_id.unwrap_or_default(), &folded).await?;
                    continue;
                }
                Step::Create => {
                    call(self.leases.create(&params(), &self.lease(tenant, &name, id, None))).await
                }
                Step::Refresh | Step::TakeOver => {
                    let lease = self.lease(tenant, &name, id, version);
                    return match call(self.leases.replace(&name, &params(), &lease)).await {
                        Ok(lease) => Ok(held(name, &lease, claim == Claim::Ours)),
                        Err(error) if is_conflict(&error) || is_not_found(&error) => continue,
                        Err(error) => Err(error.into()),
                    };
                }
            };
            match written {
                Ok(lease) => return Ok(held(name, &lease, false)),
                Err(error) if is_already_exists(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Makes sure that `id`, an object that exists and uses `value`, has the claim on it, whoever wrote it. Writes
    /// nothing if it has; tells who has it instead if somebody else uses the value.
    pub(super) async fn settle(
        &self,
        tenant: &TenantKey,
        value: &str,
        id: &str,
    ) -> Result<Owner, StoreError> {
        let name = self.about.claim::<K>(tenant, &self.about.comparable(value));
        let lease = call(self.leases.get_opt(&name)).await?;
        if read_claim(lease.as_ref(), id).0 == Claim::Ours {
            return Ok(Owner::It);
        }
        match self.acquire(tenant, value, id).await {
            Ok(_) => Ok(Owner::It),
            Err(StoreError::Taken { .. }) => {
                let lease = call(self.leases.get_opt(&name)).await?;
                let holder = read_claim(lease.as_ref(), id).1.unwrap_or_default();
                Ok(Owner::Another(holder.to_owned()))
            }
            Err(error) => Err(error),
        }
    }

    /// Gives a claim up after the write that it was for has failed, or the value is not used any more. What can't be
    /// deleted now is found by the sweeper, and by whoever wants the value next.
    pub(super) async fn give_up(&self, held: Held) {
        let Held { name, version, was_ours } = held;
        if !was_ours {
            self.delete(&name, version).await;
        }
    }

    /// Our claim of a value that a write is about to give up, to be given up as it is now once that is stored. By then the
    /// object may have been renamed back, which has written the claim again: that one must stay.
    pub(super) async fn note(&self, tenant: &TenantKey, value: &str, id: &str) -> Option<Held> {
        let name = self.about.claim::<K>(tenant, &self.about.comparable(value));
        match call(self.leases.get_opt(&name)).await {
            Ok(Some(lease)) if read_claim(Some(&lease), id).0 == Claim::Ours => {
                Some(Held { name, version: lease.resource_version(), was_ours: false })
            }
            Ok(_) => None,
            Err(error) => {
                tracing::warn!(claim = name, %error, "could not read a claim that is given up; it will be swept later");
                None
            }
        }
    }

    /// Deletes the claim of `value`, if `id` holds it: of an object that is gone for good.
    pub(super) async fn release(&self, tenant: &TenantKey, value: &str, id: &str) {
        let name = self.about.claim::<K>(tenant, &self.about.comparable(value));
        match call(self.leases.get_opt(&name)).await {
            Ok(Some(lease)) if read_claim(Some(&lease), id).0 == Claim::Ours => {
                self.delete(&name, lease.resource_version()).await;
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(claim = name, %error, "could not release a claim; it will be swept later");
            }
        }
    }

    /// Deletes a claim whose holder doesn't use it and never will. What is young is left to those who are at work.
    /// `known` is the holder as far as this process knows it, which mostly spares asking the API server.
    pub(super) async fn sweep(
        &self,
        lease: &Lease,
        older_than: Timestamp,
        known: Option<&K>,
    ) -> Result<bool, StoreError> {
        let spec = lease.spec.as_ref();
        let acquired = spec.and_then(|spec| spec.acquire_time.as_ref()).map(|time| time.0);
        let (Some(holder), Some(tenant)) =
            (spec.and_then(|spec| spec.holder_identity.as_deref()), lease.labels().get(names::LABEL_TENANT))
        else {
            return Ok(false);
        };
        if acquired.is_none_or(|acquired| acquired > older_than) {
            return Ok(false);
        }
        let tenant = TenantKey::new(&lease.namespace().unwrap_or_default(), tenant);
        // The name is a hash of the value that it keeps, so the holder's value tells whether it is used.
        let uses_it = |object: &K| {
            let values = self.about.values(object);
            values.iter().any(|value| self.about.claim::<K>(&tenant, value) == lease.name_any())
        };
        if known.is_some_and(uses_it) {
            return Ok(false);
        }
        let used = |object: Option<K>| {
            object.is_some_and(|it| it.meta().deletion_timestamp.is_none() && uses_it(&it))
        };
        if used(call(self.holders.get_opt(holder)).await?) {
            return Ok(false);
        }
        // No folded value is the empty one, so the holder counts as using another.
        self.fence(&tenant, holder, "").await?;
        if used(call(self.holders.get_opt(holder)).await?) {
            return Ok(false);
        }
        self.delete(&lease.name_any(), lease.resource_version()).await;
        Ok(true)
    }

    async fn delete(&self, name: &str, resource_version: Option<String>) {
        let preconditions = Some(Preconditions { resource_version, uid: None });
        let params = DeleteParams { preconditions, ..DeleteParams::default() };
        match call(self.leases.delete(name, &params)).await {
            Ok(_) => {}
            Err(error) if is_not_found(&error) || is_conflict(&error) => {}
            Err(error) => {
                tracing::warn!(claim = name, %error, "could not release a claim; it will be swept later");
            }
        }
    }

    async fn look_at(&self, tenant: &TenantKey, id: &str, folded: &str) -> Result<Holder, StoreError> {
        let holder = call(self.holders.get_opt(id)).await?;
        let missing = if may_be_created(id) { Holder::Missing } else { Holder::Gone };
        Ok(holder.map_or(missing, |object| {
            if object.meta().deletion_timestamp.is_some() {
                Holder::Deleting
            } else if object
                .labels()
                .get(names::LABEL_ORIGIN)
                .is_some_and(|it| it == names::ORIGIN_PLACEHOLDER)
            {
                Holder::Placeholder
            } else if object.tenant() == tenant.name.as_ref() && self.about.uses(&object, folded) {
                Holder::UsesIt
            } else {
                Holder::UsesAnother
            }
        }))
    }

    /// A write to the holder, after which it can't use the value by a decision that it took before.
    pub(super) async fn fence(&self, tenant: &TenantKey, id: &str, folded: &str) -> Result<(), StoreError> {
        let Some(mut object) = call(self.holders.get_opt(id)).await? else {
            if !may_be_created(id) {
                return Ok(());
            }
            let placeholder = K::placeholder(tenant, id);
            return match call(self.holders.create(&params(), &placeholder)).await {
                Ok(_) => Ok(()),
                // It has come to be in the meantime: to be looked at again.
                Err(error) if is_already_exists(&error) => Ok(()),
                Err(error) => Err(error.into()),
            };
        };
        if object.meta().deletion_timestamp.is_some() || self.about.uses(&object, folded) {
            return Ok(());
        }
        object.annotations_mut().insert(names::ANNOTATION_FENCED_AT.to_owned(), Timestamp::now().to_string());
        match call(self.holders.replace(id, &params(), &object)).await {
            Ok(_) => Ok(()),
            Err(error) if is_conflict(&error) || is_not_found(&error) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn lease(&self, tenant: &TenantKey, name: &str, id: &str, resource_version: Option<String>) -> Lease {
        let labels = [
            (names::LABEL_MANAGED_BY, names::MANAGER),
            (names::LABEL_TENANT, &tenant.name),
            (names::LABEL_CLAIM, self.about.label::<K>()),
        ];
        Lease {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                namespace: Some(tenant.namespace.to_string()),
                labels: Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
                annotations: self.about.annotations(),
                resource_version,
                ..ObjectMeta::default()
            },
            spec: Some(LeaseSpec {
                holder_identity: Some(id.to_owned()),
                acquire_time: Some(MicroTime(Timestamp::now())),
                ..LeaseSpec::default()
            }),
        }
    }
}

fn held(name: String, lease: &Lease, was_ours: bool) -> Held {
    Held { name, version: lease.resource_version(), was_ours }
}

fn params() -> PostParams {
    PostParams { field_manager: Some(names::FIELD_MANAGER.to_owned()), ..PostParams::default() }
}

fn read_claim<'a>(lease: Option<&'a Lease>, id: &str) -> (Claim, Option<&'a str>) {
    let Some(lease) = lease else { return (Claim::Free, None) };
    let holder = lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref()).unwrap_or_default();
    (if holder == id { Claim::Ours } else { Claim::Others }, Some(holder))
}

/// Whether the receiver may be about to create an object of this name: its ids are UUIDs. Under another name only
/// people create, who claim nothing before; a placeholder would be in their way for nothing.
fn may_be_created(id: &str) -> bool {
    uuid::Uuid::try_parse(id).is_ok()
}

/// The name of the claim that an object should have.
pub(super) fn claim_of<K: Claimant>(object: &K) -> String {
    let tenant = TenantKey::new(object.meta().namespace.as_deref().unwrap_or_default(), object.tenant());
    About::Name.claim::<K>(&tenant, &About::Name.comparable(object.unique_value()))
}
