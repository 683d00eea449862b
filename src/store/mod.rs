//! The Kubernetes objects seen as users and teams: reading, writing, uniqueness, membership.
//!
//! Reads are answered from the [`directory`], which the API server's watches feed. Every write goes to the API server
//! first, as one compare-and-swap, and is acknowledged after it is stored; only then is it in the directory.

mod acknowledge;
mod api_error;
mod by_key;
mod claimant;
pub mod claims;
mod codec;
pub mod dialects;
pub mod directory;
pub mod error;
mod group_commit;
#[cfg(test)]
mod heard;
mod locks;
pub mod membership;
mod meta;
pub mod names;
pub mod namespaces;
mod packed;
mod page;
mod passwords;
mod peers;
mod recorder;
mod retry;
pub mod rules;
mod searched;
mod select;
mod shared;
mod slices;
pub mod sweep;
mod teams;
pub mod tenant;
mod tenant_look;
mod tenant_watch;
pub mod tenants;
pub mod token;
pub mod token_use;
mod unique;
mod unreadable;
mod users;
pub mod values;
pub mod view;
mod watch;
mod written;

use std::{sync::Arc, time::Duration};

use kube::Client;
use prometheus_client::registry::Registry;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::{
    directory::{Change, Counts, Directory},
    error::StoreError,
    namespaces::Namespaces,
    page::{Page, Start},
    passwords::{Offer, Offered},
    peers::PeerOptions,
    rules::TenantRules,
    select::Selection,
    shared::SharedValues,
    tenant::TenantKey,
    tenants::{Access, Tenants},
    token::Token,
    view::{Found, GroupView, MemberView, Placed, TeamView, UserView},
    written::Kind,
};
use self::{
    group_commit::{CommitMetrics, Lines},
    locks::Locks,
    membership::Members,
    passwords::Hashing,
    peers::Peers,
    slices::SliceCache,
    watch::Progress,
};

/// The store. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Store {
    common: Arc<Common>,
    writer: Arc<Writer>,
}

/// What there is once in a process.
#[derive(Debug)]
struct Common {
    directory: Directory,
    slices: SliceCache,
    locks: Locks,
    peers: Peers,
    progress: Progress,
    background: TaskTracker,
    hashing: Hashing,
    commits: CommitMetrics,
}

/// What there is for each client that is written by. Lines are, because a change is stored by the client of whoever
/// stores the line.
#[derive(Debug)]
struct Writer {
    client: Debuggable<Client>,
    lines: Lines,
}

/// A client, which says nothing about itself.
struct Debuggable<T>(T);

impl<T> std::fmt::Debug for Debuggable<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client")
    }
}

impl Store {
    /// A store over the API server that `client` speaks to. It is empty until [`Store::follow`] runs.
    pub fn new(client: Client, options: PeerOptions) -> Self {
        let common = Common {
            peers: Peers::new(&client, options),
            directory: Directory::default(),
            slices: SliceCache::default(),
            locks: Locks::default(),
            progress: Progress::default(),
            background: TaskTracker::new(),
            hashing: Hashing::default(),
            commits: CommitMetrics::default(),
        };
        Self { common: Arc::new(common), writer: Arc::new(Writer::new(client)) }
    }

    /// The same store, written by another client: the leader's, which writes nothing once somebody else may lead.
    #[must_use]
    pub fn written_by(&self, client: Client) -> Self {
        Self { common: Arc::clone(&self.common), writer: Arc::new(Writer::new(client)) }
    }

    /// Makes its numbers part of what `/metrics` shows.
    pub fn register_metrics(&self, registry: &mut Registry) {
        self.common.commits.register(registry);
    }

    /// Follows the API server's watches in `namespaces` (all of them if there is none) until `stop`, as one replica
    /// among others, then finishes what is still being cleaned up. From `stop` on, nothing is answered if there are
    /// other replicas, so requests should be drained before.
    pub async fn follow(&self, namespaces: &[String], stop: CancellationToken) {
        if self.peers().are_there() {
            peers::follow(self, namespaces, &stop).await;
        } else {
            watch::follow(self, namespaces, &stop).await;
        }
        self.common.background.close();
        self.common.background.wait().await;
    }

