//! The status of a DownstreamApp: counts, conditions and the first few failures.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{Api, ResourceExt};

use super::queue::Key;
use crate::{
    api::{AppliedState, AppliedTo, DownstreamApp, DownstreamAppStatus, app::Failure, names},
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

/// What a worker knows about its app.
#[derive(Debug, Default)]
pub(super) struct Summary {
    pub(super) users: usize,
    pub(super) teams: usize,
    pub(super) pending: usize,
    pub(super) failing: usize,
    pub(super) failures: Vec<Failure>,
    /// What the app as a whole fails with.
    pub(super) outage: Option<String>,
    /// What a person has to mend before anything can be done.
    pub(super) stalled: Option<String>,
    pub(super) synced_at: Option<Timestamp>,
}

impl Summary {
    pub(super) fn of<'a>(rows: impl Iterator<Item = (&'a Key, &'a AppliedTo)>) -> Self {
        let mut summary = Self::default();
        for (key, row) in rows {
            match (row.state, key) {
                (AppliedState::Granted, Key::User(_)) => summary.users += 1,
                (AppliedState::Granted, Key::Team(_)) => summary.teams += 1,
                (AppliedState::Revoked, _) => {}
                (AppliedState::Failing, _) => {
                    summary.failing += 1;
                    summary.failures.push(failure(key, row));
                }
            }
        }
        summary.failures.sort_by(|a, b| (&a.kind, &a.name).cmp(&(&b.kind, &b.name)));
        summary.failures.truncate(FAILURES_SHOWN);
        summary
    }

    fn verdict(&self, suspended: bool) -> Verdict {
        if let Some(stalled) = &self.stalled {
            return Verdict::stalled("InvalidSpec", stalled);
        }
        if suspended {
            return Verdict::ready("Suspended", "nothing is applied or revoked while spec.suspend is true");
        }
        if let Some(outage) = &self.outage {
            return Verdict::reconciling("AppUnavailable", outage);
        }
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
        let before = current.status.clone().unwrap_or_default();
        let count = |number: usize| Some(i64::try_from(number).unwrap_or(i64::MAX));
        let mut conditions = before.conditions.clone();
        conditions::set(&mut conditions, &summary.verdict(app.spec.suspend), generation);
        current.status = Some(DownstreamAppStatus {
            observed_generation: generation,
            conditions,
            kind: Some(kind.to_owned()),
            users: count(summary.users),
            teams: count(summary.teams),
            pending: count(summary.pending),
            failing: count(summary.failing),
            failures: summary.failures.clone(),
            last_sync_at: last_sync(before.last_sync_at, &summary),
            last_handled_sync_now: app.annotations().get(names::ANNOTATION_SYNC_NOW).cloned(),
        });
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
