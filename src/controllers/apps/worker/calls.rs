//! Calling the app: connecting, starting calls, and what becomes of their results.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use tokio::time::Instant;

use super::{Outage, Worker};
use crate::{
    api::{AppliedTo, DeletionPolicy, ForwardedPassword},
    controllers::{
        Context,
        apps::{
            connect,
            desired::{self, Wanted},
            keeping::keep,
            passwords::Passing,
            queue::{Key, backoff},
            rows::Outcome,
        },
        report::Subject,
    },
    downstream::{self, ApplyError, Blame, Downstream, Had, Has, UserView},
    store::{self, Offer, TeamView, TenantKey},
};

/// The longest that an app which fails as a whole is left alone, unless it asks for more. Asking again is one request,
/// and whoever must lose access there waits for it.
const LONGEST_OUTAGE: Duration = Duration::from_secs(15);

/// When a password is looked for again that is offered and not there yet.
const PASSWORD_AGAIN: Duration = Duration::from_millis(500);

impl Worker {
    pub(super) async fn start_calls(&mut self) {
        if self.outage.as_ref().is_some_and(|it| it.until > Instant::now()) {
            return;
        }
        // Also when there is nothing to do: whether it can be reached is worth knowing before there is.
        let Some(downstream) = self.connect().await else { return };
        while self.queue.under_way() < self.at_once {
            let Some(key) = self.queue.take(Instant::now()) else { return };
            self.start(&key, downstream.clone());
        }
    }

    /// The app, if it can be reached. At first and after an outage it is asked.
    async fn connect(&mut self) -> Option<Arc<dyn Downstream>> {
        if let (Some(connected), None, false) = (&self.connected, &self.outage, self.recheck) {
            return Some(connected.downstream.clone());
        }
        let connected = match connect::connect(&self.context, &self.app, self.connected.clone()).await {
            Ok(connected) => connected.downstream.probe().await.map(|()| connected),
            Err(error) => Err(error),
        };
        self.recheck = false;
        match connected {
            Ok(connected) => {
                if self.outage.take().is_some() {
                    tracing::info!(app = %self.app.name_any(), "the app can be reached again");
                }
                let downstream = connected.downstream.clone();
                self.connected = Some(connected);
                self.status_dirty = true;
                Some(downstream)
            }
            Err(error) => {
                self.fail_as_a_whole(&error);
                None
            }
        }
    }

    fn fail_as_a_whole(&mut self, error: &ApplyError) {
        let ApplyError { blame: _, message, retry_after } = error;
        let failures = self.outage.as_ref().map_or(0, |it| it.failures) + 1;
        let wait = backoff(failures).min(LONGEST_OUTAGE).max(retry_after.unwrap_or_default());
        tracing::warn!(app = %self.app.name_any(), error = %message, wait_seconds = wait.as_secs(), "the app as a whole fails");
        self.outage = Some(Outage { message: message.clone(), failures, until: Instant::now() + wait });
        self.status_dirty = true;
    }

    fn start(&mut self, key: &Key, downstream: Arc<dyn Downstream>) {
        let row = self.rows.get(key).cloned();
        let had = self.rows.had(key);
        let directory = self.context.store.directory();
        let policy = self.policy;
        match key {
            Key::User(id) => {
                let wanted = if self.taken_away.contains(key) {
                    desired::gone(row.as_ref(), None)
                } else if self.leaving {
                    desired::user_of_leaving_app(directory, &self.tenant, &self.scope, id, row.as_ref())
                } else {
                    desired::user(directory, &self.tenant, &self.scope, id, row.as_ref())
                };
                let (id, key) = (id.clone(), key.clone());
                match wanted {
                    Wanted::Nothing => self.nothing(&key),
                    Wanted::Apply { view, generation } => {
                        let (context, tenant) = (self.context.clone(), self.tenant.clone());
                        let offer = self.offer_for(&id, row.as_ref());
                        self.calls.spawn(async move {
                            let call = Call { context, tenant, downstream, had };
                            let active = view.active;
                            let result = call.apply_user(&key, view, offer).await;
                            (key, result.map(|(has, password)| applied(has, generation, active, password)))
                        });
                    }
                    Wanted::Revoke { find } => drop(self.calls.spawn(async move {
                        let result = find_and_revoke(&*downstream, find, &id, had, policy).await;
                        (key, result.map(|has| Outcome::Revoked { has, generation: None }))
                    })),
                }
            }
            Key::Team(id) => {
                let remote_id = |user: &str| self.rows.get(&Key::User(user.to_owned()))?.remote_id.clone();
                let wanted = if self.taken_away.contains(key) {
                    desired::gone(row.as_ref(), None)
                } else if self.leaving {
                    Wanted::Revoke { find: None }
                } else {
                    desired::team(directory, &self.tenant, &self.scope, id, row.as_ref(), remote_id)
                };
                let (id, key) = (id.clone(), key.clone());
                match wanted {
                    Wanted::Nothing => self.nothing(&key),
                    Wanted::Apply { view, generation } => {
                        let (context, tenant) = (self.context.clone(), self.tenant.clone());
                        self.calls.spawn(async move {
                            let call = Call { context, tenant, downstream, had };
                            let result = call.apply_team(&key, view).await;
                            (key, result.map(|has| applied(has, generation, true, None)))
                        });
                    }
                    Wanted::Revoke { find: _ } => drop(self.calls.spawn(async move {
                        let result = downstream.revoke_team(&id, &had, policy).await;
                        (key, result.map(|has| Outcome::Revoked { has, generation: None }))
                    })),
                }
            }
        }
    }

