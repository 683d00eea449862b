//! One app's worker: keeps what the app has equal to what it should have.
//!
//! It learns of changes from the directory, looks at each user and team that a change may concern, and calls the app
//! for those that differ. Work on one user or team never overlaps; different ones go on side by side. A failure that is
//! the app's own stops the calls until the app can be reached again; a failure of one user or team holds up nobody else.

mod calls;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use kube::ResourceExt;
use tokio::{
    sync::broadcast::{self, error::RecvError},
    task::JoinSet,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    app_status::{Counts, Standing, Summary},
    connect::Connected,
    desired::InScope,
    queue::{Key, Queue},
    rows::{Outcome, Rows},
};
use crate::{
    api::{AppliedState, DeletionPolicy, DownstreamApp},
    controllers::Context,
    downstream::ApplyError,
    store::{Change, TenantKey},
};

/// How many calls of an app are under way at once, unless the app says otherwise.
const AT_ONCE: usize = 4;

/// How often everything is compared with the app, unless the app says otherwise.
const RESYNC: Duration = Duration::from_mins(10);

/// How often the status of the app is written at most.
const STATUS_EVERY: Duration = Duration::from_millis(500);

/// What a worker works on.
#[derive(Debug)]
pub(super) struct Worker {
    context: Context,
    app: Arc<DownstreamApp>,
    tenant: TenantKey,
    scope: InScope,
    policy: DeletionPolicy,
    at_once: usize,
    resync: Duration,
    /// Everything is taken away, because the app's object is being deleted.
    leaving: bool,
    /// What was taken away for that.
    taken_away: HashSet<Key>,

    connected: Option<Connected>,
    /// The app's Secret is read again before the next call, because its token may have been rotated.
    recheck: bool,
    /// While the app as a whole fails: what it said, how often in a row, and when it is tried again.
    outage: Option<Outage>,
    queue: Queue,
    rows: Rows,
    /// What has to be looked at once a key has succeeded.
    then: HashMap<Key, BTreeSet<Key>>,
    calls: JoinSet<(Key, Result<Outcome, ApplyError>)>,
    synced_at: Option<Timestamp>,
    status_dirty: bool,
}

#[derive(Debug)]
struct Outage {
    message: String,
    failures: u32,
    until: Instant,
}

impl Worker {
    /// # Errors
    /// If the spec can't be understood, in words for the person who wrote it.
    pub(super) fn new(context: Context, app: Arc<DownstreamApp>) -> Result<Self, String> {
        let spec = &app.spec;
        let tenant = TenantKey::of(&*app, &spec.tenant_ref);
        let at_once = spec.scim.as_ref().and_then(|scim| scim.concurrency).map_or(AT_ONCE, |it| it as usize);
        let resync = spec.resync_interval.as_ref().map_or(RESYNC, |it| Duration::from(*it));
        Ok(Self {
            scope: InScope::of(spec)?,
            policy: spec.deletion_policy.unwrap_or_default(),
            leaving: app.metadata.deletion_timestamp.is_some(),
            synced_at: app.status.as_ref().and_then(|it| it.last_sync_at.as_ref()).map(|it| it.0),
            at_once,
            resync,
            context,
            tenant,
            app,
            taken_away: HashSet::new(),
            connected: None,
            recheck: false,
            outage: None,
            queue: Queue::default(),
            rows: Rows::default(),
            then: HashMap::new(),
            calls: JoinSet::new(),
            status_dirty: true,
        })
    }

