//! Drops passwords that nobody waits for any more: every app that asked has answered, or an hour has gone by, or the
//! tenant keeps none, or the user is being deleted.

use std::{collections::HashSet, time::Duration};

use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::Context;
use crate::{
    api::{User, names},
    store::{Change, Offer, TenantKey},
};

/// How often offers are looked at that nothing is heard of.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How old an offer is before nobody wanting it is believed: our watch of apps may be behind what the receiver saw.
const YOUNG: SignedDuration = SignedDuration::from_secs(5);

/// Drops until `stop`.
pub(super) async fn run(context: Context, stop: CancellationToken) {
    if !context.until_all_is_known(&stop).await {
        return;
    }
    let mut changes = context.store.directory().subscribe();
    let mut look = tokio::time::interval(LOOK_EVERY);
    let mut offers = everybody(&context);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            change = changes.recv() => match change {
                Ok(Change::User { tenant, id }) => {
                    if has_offer(&context, &tenant, &id) {
                        offers.insert((tenant, id.to_string()));
                    }
                }
                Ok(Change::Team { .. }) => {}
                Err(RecvError::Lagged(_)) => {
                    changes = changes.resubscribe();
                    offers = everybody(&context);
                }
                Err(RecvError::Closed) => return,
            },
            _ = look.tick() => {
                if stop.run_until_cancelled(Box::pin(drop_answered(&context, &mut offers))).await.is_none() {
                    return;
                }
            }
        }
    }
}

/// Users, by tenant and id.
type Offers = HashSet<(TenantKey, String)>;

fn everybody(context: &Context) -> Offers {
    let directory = context.store.directory();
    let mut everybody = Offers::new();
    for tenant in directory.tenants() {
        let users = directory.users(&tenant, &[]).into_iter().map(|user| user.object());
        let leaving = directory.leaving(&tenant).0;
        let leaving = leaving.iter().filter_map(|id| current(context, &tenant, id));
        let held = directory.held_users(&tenant).into_iter().map(|user| (*user).clone());
        let offered = users.chain(leaving).chain(held).filter(|user| Offer::of(user).is_some());
        everybody.extend(offered.map(|user| (tenant.clone(), user.name_any())));
    }
    everybody
}

/// Whether a password waits for apps; mostly not, and then nobody is unpacked.
fn has_offer(context: &Context, tenant: &TenantKey, id: &str) -> bool {
    let shown = context.store.directory().user(tenant, id);
    if shown.is_some_and(|user| user.annotation(names::ANNOTATION_PASSWORD_OFFER).is_none()) {
        return false;
    }
    current(context, tenant, id).is_some_and(|user| Offer::of(&user).is_some())
}

/// A user as they are, also one who leaves or whose name is another's.
fn current(context: &Context, tenant: &TenantKey, id: &str) -> Option<User> {
    let directory = context.store.directory();
    let shown = directory.user(tenant, id).or_else(|| directory.leaving_user(tenant, id));
    let shown = shown.map(|user| user.object());
    shown.or_else(|| directory.held_user(tenant, id).map(|user| (*user).clone()))
}

/// Drops what nobody waits for. What could not be dropped is tried again.
async fn drop_answered(context: &Context, offers: &mut Offers) {
    for (tenant, id) in offers.iter().cloned().collect::<Vec<_>>() {
        let offered = current(context, &tenant, &id).and_then(|user| Some((Offer::of(&user)?, user)));
        let Some((offer, user)) = offered else {
            offers.remove(&(tenant, id));
            continue;
        };
        let wait = Waiting {
            keeps: context.tenants.rules(&tenant).keeps_passwords,
            leaving: user.metadata.deletion_timestamp.is_some(),
            unanswered: unanswered(context, &tenant, &user, &offer),
        };
        let Some(why) = wait.over(&offer, Timestamp::now()) else { continue };
        match context.store.withdraw_password(&context.client, &tenant, &user, &offer).await {
            Ok(()) if wait.unanswered.is_empty() => {}
            Ok(()) => {
                let apps = wait.unanswered.join(", ");
                tracing::warn!(user = id, apps, why, "a password was dropped that apps have not been given");
            }
            Err(error) => {
                tracing::debug!(user = id, %error, "a password could not be dropped; it is tried again");
            }
        }
    }
}

/// The apps that want the password and have not said what became of it.
fn unanswered(context: &Context, tenant: &TenantKey, user: &User, offer: &Offer) -> Vec<String> {
    let rows = user.status.as_ref().map(|it| it.apps.as_slice()).unwrap_or_default();
    let answered = |app: &String| {
        let row = rows.iter().find(|row| row.name == *app);
        offer.is_answered(row.and_then(|row| row.password.as_ref()))
    };
    let asking = context.apps.asking_for_password(context.store.directory(), tenant, user);
    asking.into_iter().filter(|app| !answered(app)).collect()
}

/// What decides whether an offer stands.
#[derive(Clone, Debug)]
struct Waiting {
    /// Whether the tenant keeps passwords.
    keeps: bool,
    /// Whether the user is being deleted.
    leaving: bool,
    /// The apps that have not answered.
    unanswered: Vec<String>,
}

impl Waiting {
    /// Why nobody waits any more.
    fn over(&self, offer: &Offer, now: Timestamp) -> Option<&'static str> {
        if self.leaving {
            Some("the user is being deleted")
        } else if !self.keeps {
            Some("the tenant keeps no passwords")
        } else if offer.is_over(now) {
            Some("an hour has gone by")
        } else if self.unanswered.is_empty() && offer.age(now) > YOUNG {
            Some("every app has answered")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

    use super::*;

    fn over(change: impl FnOnce(&mut Waiting), age: SignedDuration) -> bool {
        let now = Timestamp::now();
        let until = MicroTime(now + SignedDuration::from_hours(1) - age);
        let offer = Offer { revision: "1".to_owned(), until };
        let mut waiting = Waiting { keeps: true, leaving: false, unanswered: vec!["chat".to_owned()] };
        change(&mut waiting);
        waiting.over(&offer, now).is_some()
    }

    #[test]
    fn an_offer_stands_until_every_app_has_answered_or_an_hour_has_gone_by() {
        let (minute, hour) = (SignedDuration::from_mins(1), SignedDuration::from_hours(1));
        assert!(!over(|_| {}, minute));
        assert!(over(|_| {}, hour));
        assert!(over(|it| it.unanswered.clear(), minute));
        assert!(!over(|it| it.unanswered.clear(), SignedDuration::ZERO), "an app may not be known here yet");
    }

    #[test]
    fn nothing_is_kept_for_a_user_who_leaves_or_a_tenant_that_keeps_nothing() {
        assert!(over(|it| it.leaving = true, SignedDuration::ZERO));
        assert!(over(|it| it.keeps = false, SignedDuration::ZERO));
    }
}
