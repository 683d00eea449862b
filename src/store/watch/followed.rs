//! What becomes of the objects of each kind that is followed.

use std::{
    collections::{HashMap, HashSet},
    fmt::Debug,
};

use k8s_openapi::NamespaceResourceScope;
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;

use crate::{
    api::{MembershipSlice, Team, User},
    store::{
        Store,
        directory::{number, version},
        membership::{Id, shared},
        retry::Attempts,
        tenant::TenantKey,
        written::Kind,
    },
};

/// A kind that the directory is fed with.
pub(super) trait Followed:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + Debug
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
    /// It is there, in this version.
    fn appeared(self, store: &Store) -> impl Future<Output = ()> + Send;

    /// It is gone; this was its last version.
    fn vanished(self, store: &Store);

    /// Whose it is. A slice is found by its namespace and name alone, so its tenant has no name here.
    fn tenant(&self) -> TenantKey;

    /// Names and versions of a namespace's objects (or all namespaces') that are in memory but not in a new list.
    fn unlisted(store: &Store, namespace: &str, listed: &Listed) -> Vec<Unlisted>;

    /// The API server has confirmed that this version is gone.
    fn forget(store: &Store, gone: &Unlisted);

    /// Everything up to this version has been taken in, of a namespace or of all.
    fn passed(store: &Store, namespace: &str, version: &str);
}

/// What is in memory but not in a new list: tenant, name and version.
pub(super) type Unlisted = (TenantKey, Id, u64);

/// The names that a new list has, of each tenant.
#[derive(Debug, Default)]
pub(super) struct Listed(HashMap<TenantKey, HashSet<Id>>);

impl Listed {
    pub(super) fn insert<K: Followed>(&mut self, object: &K) {
        self.0.entry(object.tenant()).or_default().insert(shared(&object.name_any()));
    }

    fn contains(&self, tenant: &TenantKey, name: &str) -> bool {
        self.0.get(tenant).is_some_and(|names| names.contains(name))
    }
}

impl Followed for User {
    async fn appeared(self, store: &Store) {
        store.directory().put_user(self);
    }

    fn vanished(self, store: &Store) {
        store.directory().remove_user(&self.tenant(), &self.name_any(), version(&self));
    }

    fn tenant(&self) -> TenantKey {
        TenantKey::of(self, &self.spec.tenant_ref)
    }

    fn unlisted(store: &Store, namespace: &str, listed: &Listed) -> Vec<Unlisted> {
        store.directory().unlisted_users(namespace, |tenant, id| listed.contains(tenant, id))
    }

    fn forget(store: &Store, (tenant, name, version): &Unlisted) {
        store.directory().remove_user(tenant, name, *version);
    }

    fn passed(store: &Store, namespace: &str, version: &str) {
        store.directory().passed(Kind::User, namespace, number(version));
    }
}

impl Followed for Team {
    async fn appeared(self, store: &Store) {
        if store.directory().knows_team(&self) {
            return;
        }
        let mut attempts = Attempts::default();
        loop {
            match store.take_in_team(self.clone()).await {
                // False: a slice is gone, so a newer version of the team is on its way here.
                Ok(true | false) => return,
                Err(error) => {
                    tracing::warn!(team = self.name_any(), %error, "could not read the slices of a team");
                }
            }
            if attempts.next(&"slices").await.is_err() {
                attempts = Attempts::default();
            }
        }
    }

    fn vanished(self, store: &Store) {
        store.directory().remove_team(&self.tenant(), &self.name_any(), version(&self));
    }

    fn tenant(&self) -> TenantKey {
        TenantKey::of(self, &self.spec.tenant_ref)
    }

    fn unlisted(store: &Store, namespace: &str, listed: &Listed) -> Vec<Unlisted> {
        store.directory().unlisted_teams(namespace, |tenant, id| listed.contains(tenant, id))
    }

    fn forget(store: &Store, (tenant, name, version): &Unlisted) {
        store.directory().remove_team(tenant, name, *version);
    }

    fn passed(store: &Store, namespace: &str, version: &str) {
        store.directory().passed(Kind::Team, namespace, number(version));
    }
}

impl Followed for MembershipSlice {
    async fn appeared(self, store: &Store) {
        store.slice_cache().put(&self);
    }

    fn vanished(self, store: &Store) {
        store.slice_cache().remove(&self.namespace().unwrap_or_default(), &self.name_any());
    }

    fn tenant(&self) -> TenantKey {
        TenantKey::new(self.metadata.namespace.as_deref().unwrap_or_default(), "")
    }

    fn unlisted(store: &Store, namespace: &str, listed: &Listed) -> Vec<Unlisted> {
        // A slice that is forgotten by mistake is read again when somebody needs it.
        store
            .slice_cache()
            .retain(namespace, |namespace, name| listed.contains(&TenantKey::new(namespace, ""), name));
        Vec::new()
    }

    fn forget(_store: &Store, _gone: &Unlisted) {}

    fn passed(_store: &Store, _namespace: &str, _version: &str) {}
}