    /// Works until `stop`, or, for an app that is being deleted, until nothing is left to take away. Calls that are under
    /// way are finished. `before` is what a former worker knew, and what is given back is for the next one: the statuses
    /// tell it only once they are written.
    pub(super) async fn run(mut self, before: Rows, stop: CancellationToken) -> Rows {
        let mut changes = self.context.store.directory().subscribe();
        self.load();
        self.rows.take_over(before);
        self.look_at_everything(Duration::ZERO);
        // Before anything is asked of the app, so that its status never says what an earlier spec was about.
        self.write_status().await;
        let mut resync = tokio::time::interval_at(Instant::now() + self.resync, self.resync);
        let mut status = tokio::time::interval(STATUS_EVERY);
        while !(self.leaving && self.is_done()) {
            if stop.run_until_cancelled(self.start_calls()).await.is_none() {
                break;
            }
            let wake = self.next_wake();
            tokio::select! {
                () = stop.cancelled() => break,
                change = changes.recv() => self.heard(change, &mut changes),
                Some(done) = self.calls.join_next() => {
                    if let Ok((key, result)) = done {
                        self.finished(key, result);
                    }
                }
                () = tokio::time::sleep_until(wake) => {}
                _ = resync.tick() => {
                    self.recheck = true;
                    self.look_at_everything(self.resync);
                }
                _ = status.tick(), if self.status_dirty => {
                    self.write_status().await;
                }
            }
        }
        while let Some(done) = self.calls.join_next().await {
            if let Ok((key, result)) = done {
                self.finished(key, result);
            }
        }
        self.write_status().await;
        self.rows
    }

    /// Takes over what the statuses of users and teams say that the app has.
    fn load(&mut self) {
        let directory = self.context.store.directory();
        let (leaving_users, leaving_teams) = directory.leaving(&self.tenant);
        let app = self.app.name_any();
        let users = directory.users(&self.tenant, &[]).into_iter();
        let leaving = leaving_users.iter().filter_map(|id| directory.leaving_user(&self.tenant, id));
        let shown = users.chain(leaving).map(|user| (user.id().to_owned(), user.apps()));
        let held = directory.held_users(&self.tenant).into_iter().map(|user| {
            (user.name_any(), user.status.as_ref().map(|status| status.apps.clone()).unwrap_or_default())
        });
        for (id, rows) in shown.chain(held) {
            if let Some(row) = rows.into_iter().find(|row| row.name == app) {
                self.rows.load(Key::User(id), row);
            }
        }
        let teams = directory.teams(&self.tenant, &[]).into_iter().map(|team| team.outline().clone());
        let leaving = leaving_teams.iter().filter_map(|id| directory.leaving_team(&self.tenant, id));
        let held = directory.held_teams(&self.tenant).into_iter().map(|team| (*team).clone());
        for team in teams.chain(leaving.map(|team| (*team).clone())).chain(held) {
            let id = team.name_any();
            let rows = team.status.map(|status| status.apps).unwrap_or_default();
            if let Some(row) = rows.into_iter().find(|row| row.name == app) {
                self.rows.load(Key::Team(id), row);
            }
        }
    }

    /// Asks for every user and team to be looked at, spread over `within` so that it doesn't come in one burst. Users
    /// come first, because teams need the app's ids of their members.
    fn look_at_everything(&mut self, within: Duration) {
        let directory = self.context.store.directory();
        let users =
            directory.users(&self.tenant, &[]).into_iter().map(|user| Key::User(user.id().to_owned()));
        let teams =
            directory.teams(&self.tenant, &[]).into_iter().map(|team| Key::Team(team.id().to_owned()));
        let (leaving_users, leaving_teams) = directory.leaving(&self.tenant);
        let leaving_users = leaving_users.iter().map(|id| Key::User(id.to_string()));
        let leaving_teams = leaving_teams.iter().map(|id| Key::Team(id.to_string()));
        let mut keys: Vec<Key> = users.chain(leaving_users).chain(leaving_teams).chain(teams).collect();
        let known: BTreeSet<&Key> = keys.iter().collect();
        let gone: Vec<Key> =
            self.rows.iter().map(|(key, _)| key).filter(|key| !known.contains(key)).cloned().collect();
        keys.extend(gone);
        let count = u32::try_from(keys.len().max(1)).unwrap_or(u32::MAX);
        let (now, step) = (Instant::now(), within / count);
        for (number, key) in keys.into_iter().enumerate() {
            self.queue.add(key, now + step.saturating_mul(u32::try_from(number).unwrap_or(u32::MAX)));
        }
        self.status_dirty = true;
    }

