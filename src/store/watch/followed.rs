//! What becomes of the objects of each kind that is followed.

use std::{collections::HashSet, fmt::Debug};

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

    /// Names and versions of a namespace's objects (or all namespaces') that are in memory but not in a new list.
    fn unlisted(store: &Store, namespace: &str, listed: &HashSet<(Id, Id)>) -> Vec<Unlisted>;

    /// The API server has confirmed that this version is gone.
    fn forget(store: &Store, gone: &Unlisted);

    /// Everything up to this version has been taken in, of a namespace or of all.
    fn passed(store: &Store, namespace: &str, version: &str);
}

/// What is in memory but not in a new list: tenant, name and version.
pub(super) type Unlisted = (TenantKey, Id, u64);

impl Followed for User {
    async fn appeared(self, store: &Store) {
        store.directory().put_user(self);
    }

    fn vanished(self, store: &Store) {
        store.directory().remove_user(
            &TenantKey::of(&self, &self.spec.tenant_ref),
            &self.name_any(),
            version(&self),
        );
    }

    fn unlisted(store: &Store, namespace: &str, listed: &HashSet<(Id, Id)>) -> Vec<Unlisted> {
        store.directory().unlisted_users(namespace, |tenant, id| is_listed(listed, &tenant.namespace, id))
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
        store.directory().remove_team(
            &TenantKey::of(&self, &self.spec.tenant_ref),
            &self.name_any(),
            version(&self),
        );
    }

    fn unlisted(store: &Store, namespace: &str, listed: &HashSet<(Id, Id)>) -> Vec<Unlisted> {
        store.directory().unlisted_teams(namespace, |tenant, id| is_listed(listed, &tenant.namespace, id))
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

    fn unlisted(store: &Store, namespace: &str, listed: &HashSet<(Id, Id)>) -> Vec<Unlisted> {
        // A slice that is forgotten by mistake is read again when somebody needs it.
        store.slice_cache().retain(namespace, |namespace, name| is_listed(listed, namespace, name));
        Vec::new()
    }

    fn forget(_store: &Store, _gone: &Unlisted) {}

    fn passed(_store: &Store, _namespace: &str, _version: &str) {}
}

fn is_listed(listed: &HashSet<(Id, Id)>, namespace: &str, name: &str) -> bool {
    listed.contains(&(shared(namespace), shared(name)))
}