    /// A password that this app should be given with the next call.
    fn offer_for(&self, id: &str, row: Option<&AppliedTo>) -> Option<(store::UserView, Offer)> {
        // Where nothing is to be kept any more, nothing is given away, either.
        let asks = self.app.spec.scim.as_ref().is_some_and(|scim| scim.forward_passwords);
        if !asks || !self.context.tenants.rules(&self.tenant).keeps_passwords {
            return None;
        }
        desired::password(self.context.store.directory(), &self.tenant, id, row)
    }

    /// What was offered may not have been stored yet, or may have been offered during the call.
    fn look_again_for_password(&mut self, key: &Key) {
        if let Key::User(id) = key
            && self.offer_for(id, self.rows.get(key)).is_some()
        {
            self.queue.add(key.clone(), Instant::now() + PASSWORD_AGAIN);
        }
    }

    fn nothing(&mut self, key: &Key) {
        self.queue.finish(key);
        self.settle(key);
        if !self.exists(key) {
            self.rows.forget(key);
        }
        self.follow_up(key);
    }

    pub(super) fn finished(&mut self, key: Key, result: Result<Outcome, ApplyError>) {
        let now = Instant::now();
        match result {
            Ok(outcome) => {
                self.queue.finish(&key);
                if self.leaving {
                    self.taken_away.insert(key.clone());
                }
                let had = self.rows.had(&key).remote_id;
                let granted = matches!(outcome, Outcome::Granted { .. });
                self.record(&key, outcome);
                self.settle(&key);
                if granted {
                    self.look_again_for_password(&key);
                }
                // A user whom the app knows by a (new) id can now be put into its groups.
                let learned = had != self.rows.had(&key).remote_id;
                if learned {
                    self.look_at_teams_of(&key);
                }
                if learned || self.grants_by_team() {
                    self.follow_up(&key);
                } else {
                    self.then.remove(&key);
                }
            }
            Err(error) if error.blame == Blame::App => {
                self.queue.put_back(key, now);
                self.fail_as_a_whole(&error);
            }
            Err(error) => {
                tracing::warn!(app = %self.app.name_any(), ?key, error = error.message, "could not be applied");
                let due = self.queue.retry(key.clone(), now, error.retry_after);
                let wait = SignedDuration::try_from(due - now).unwrap_or_default();
                let retry_at = Timestamp::now().checked_add(wait).ok();
                self.record(&key, Outcome::Failed { error: error.message, retry_at });
            }
        }
        self.status_dirty = true;
    }

    /// Tells that the app is done with something that was deleted, so that the object may go.
    fn settle(&self, key: &Key) {
        let directory = self.context.store.directory();
        let (id, leaving) = match key {
            Key::User(id) => (id, directory.leaving_user(&self.tenant, id).is_some()),
            Key::Team(id) => (id, directory.leaving_team(&self.tenant, id).is_some()),
        };
        if leaving {
            self.context.apps.settle(&(self.tenant.namespace.to_string(), self.app.name_any()), id);
        }
    }

