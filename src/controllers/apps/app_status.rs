//! The status of a DownstreamApp: counts, conditions and the first few failures.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{Api, ResourceExt};

use super::queue::Key;
use crate::{
    api::{
        AppliedState, AppliedTo, DownstreamApp, DownstreamAppStatus, ForwardingState, app::Failure, names,
    },
    controllers::{
        Context,
        conditions::{self, Verdict},
        status_update::update_status,
    },
};

/// How many failures a status lists.
const FAILURES_SHOWN: usize = 10;

/// `lastSyncAt` is not written again just because time goes by, unless it is this old.
const SYNC_IS_OLD: SignedDuration = SignedDuration::from_secs(60);

/// What is to be said of an app.
#[derive(Debug)]
pub(super) struct Summary {
    pub(super) standing: Standing,
    /// What its rows add up to. Without a worker nobody knows, and what was counted last stays.
    pub(super) counts: Option<Counts>,
    pub(super) synced_at: Option<Timestamp>,
}

/// How the app as a whole stands.
#[derive(Debug)]
pub(super) enum Standing {
    /// It has not been asked yet whether it can be reached.
    Connecting,
    /// It was reached, and lets us in.
    Connected,
    /// What it fails with.
    Unavailable(String),
    /// A person wants it to be left as it is.
    Paused(Pause),
    /// A person has to mend or to confirm something before anything can be done.
    Stalled {
        /// In one word.
        reason: &'static str,
        /// What to do.
        message: String,
    },
}

/// Why an app is left as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pause {
    /// It is suspended itself.
    App,
    /// Its tenant is.
    Tenant,
}

/// How many users and teams the app has, waits for, and refuses.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    pub(super) users: usize,
    pub(super) teams: usize,
    pub(super) pending: usize,
    pub(super) failing: usize,
    pub(super) passwords_not_forwarded: usize,
    pub(super) failures: Vec<Failure>,
}

impl Counts {
    pub(super) fn of<'a>(rows: impl Iterator<Item = (&'a Key, &'a AppliedTo)>) -> Self {
        let mut counts = Self::default();
        for (key, row) in rows {
            let password = row.password.as_ref().map(|password| password.state);
            counts.passwords_not_forwarded += usize::from(password == Some(ForwardingState::NotForwarded));
            match (row.state, key) {
                (AppliedState::Granted, Key::User(_)) => counts.users += 1,
                (AppliedState::Granted, Key::Team(_)) => counts.teams += 1,
                (AppliedState::Revoked, _) => {}
                (AppliedState::Failing, _) => {
                    counts.failing += 1;
                    counts.failures.push(failure(key, row));
                }
            }
        }
        counts.failures.sort_by(|a, b| (&a.kind, &a.name).cmp(&(&b.kind, &b.name)));
        counts.failures.truncate(FAILURES_SHOWN);
        counts
    }

    fn verdict(&self) -> Verdict {
        if self.failing > 0 {
            let first = self.failures.first().map_or("", |it| it.error.as_str());
            let message =
                format!("{} could not be applied, and will be tried again; the first: {first}", self.failing);
            return Verdict::reconciling("SomeFailing", &message);
        }
        if self.pending > 0 {
            return Verdict::reconciling("Applying", &format!("{} still to be applied", self.pending));
        }
        Verdict::ready("InSync", &format!("{} users and {} teams are applied", self.users, self.teams))
    }

    fn put_into(self, status: &mut DownstreamAppStatus) {
        let count = |number: usize| Some(i64::try_from(number).unwrap_or(i64::MAX));
        let Self { users, teams, pending, failing, passwords_not_forwarded, failures } = self;
        status.users = count(users);
        status.teams = count(teams);
        status.pending = count(pending);
        status.failing = count(failing);
        status.passwords_not_forwarded = count(passwords_not_forwarded).filter(|number| *number > 0);
        status.failures = failures;
    }
}

impl Summary {
    /// What is said of an app that nobody works on.
    pub(super) fn without_worker(standing: Standing) -> Self {
        Self { standing, counts: None, synced_at: None }
    }