    /// What is missing until reads can be answered; empty when they can.
    pub fn not_ready(&self) -> Vec<String> {
        let lease = self.peers().why_not().map(|why| format!("read lease: {why}"));
        lease.into_iter().chain(self.common.progress.missing()).collect()
    }

    /// Waits until reads can be answered.
    pub async fn wait_until_ready(&self) {
        self.common.progress.wait().await;
    }

    /// Everything in memory, for the controllers.
    pub fn directory(&self) -> &Directory {
        &self.common.directory
    }

    /// One user.
    pub fn user(&self, tenant: &TenantKey, id: &str) -> Result<UserView, StoreError> {
        let user = self.answer(|it| it.user(tenant, id))?;
        user.ok_or_else(|| StoreError::NotFound { kind: "User", id: id.to_owned() })
    }

    /// One team.
    pub fn team(&self, tenant: &TenantKey, id: &str) -> Result<TeamView, StoreError> {
        let team = self.answer(|it| it.team(tenant, id))?;
        team.ok_or_else(|| StoreError::NotFound { kind: "Group", id: id.to_owned() })
    }

    /// Who is in a team: users and teams that exist, in a stable order.
    pub fn members(&self, tenant: &TenantKey, team: &TeamView) -> Result<Vec<MemberView>, StoreError> {
        let (_, members) = self.team_with_members(tenant, team.id())?;
        self.answer(|it| it.describe(tenant, &members))
    }

    /// The teams that a user is in, directly and through other teams.
    pub fn groups_of(&self, tenant: &TenantKey, user: &str) -> Result<Vec<GroupView>, StoreError> {
        self.answer(|it| it.groups_of(tenant, user))
    }

    /// Reads from memory, if that may be shown. Whether it still may is looked at after reading: a process that is
    /// stopped in between and continued much later must not show what it read before.
    fn answer<T>(&self, read: impl FnOnce(&Directory) -> T) -> Result<T, StoreError> {
        let permit = self.peers().permit()?;
        let answer = read(self.directory());
        if !self.progress().is_done() {
            return Err(StoreError::Unavailable {
                reason: "not everything has been read from the API server yet".to_owned(),
                retry_after: Duration::from_secs(1),
            });
        }
        self.peers().still(&permit)?;
        Ok(answer)
    }

    /// Fails if nothing could be answered anyway, so that a write is not stored in vain.
    fn check_can_answer(&self) -> Result<(), StoreError> {
        self.answer(|_| ())
    }

    fn team_with_members(
        &self,
        tenant: &TenantKey,
        id: &str,
    ) -> Result<(TeamView, Arc<Members>), StoreError> {
        let team = self.answer(|it| it.team_with_members(tenant, id))?;
        team.ok_or_else(|| StoreError::NotFound { kind: "Group", id: id.to_owned() })
    }

    fn client(&self) -> &Client {
        &self.writer.client.0
    }

    fn lines(&self) -> &Lines {
        &self.writer.lines
    }

    fn commit_metrics(&self) -> &CommitMetrics {
        &self.common.commits
    }

    fn locks(&self) -> &Locks {
        &self.common.locks
    }

    fn peers(&self) -> &Peers {
        &self.common.peers
    }

    fn slice_cache(&self) -> &SliceCache {
        &self.common.slices
    }

    fn background(&self) -> &TaskTracker {
        &self.common.background
    }

    fn hashing(&self) -> &Hashing {
        &self.common.hashing
    }

    fn progress(&self) -> &Progress {
        &self.common.progress
    }
}

impl Writer {
    fn new(client: Client) -> Self {
        Self { client: Debuggable(client), lines: Lines::default() }
    }
}