    fn record(&mut self, key: &Key, outcome: Outcome) {
        // Whom the app never had, does not have now, and is not about, is no news.
        let never_had = self.rows.get(key).is_none();
        if matches!(&outcome, Outcome::Revoked { has, generation: None } if never_had && has.remote_id.is_none())
        {
            return;
        }
        self.rows.record(&self.app.name_any(), key, outcome, Timestamp::now());
        // Also what is no news to us: somebody may have taken the row out of the status, as a former app of this name does
        // when it ends, or a backup that is restored.
        if let Some(row) = self.rows.get(key).filter(|row| self.shown(key).as_ref() != Some(*row)) {
            let subject = match key {
                Key::User(id) => Subject::User(id.as_str().into()),
                Key::Team(id) => Subject::Team(id.as_str().into()),
            };
            self.context.reporter.report(&self.tenant.namespace, subject, row.clone());
        }
    }

    /// The row that a status has, as far as that is known here.
    fn shown(&self, key: &Key) -> Option<AppliedTo> {
        let directory = self.context.store.directory();
        let name = self.app.name_any();
        match key {
            Key::User(id) => {
                let user = directory.user(&self.tenant, id);
                let user = user.or_else(|| directory.leaving_user(&self.tenant, id))?;
                user.apps().into_iter().find(|row| row.name == name)
            }
            Key::Team(id) => {
                let (team, leaving) =
                    (directory.team(&self.tenant, id), directory.leaving_team(&self.tenant, id));
                let object = team.as_ref().map(TeamView::outline).or(leaving.as_deref())?;
                object.status.as_ref()?.apps.iter().find(|row| row.name == name).cloned()
            }
        }
    }

    /// Those that a user is in by now: they may have joined some while the app was being told of them.
    fn look_at_teams_of(&mut self, key: &Key) {
        if let Key::User(id) = key {
            for team in self.context.store.directory().groups_of(&self.tenant, id) {
                self.queue.add(Key::Team(team.id.to_string()), Instant::now());
            }
        }
    }

    fn follow_up(&mut self, key: &Key) {
        for next in self.then.remove(key).unwrap_or_default() {
            self.queue.add(next, Instant::now());
        }
    }

    pub(super) fn next_wake(&self) -> Instant {
        let far = Instant::now() + Duration::from_hours(1);
        if self.queue.under_way() >= self.at_once {
            return far;
        }
        self.outage.as_ref().map_or_else(|| self.queue.next_due().unwrap_or(far), |outage| outage.until)
    }
}

/// One call of an app about a user or a team that it should have.
#[derive(Debug)]
struct Call {
    context: Context,
    tenant: TenantKey,
    downstream: Arc<dyn Downstream>,
    had: Had,
}

impl Call {
    /// Applies a user, with a password if one is offered; and what became of that.
    async fn apply_user(
        self,
        key: &Key,
        mut view: UserView,
        offer: Option<(store::UserView, Offer)>,
    ) -> Result<(Has, Option<ForwardedPassword>), ApplyError> {
        keep(&self.context, &self.tenant, key).await?;
        let passing = match offer {
            Some(offer) => Some(Passing::fetch(&self.context, &self.tenant, offer, &mut view).await),
            None => None,
        };
        let mut has = self.downstream.apply_user(&view, &self.had).await?;
        let outcome = has.password.take();
        let said = passing.map_or(Ok(None), |passing| passing.said(outcome))?;
        Ok((has, said))
    }

    async fn apply_team(self, key: &Key, view: downstream::TeamView) -> Result<Has, ApplyError> {
        keep(&self.context, &self.tenant, key).await?;
        self.downstream.apply_team(&view, &self.had).await
    }
}

/// Revokes; before, asks the app whether it has a user whose id there we don't know.
async fn find_and_revoke(
    downstream: &dyn Downstream,
    find: Option<UserView>,
    id: &str,
    had: Had,
    policy: DeletionPolicy,
) -> Result<Has, ApplyError> {
    let had = match find {
        Some(view) => {
            let Has { remote_id, attributes, changed: _, password: _ } =
                downstream.apply_user(&view, &had).await?;
            Had { remote_id, attributes }
        }
        None => had,
    };
    downstream.revoke_user(id, &had, policy).await
}

/// An inactive user is known to the app, and has no access.
fn applied(has: Has, generation: i64, active: bool, password: Option<ForwardedPassword>) -> Outcome {
    if active {
        Outcome::Granted { has, generation, password }
    } else {
        Outcome::Revoked { has, generation: Some(generation) }
    }
}
