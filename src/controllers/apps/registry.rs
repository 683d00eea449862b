//! Which apps there are, and which deleted users and teams they are done with.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::AppKey;
use crate::store::TenantKey;

/// The apps that this process works on. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(in crate::controllers) struct Apps(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    apps: Mutex<HashMap<AppKey, App>>,
    news: Notify,
}

#[derive(Debug)]
struct App {
    tenant: TenantKey,
    /// Whether it looks at anything at all: neither suspended nor waiting for a person.
    at_work: bool,
    /// Ids of users and teams that were deleted and that the app has been asked about since: it has revoked, or never
    /// had them. Its status row alone can't tell, because a row is written after the call that it is about.
    settled: HashSet<String>,
}

impl Apps {
    pub(super) fn insert(&self, app: AppKey, tenant: TenantKey, at_work: bool) {
        let mut apps = self.apps();
        let settled = apps.remove(&app).map(|it| it.settled).unwrap_or_default();
        apps.insert(app, App { tenant, at_work, settled });
    }

    pub(super) fn remove(&self, app: &AppKey) {
        self.apps().remove(app);
        self.0.news.notify_one();
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
