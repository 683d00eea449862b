//! What apps have of users and teams, written to the status of each.
//!
//! Several apps report about the same object within moments. Their rows are gathered and written together, and a
//! report that says nothing new is not written.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{StreamExt, stream};
use kube::Api;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::{Context, status_update::update_status};
use crate::{
    api::{AppliedTo, Team, User},
    store::membership::Id,
};

/// How long rows are gathered before they are written.
const GATHER: Duration = Duration::from_millis(50);

/// How many statuses are written at once.
const AT_ONCE: usize = 8;

/// How long after a failed write it is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// What a report is about. While many change, very many of these wait a moment, so they share their ids with the store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    /// A user, by id.
    User(Id),
    /// A team, by id.
    Team(Id),
}

/// Rows by app; `None` takes an app's row away.
pub(super) type Rows = BTreeMap<String, Option<AppliedTo>>;

/// Whether another object has the name of this one.
#[derive(Clone, Debug)]
pub(crate) struct NameReport {
    /// The generation that it is about. If the object has changed since, it isn't said.
    pub(crate) generation: Option<i64>,
    /// Who has the name, and what to do; `None` if nobody else has.
    pub(crate) conflict: Option<String>,
}

/// What is to be written about one object.
#[derive(Clone, Debug, Default)]
pub(super) struct News {
    pub(super) rows: Rows,
    pub(super) name: Option<NameReport>,
}

/// Where workers report to. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reporter(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    waiting: Mutex<HashMap<(Arc<str>, Subject), News>>,
    news: Notify,
    /// Whether something was reported that is not written yet.
    unwritten: watch::Sender<bool>,
}

impl Reporter {
    /// Says what one app has of one user or team.
    pub(crate) fn report(&self, namespace: &Arc<str>, subject: Subject, row: AppliedTo) {
        let rows = Rows::from([(row.name.clone(), Some(row))]);
        self.add(namespace.clone(), subject, News { rows, name: None }, true);
    }

    /// Says that an app is no more.
    pub(crate) fn forget(&self, namespace: &Arc<str>, subject: Subject, app: &str) {
        let rows = Rows::from([(app.to_owned(), None)]);
        self.add(namespace.clone(), subject, News { rows, name: None }, true);
    }

    /// Says whether another object has the name of this one.
    pub(crate) fn report_name(&self, namespace: &Arc<str>, subject: Subject, name: NameReport) {
        self.add(namespace.clone(), subject, News { rows: Rows::new(), name: Some(name) }, true);
    }

    /// Says that a status is not true any more, although no row has changed.
    pub(super) fn look(&self, namespace: &Arc<str>, subject: Subject) {
        self.add(namespace.clone(), subject, News::default(), true);
    }

    /// Waits until everything that was reported so far is written.
    pub(super) async fn wait_until_written(&self) {
        // The sender is `self`, so it can't be gone.
        let _ = self.0.unwritten.subscribe().wait_for(|unwritten| !unwritten).await;
    }

    /// Writes reports until `stop`, and then those that still wait. It begins when all apps are known, because each
    /// counts.
    pub(super) async fn run(&self, context: &Context, stop: CancellationToken) {
        if stop.run_until_cancelled(context.apps.wait_until_listed()).await.is_none() {
            return;
        }
        loop {
            let stopping = tokio::select! {
                () = self.0.news.notified() => { tokio::time::sleep(GATHER).await; false }
                () = stop.cancelled() => true,
            };
            let waiting = std::mem::take(&mut *self.waiting());
            let failed = stream::iter(waiting)
                .map(async |((namespace, subject), news)| {
                    let written = write(context, &namespace, &subject, &news).await;
                    written.err().map(|error| (error, namespace, subject, news))
                })
                .buffer_unordered(AT_ONCE)
                .filter_map(std::future::ready);
            let failed: Vec<_> = failed.collect().await;
            for (error, namespace, subject, news) in failed {
                tracing::warn!(?subject, %error, "could not write a status; trying again");
                // What was reported meanwhile is newer.
                self.add(namespace, subject, news, false);
            }
            if stopping {
                return;
            }
            if !self.settle() {
                tokio::time::sleep(TRY_AGAIN.min(GATHER * 20)).await;
                self.0.news.notify_one();
            }
        }
    }

    fn add(&self, namespace: Arc<str>, subject: Subject, news: News, newer: bool) {
        let News { rows, name } = news;
        let mut waiting = self.waiting();
        let gathered = waiting.entry((namespace, subject)).or_default();
        for (app, row) in rows {
            if newer || !gathered.rows.contains_key(&app) {
                gathered.rows.insert(app, row);
            }
        }
        self.0.unwritten.send_replace(true);
        if name.is_some() && (newer || gathered.name.is_none()) {
            gathered.name = name;
        }
        drop(waiting);
        self.0.news.notify_one();
    }

    /// Whether nothing is left to write.
    fn settle(&self) -> bool {
        let waiting = self.waiting();
        if waiting.is_empty() {
            self.0.unwritten.send_replace(false);
        }
        waiting.is_empty()
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, HashMap<(Arc<str>, Subject), News>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn write(context: &Context, namespace: &str, subject: &Subject, news: &News) -> kube::Result<()> {
    let written = match subject {
        Subject::User(id) => {
            let api: Api<User> = Api::namespaced(context.client.clone(), namespace);
            update_status(&api, id, |user| context.renew_user(user, news)).await
        }
        Subject::Team(id) => {
            let api: Api<Team> = Api::namespaced(context.client.clone(), namespace);
            update_status(&api, id, |team| context.renew_team(team, news)).await
        }
    };
    match written {
        // It is gone, and nobody needs its status any more.
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        written => written,
    }
}