    fn heard(&mut self, change: Result<Change, RecvError>, changes: &mut broadcast::Receiver<Change>) {
        match change {
            Ok(Change::User { tenant, id }) if tenant == self.tenant => self.user_changed(&id),
            Ok(Change::Team { tenant, id, moved }) if tenant == self.tenant => {
                let team = Key::Team(id.to_string());
                let mut people: BTreeSet<Key> = moved.iter().map(|id| Key::User(id.to_string())).collect();
                people.extend(self.whom_a_scope_change_concerns(&id));
                if self.grants_by_team() {
                    // A person's access follows from the team's, so their status does, too.
                    self.then.entry(team.clone()).or_default().extend(people);
                } else if self.scope.follows_teams() {
                    for key in people {
                        self.queue.add(key, Instant::now());
                    }
                }
                self.queue.add(team, Instant::now());
            }
            Err(RecvError::Lagged(_)) => {
                *changes = changes.resubscribe();
                self.look_at_everything(Duration::ZERO);
            }
            // Another tenant's, or the store is shutting down, and so are we.
            Ok(Change::User { .. } | Change::Team { .. }) | Err(RecvError::Closed) => return,
        }
        self.status_dirty = true;
    }

    /// A team that was renamed into the app's scope, or out of it, takes its people along.
    fn whom_a_scope_change_concerns(&self, team: &str) -> Vec<Key> {
        let directory = self.context.store.directory();
        let row = self.rows.get(&Key::Team(team.to_owned()));
        let was_in = row.is_some_and(|row| row.state != AppliedState::Revoked);
        let is_in = directory.team(&self.tenant, team).is_some_and(|it| self.scope.has_team(it.outline()));
        if was_in == is_in || !self.scope.follows_teams() {
            return Vec::new();
        }
        let people = directory.people_of(&self.tenant, team);
        people.iter().map(|user| Key::User(user.id().to_owned())).collect()
    }

    fn user_changed(&mut self, id: &str) {
        let user = Key::User(id.to_owned());
        let teams = self.context.store.directory().groups_of(&self.tenant, id);
        let teams = teams.iter().map(|team| Key::Team(team.id.to_string()));
        let now = Instant::now();
        if self.grants_by_team() {
            let teams: Vec<Key> = teams.collect();
            if teams.is_empty() {
                self.queue.add(user.clone(), now);
            }
            for team in teams {
                self.then.entry(team.clone()).or_default().insert(user.clone());
                self.queue.add(team, now);
            }
        } else {
            self.then.entry(user.clone()).or_default().extend(teams);
            self.queue.add(user, now);
        }
    }

    /// Whether a person gets access through teams alone, as in Kubernetes' roles.
    fn grants_by_team(&self) -> bool {
        self.app.spec.rbac.is_some()
    }

    fn exists(&self, key: &Key) -> bool {
        let directory = self.context.store.directory();
        match key {
            Key::User(id) => {
                directory.user(&self.tenant, id).is_some()
                    || directory.leaving_user(&self.tenant, id).is_some()
                    || directory.held_user(&self.tenant, id).is_some()
            }
            Key::Team(id) => {
                directory.team(&self.tenant, id).is_some()
                    || directory.leaving_team(&self.tenant, id).is_some()
                    || directory.held_team(&self.tenant, id).is_some()
            }
        }
    }

    fn is_done(&self) -> bool {
        let left = |state| matches!(state, AppliedState::Granted | AppliedState::Failing);
        self.queue.is_empty() && !self.rows.iter().any(|(_, row)| left(row.state))
    }

    async fn write_status(&mut self) {
        let pending = self.queue.pending(Instant::now());
        let rows = self.rows.iter().filter(|(key, _)| self.exists(key));
        let counts = Counts { pending, ..Counts::of(rows) };
        let standing = match (&self.outage, &self.connected) {
            (Some(outage), _) => Standing::Unavailable(outage.message.clone()),
            (None, Some(_)) => Standing::Connected,
            (None, None) => Standing::Connecting,
        };
        if pending == 0 && counts.failing == 0 && matches!(standing, Standing::Connected) {
            self.synced_at = Some(Timestamp::now());
        }
        let summary = Summary { standing, counts: Some(counts), synced_at: self.synced_at };
        self.status_dirty = super::app_status::write(&self.context, &self.app, summary).await.is_err();
    }
}
