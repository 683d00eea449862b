//! Waiting until the directory knows a version of an object. A change wakes only those who wait for that object.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use tokio::sync::Notify;

use super::Directory;
use crate::store::{
    membership::Id,
    tenant::TenantKey,
    view::UserView,
    written::{Kind, Written},
};

/// Who waits for which object. What nobody waits for takes no memory for long.
#[derive(Debug, Default)]
pub(super) struct Waiters(Mutex<HashMap<(TenantKey, Id), Weak<Notify>>>);

impl Directory {
    /// Whether a version of an object is here, or a later one, or that it is gone. A team counts with its members,
    /// because it is never here without them.
    pub(in crate::store) fn knows(&self, written: &Written) -> bool {
        let Written { kind, tenant, id, version } = written;
        let tenants = self.read();
        let Some(tenant) = tenants.get(tenant) else { return false };
        let (here, graves) = match kind {
            Kind::User => (tenant.users.get(id).map(UserView::resource_version), &tenant.users_graves),
            Kind::Team => {
                (tenant.teams.get(id).map(|team| super::version(team.outline())), &tenant.teams_graves)
            }
        };
        here.is_some_and(|here| here >= *version) || graves.holds(id, *version)
    }

    /// Waits until [`Self::knows`] says yes.
    pub(in crate::store) async fn until_known(&self, written: &Written) {
        let change = self.waiters.of(&written.tenant, &written.id);
        loop {
            let mut next = std::pin::pin!(change.notified());
            // From here on no change is missed, so the look must come after it.
            next.as_mut().enable();
            if self.knows(written) {
                return;
            }
            next.await;
        }
    }
}

impl Waiters {
    /// Wakes those who wait for an object, after it has changed in the directory.
    pub(super) fn wake(&self, tenant: &TenantKey, id: &str) {
        let mut waiting = self.lock();
        if waiting.is_empty() {
            return;
        }
        let key = (tenant.clone(), id.into());
        match waiting.get(&key).map(Weak::upgrade) {
            Some(Some(change)) => change.notify_waiters(),
            Some(None) => drop(waiting.remove(&key)),
            None => {}
        }
    }

    fn of(&self, tenant: &TenantKey, id: &Id) -> Arc<Notify> {
        let mut waiting = self.lock();
        if waiting.len() > 1024 {
            waiting.retain(|_, change| change.strong_count() > 0);
        }
        let key = (tenant.clone(), id.clone());
        let known = waiting.get(&key).and_then(Weak::upgrade);
        known.unwrap_or_else(|| {
            let change = Arc::new(Notify::new());
            waiting.insert(key, Arc::downgrade(&change));
            change
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(TenantKey, Id), Weak<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kube::api::ObjectMeta;
    use tokio::time::timeout;

    use super::*;
    use crate::api::{TenantRef, User, UserSpec};

    const ID: &str = "0198c0de-0000-7000-8000-000000000001";

    fn tenant() -> TenantKey {
        TenantKey::new("identity", "okta")
    }

    fn written(version: u64) -> Written {
        Written { kind: Kind::User, tenant: tenant(), id: ID.into(), version }
    }

    fn user(version: u64) -> User {
        let metadata = ObjectMeta {
            name: Some(ID.to_owned()),
            namespace: Some("identity".to_owned()),
            resource_version: Some(version.to_string()),
            ..ObjectMeta::default()
        };
        let tenant_ref = TenantRef { name: "okta".to_owned() };
        let spec = UserSpec { tenant_ref, user_name: "ada".to_owned(), ..UserSpec::default() };
        User { metadata, spec, status: None }
    }

    async fn ends(directory: &Directory, version: u64) -> bool {
        timeout(Duration::from_secs(1), directory.until_known(&written(version))).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn an_older_version_is_not_enough() {
        let directory = Directory::default();
        directory.put_user(user(4));
        assert!(!ends(&directory, 5).await);
        assert!(ends(&directory, 4).await);
    }

    #[tokio::test(start_paused = true)]
    async fn every_waiter_is_woken_by_the_version_that_it_waits_for() {
        let directory = Directory::default();
        let (five, six) = (written(5), written(6));
        let both = async { tokio::join!(directory.until_known(&five), directory.until_known(&six)) };
        let writing = async {
            for version in 4..=6 {
                directory.put_user(user(version));
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(1), async { tokio::join!(both, writing) }).await.expect("both");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_gone_is_known_even_if_it_was_never_here() {
        let directory = Directory::default();
        let five = written(5);
        let gone = async { directory.remove_user(&tenant(), ID, 7) };
        timeout(Duration::from_secs(1), async { tokio::join!(directory.until_known(&five), gone) })
            .await
            .expect("it is known");
        assert!(!ends(&directory, 8).await, "a later version would be another object");
    }

    #[test]
    fn the_end_of_an_object_does_not_take_a_later_one_of_the_same_name_along() {
        let directory = Directory::default();
        directory.put_user(user(9));
        directory.remove_user(&tenant(), ID, 7);
        assert!(directory.user(&tenant(), ID).is_some());
    }
}
