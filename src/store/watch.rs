//! Feeding the directory from the API server's watches.
//!
//! A read that failed or was partial never removes anything: what a new list doesn't name is only forgotten after the API
//! server, asked for exactly that object, says that it is gone.

use std::{
    collections::{BTreeSet, HashSet},
    fmt::Debug,
    sync::{Mutex, PoisonError},
};

use futures::{StreamExt, future::join_all};
use k8s_openapi::NamespaceResourceScope;
use kube::{
    Api, Resource, ResourceExt,
    runtime::{
        WatchStreamExt,
        watcher::{self, Event, watcher},
    },
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use serde::de::DeserializeOwned;

use super::{
    Store,
    api_error::call,
    directory::version,
    membership::{Id, shared},
    retry::Attempts,
    tenant::TenantKey,
};
use crate::api::{MembershipSlice, Team, TenantRef, User};

/// Which watches have listed everything once.
#[derive(Debug)]
pub(super) struct Progress {
    missing: Mutex<BTreeSet<String>>,
    done: watch::Sender<bool>,
}

impl Default for Progress {
    fn default() -> Self {
        let missing = Mutex::new(BTreeSet::from(["store: the watches have not started".to_owned()]));
        Self { missing, done: watch::channel(false).0 }
    }
}

impl Progress {
    pub(super) fn missing(&self) -> Vec<String> {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    pub(super) async fn wait(&self) {
        // The sender lives as long as we do.
        let _ = self.done.subscribe().wait_for(|done| *done).await;
    }

    /// Whether everything has been listed.
    pub(super) fn is_done(&self) -> bool {
        *self.done.borrow()
    }

    /// Nothing counts as listed any more: what is in memory may be old.
    pub(super) fn start_over(&self) {
        self.expect(["store: the watches have not started".to_owned()]);
    }

    fn expect(&self, what: impl IntoIterator<Item = String>) {
        let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        *missing = what.into_iter().collect();
        self.done.send_replace(false);
    }

    fn listed(&self, what: &str) {
        let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        missing.remove(what);
        if missing.is_empty() {
            self.done.send_replace(true);
        }
    }
}

/// Follows users, teams and slices of `namespaces` until `stop`.
pub(super) async fn follow(store: &Store, namespaces: &[String], stop: &CancellationToken) {
    // An empty name stands for all namespaces.
    let all = [String::new()];
    let namespaces = if namespaces.is_empty() { &all[..] } else { namespaces };
    store
        .progress()
        .expect(namespaces.iter().flat_map(|it| ["users", "teams", "slices"].map(|kind| label(kind, it))));
    join_all(namespaces.iter().map(|namespace| async move {
        let (slices_listed, teams_may_start) = watch::channel(false);
        tokio::join!(
            each::<User>(store, namespace, stop, || store.progress().listed(&label("users", namespace))),
            each::<MembershipSlice>(store, namespace, stop, || {
                store.progress().listed(&label("slices", namespace));
                slices_listed.send_replace(true);
            }),
            async {
                // Teams name slices: with the slices here first, no team has to ask for each of its own.
                let mut teams_may_start = teams_may_start;
                tokio::select! {
                    _ = teams_may_start.wait_for(|listed| *listed) => {}
                    () = stop.cancelled() => return,
                }
                each::<Team>(store, namespace, stop, || store.progress().listed(&label("teams", namespace)))
                    .await;
            }
        )
    }))
    .await;
}

fn label(kind: &str, namespace: &str) -> String {
    let place =
        if namespace.is_empty() { "all namespaces".to_owned() } else { format!("namespace {namespace}") };
    format!("store: {kind} of {place} have not been listed yet")
}

/// What becomes of the objects of one watch.
trait Followed:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + Debug
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
    /// It is there, in this version.
    fn appeared(self, store: &Store, stop: &CancellationToken) -> impl Future<Output = ()> + Send;

    /// It is gone; this was its last version.
    fn vanished(self, store: &Store);

    /// Names and versions of a namespace's objects (or all namespaces') that are in memory but not in a new list.
    fn unlisted(store: &Store, namespace: &str, listed: &HashSet<(Id, Id)>) -> Vec<Unlisted>;

    /// The API server has confirmed that this version is gone.
    fn forget(store: &Store, gone: &Unlisted);
}

/// What is in memory but not in a new list: tenant, name and version.
type Unlisted = (TenantKey, Id, u64);

impl Followed for User {
    async fn appeared(self, store: &Store, _stop: &CancellationToken) {
        store.directory().put_user(self);
    }

    fn vanished(self, store: &Store) {
        store.directory().remove_user(
            &tenant_of(&self, &self.spec.tenant_ref),
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
}

impl Followed for Team {
    async fn appeared(self, store: &Store, stop: &CancellationToken) {
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
            if stop.is_cancelled() {
                return;
            }
        }
    }

    fn vanished(self, store: &Store) {
        store.directory().remove_team(
            &tenant_of(&self, &self.spec.tenant_ref),
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
}

impl Followed for MembershipSlice {
    async fn appeared(self, store: &Store, _stop: &CancellationToken) {
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
}

/// Follows one kind in one namespace until `stop`.
async fn each<K: Followed>(store: &Store, namespace: &str, stop: &CancellationToken, on_listed: impl Fn()) {
    let api: Api<K> = api_of(store, namespace);
    let mut events = watcher(api, watcher::Config::default()).default_backoff().boxed();
    let mut listed = HashSet::new();
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            () = stop.cancelled() => return,
        };
        match event {
            Some(Ok(Event::Init)) => listed.clear(),
            Some(Ok(Event::InitApply(object))) => {
                listed.insert((
                    shared(object.meta().namespace.as_deref().unwrap_or_default()),
                    shared(&object.name_any()),
                ));
                prune(object).appeared(store, stop).await;
            }
            Some(Ok(Event::InitDone)) => {
                let unlisted = K::unlisted(store, namespace, &listed);
                if stop.run_until_cancelled(confirm_gone::<K>(store, unlisted)).await.is_none() {
                    return;
                }
                listed = HashSet::new();
                on_listed();
            }
            Some(Ok(Event::Apply(object))) => prune(object).appeared(store, stop).await,
            Some(Ok(Event::Delete(object))) => object.vanished(store),
            Some(Err(error)) => {
                tracing::warn!(kind = %K::kind(&()), %error, "a watch was interrupted; it goes on");
            }
            None => return,
        }
    }
}

/// Forgets those that the API server says are gone. The others were written after the list was made.
///
/// It asks until it is answered: reads must not begin while something is shown that may have been deleted long ago.
async fn confirm_gone<K: Followed>(store: &Store, unlisted: Vec<Unlisted>) {
    for gone in unlisted {
        let (tenant, name, _) = &gone;
        let api: Api<K> = Api::namespaced(store.client().clone(), &tenant.namespace);
        let mut attempts = Attempts::default();
        loop {
            match call(api.get_metadata_opt(name)).await {
                Ok(None) => break K::forget(store, &gone),
                Ok(Some(_)) => break,
                Err(error) => {
                    tracing::warn!(%name, %error, "could not check yet whether an object is gone; keeping it");
                }
            }
            if attempts.next(&"gone").await.is_err() {
                attempts = Attempts::default();
            }
        }
    }
}

fn api_of<K: Followed>(store: &Store, namespace: &str) -> Api<K> {
    let client = store.client().clone();
    if namespace.is_empty() { Api::all(client) } else { Api::namespaced(client, namespace) }
}

/// Nobody reads who wrote which field, and it is a third of an object.
fn prune<K: Resource>(mut object: K) -> K {
    object.meta_mut().managed_fields = None;
    object
}

fn tenant_of<K: Resource>(object: &K, tenant: &TenantRef) -> TenantKey {
    TenantKey::new(object.meta().namespace.as_deref().unwrap_or_default(), &tenant.name)
}

fn is_listed(listed: &HashSet<(Id, Id)>, namespace: &str, name: &str) -> bool {
    listed.contains(&(shared(namespace), shared(name)))
}