    fn verdict(&self) -> Verdict {
        match &self.standing {
            Standing::Connecting => {
                Verdict::reconciling("Connecting", "the app is being asked whether it can be reached")
            }
            Standing::Connected => self.counts.as_ref().map_or_else(
                || Verdict::reconciling("Applying", "nothing has been looked at yet"),
                Counts::verdict,
            ),
            Standing::Unavailable(message) => Verdict::reconciling("AppUnavailable", message),
            Standing::Paused(Pause::App) => {
                Verdict::paused("Suspended", "nothing is applied or revoked while spec.suspend is true")
            }
            Standing::Paused(Pause::Tenant) => Verdict::paused(
                "TenantSuspended",
                "nothing is applied or revoked while the ScimTenant's spec.suspend is true",
            ),
            Standing::Stalled { reason, message } => Verdict::stalled(reason, message),
        }
    }
}

fn failure(key: &Key, row: &AppliedTo) -> Failure {
    let (kind, name) = match key {
        Key::User(id) => ("User", id),
        Key::Team(id) => ("Team", id),
    };
    Failure {
        kind: kind.to_owned(),
        name: name.clone(),
        error: row.error.clone().unwrap_or_default(),
        retry_at: row.retry_at.clone(),
    }
}

/// Writes the status, if it says something new.
pub(super) async fn write(
    context: &Context,
    app: &DownstreamApp,
    summary: Summary,
) -> Result<(), kube::Error> {
    let api: Api<DownstreamApp> =
        Api::namespaced(context.client.clone(), &app.namespace().unwrap_or_default());
    let kind = if app.spec.scim.is_some() { "scim" } else { "rbac" };
    let generation = app.metadata.generation;
    let written = update_status(&api, &app.name_any(), |current| {
        let mut status = current.status.clone().unwrap_or_default();
        status.observed_generation = generation;
        status.kind = Some(kind.to_owned());
        conditions::set(&mut status.conditions, &summary.verdict(), generation);
        if let Some(counts) = &summary.counts {
            counts.clone().put_into(&mut status);
        }
        status.last_sync_at = last_sync(status.last_sync_at, &summary);
        status.last_handled_sync_now = app.annotations().get(names::ANNOTATION_SYNC_NOW).cloned();
        current.status = Some(status);
    })
    .await;
    match written {
        Ok(()) => Ok(()),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(error) => {
            tracing::warn!(app = %app.name_any(), %error, "could not write the status of an app; trying again");
            Err(error)
        }
    }
}

fn last_sync(before: Option<Time>, summary: &Summary) -> Option<Time> {
    let now = summary.synced_at.map(Time);
    match (before, now) {
        (Some(before), Some(now)) if now.0.duration_since(before.0) < SYNC_IS_OLD => Some(before),
        (before, now) => now.or(before),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(standing: Standing, counts: Counts) -> (bool, String) {
        let verdict = Summary { standing, counts: Some(counts), synced_at: None }.verdict();
        (verdict.is_ready(), verdict.reason().to_owned())
    }

    #[test]
    fn an_app_is_ready_only_once_it_was_reached_and_has_everything() {
        let all = Counts::default;
        assert_eq!(reason(Standing::Connecting, all()), (false, "Connecting".to_owned()));
        assert_eq!(reason(Standing::Connected, all()), (true, "InSync".to_owned()));
        let some = Counts { pending: 1, ..all() };
        assert_eq!(reason(Standing::Connected, some), (false, "Applying".to_owned()));
        let down = Standing::Unavailable("no answer".to_owned());
        assert_eq!(reason(down, all()), (false, "AppUnavailable".to_owned()));
    }

    #[test]
    fn a_paused_app_is_not_ready_and_says_who_paused_it() {
        let paused = |pause| reason(Standing::Paused(pause), Counts::default());
        assert_eq!(paused(Pause::App), (false, "Suspended".to_owned()));
        assert_eq!(paused(Pause::Tenant), (false, "TenantSuspended".to_owned()));
    }
}
