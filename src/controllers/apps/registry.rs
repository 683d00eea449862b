//! Which apps there are, and which deleted users and teams they are done with.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, watch};

use super::{AppKey, desired::InScope};
use crate::{
    api::{Team, User},
    store::{Directory, TenantKey},
};

/// The apps that this process works on. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(in crate::controllers) struct Apps(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    apps: Mutex<HashMap<AppKey, App>>,
    /// Tenants with an app that came, went, or changed what it is about.
    rescoped: Mutex<HashSet<TenantKey>>,
    listed: watch::Sender<bool>,
    news: Notify,
}

/// What the controllers know of one app.
#[derive(Debug)]
pub(super) struct App {
    pub(super) tenant: TenantKey,
    /// Whom it is about; nobody while that can't be understood, or when it is being emptied.
    pub(super) scope: Option<Arc<InScope>>,
    /// Whether it wants passwords.
    pub(super) forwards_passwords: bool,
    /// Whether it looks at anything at all: neither suspended nor waiting for a person.
    pub(super) at_work: bool,
    /// Ids of users and teams that were deleted and that the app has been asked about since: it has revoked, or never
    /// had them. Its status row alone can't tell, because a row is written after the call that it is about.
    pub(super) settled: HashSet<String>,
}

impl Apps {
    pub(super) fn insert(&self, key: AppKey, app: App) {
        self.rescope(&app.tenant);
        let mut apps = self.apps();
        let settled = apps.remove(&key).map(|it| it.settled).unwrap_or_default();
        apps.insert(key, App { settled, ..app });
    }

    pub(super) fn remove(&self, app: &AppKey) {
        let removed = self.apps().remove(app);
        if let Some(app) = removed {
            self.rescope(&app.tenant);
        }
        self.0.news.notify_one();
    }

    /// Every app that there is has been inserted.
    pub(super) fn are_listed(&self) {
        self.0.listed.send_replace(true);
    }

    /// Waits until every app is known: who counts apps must not miss one.
    pub(in crate::controllers) async fn wait_until_listed(&self) {
        // The sender is `self`, so it can't be gone.
        let _ = self.0.listed.subscribe().wait_for(|listed| *listed).await;
    }

    /// The tenants of which an app came, went, or changed since the last call.
    pub(in crate::controllers) fn rescoped(&self) -> HashSet<TenantKey> {
        std::mem::take(&mut *self.0.rescoped.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The apps in whose scope a user is.
    pub(in crate::controllers) fn with_user(
        &self,
        directory: &Directory,
        tenant: &TenantKey,
        user: &User,
    ) -> BTreeSet<String> {
        let scopes = self.scopes(tenant).into_iter();
        scopes.filter(|(_, scope)| scope.has_user(directory, tenant, user)).map(|(name, _)| name).collect()
    }

    /// Those of them that want passwords.
    pub(in crate::controllers) fn asking_for_password(
        &self,
        directory: &Directory,
        tenant: &TenantKey,
        user: &User,
    ) -> BTreeSet<String> {
        let mut apps = self.with_user(directory, tenant, user);
        let known = self.apps();
        let asks = |(key, app): (&AppKey, &App), name: &str| {
            key.1 == name && app.tenant == *tenant && app.forwards_passwords
        };
        apps.retain(|name| known.iter().any(|app| asks(app, name)));
        apps
    }

    /// The apps in whose scope a team is.
    pub(in crate::controllers) fn with_team(&self, tenant: &TenantKey, team: &Team) -> BTreeSet<String> {
        let scopes = self.scopes(tenant).into_iter();
        scopes.filter(|(_, scope)| scope.has_team(team)).map(|(name, _)| name).collect()
    }

    /// Whether any app of a tenant is about anybody.
    pub(in crate::controllers) fn are_in(&self, tenant: &TenantKey) -> bool {
        self.apps().values().any(|app| app.tenant == *tenant && app.scope.is_some())
    }

    fn scopes(&self, tenant: &TenantKey) -> Vec<(String, Arc<InScope>)> {
        let apps = self.apps();
        let theirs = apps.iter().filter(|(_, app)| app.tenant == *tenant);
        theirs.filter_map(|((_, name), app)| Some((name.clone(), app.scope.clone()?))).collect()
    }

    fn rescope(&self, tenant: &TenantKey) {
        let mut rescoped = self.0.rescoped.lock().unwrap_or_else(PoisonError::into_inner);
        rescoped.insert(tenant.clone());
    }

    /// An app does nothing until a person has mended it.
    pub(super) fn rest(&self, app: &AppKey) {
        if let Some(app) = self.apps().get_mut(app) {
            app.at_work = false;
        }
        self.0.news.notify_one();
    }

    /// An app is done with a user or team that was deleted.
    pub(super) fn settle(&self, app: &AppKey, id: &str) {
        if let Some(app) = self.apps().get_mut(app) {
            app.settled.insert(id.to_owned());
        }
        self.0.news.notify_one();
    }

    /// The object is gone, and its id never comes again.
    pub(in crate::controllers) fn forget(&self, id: &str) {
        self.apps().values_mut().for_each(|app| {
            app.settled.remove(id);
        });
    }

    /// Whether there is an app of that name in a tenant.
    pub(in crate::controllers) fn has(&self, tenant: &TenantKey, name: &str) -> bool {
        self.apps().iter().any(|((_, it), app)| it == name && app.tenant == *tenant)
    }

    /// Whether every app of a tenant that is at work is done with a deleted user or team.
    pub(in crate::controllers) fn have_settled(&self, tenant: &TenantKey, id: &str) -> bool {
        let apps = self.apps();
        let mut working = apps.values().filter(|app| app.tenant == *tenant && app.at_work);
        working.all(|app| app.settled.contains(id))
    }

    /// Resolves when an app has settled something since the last time.
    pub(in crate::controllers) async fn news(&self) {
        self.0.news.notified().await;
    }

    fn apps(&self) -> MutexGuard<'_, HashMap<AppKey, App>> {
        self.0.apps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
