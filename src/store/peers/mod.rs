//! Any replica answers: after a write is acknowledged by one replica, a read from memory on any other sees it.
//!
//! Each replica holds a *read lease*, and answers only while that is valid. Before a write is acknowledged, every other
//! replica whose lease may still be valid has confirmed that it knows the write. `docs/adr/0004-read-consistency.md`
//! says why that is enough.
//!
//! - [`lease`], [`standing`]: when a lease is valid, for its owner and for others (pure).
//! - [`leases`], [`seal`]: the Lease objects and the common key.
//! - [`roster`], [`courier`], [`mod@line`]: whom to tell, and telling.
//! - [`listener`], [`wire`]: being told.
//! - [`take_part`]: from joining to leaving.

mod courier;
mod lease;
mod leases;
mod line;
mod listener;
mod options;
mod roster;
mod seal;
mod standing;
mod take_part;
mod wire;

use std::time::Duration;

use futures::future::try_join_all;
use k8s_openapi::ByteString;
use kube::Client;
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};

use self::{
    leases::{Found, LeaseName, Leases},
    line::Line,
    roster::Roster,
    seal::Seal,
    standing::Standing,
};
use super::{Store, error::StoreError, written::Written};

pub use self::options::PeerOptions;
pub(super) use self::seal::KeyError;
pub(super) use self::take_part::follow;

/// How long a write waits for other replicas: longer than the lease of one that has died, shorter than an identity
/// provider's patience.
const PATIENCE: Duration = Duration::from_secs(10);

/// When to try again what could not be answered.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The other replicas, and how we stand among them.
#[derive(Debug)]
pub(super) struct Peers {
    options: PeerOptions,
    leases: Leases,
    seal: Seal,
    line: Line,
    roster: Roster,
    standing: Standing,
    /// Wakes who looks at the other replicas' leases.
    look: Notify,
}

impl Peers {
    pub(super) fn new(client: &Client, options: PeerOptions) -> Self {
        Self {
            leases: Leases::new(client, &options),
            seal: Seal::new(client, &options.operator_namespace),
            line: Line::default(),
            roster: Roster::default(),
            standing: Standing::default(),
            look: Notify::new(),
            options,
        }
    }

    /// Whether there are other replicas. If not, there is nothing to hold, to tell or to wait for.
    pub(super) fn are_there(&self) -> bool {
        self.options.expected
    }

    /// Waits until every other replica that may answer reads knows of a write. To be called after it is stored, before
    /// it is acknowledged.
    pub(super) async fn written(&self, written: &Written) -> Result<(), StoreError> {
        let permit = self.permit()?;
        if !self.are_there() {
            return Ok(());
        }
        match timeout(PATIENCE, try_join_all(self.roster.ask(written))).await {
            // Whoever has come since has not read anything yet. Whoever gave us up meanwhile would not have made itself
            // known to us: so our lease must not have lapsed.
            Ok(Ok(_)) => self.still(&permit),
            Ok(Err(_)) | Err(_) => Err(unavailable("it is stored, but another replica has not confirmed it")),
        }
    }

    /// The permit to answer, to be asked for before anything is read, and to be checked by [`Self::still`] afterwards.
    pub(super) fn permit(&self) -> Result<Permit, StoreError> {
        if !self.are_there() {
            return Ok(Permit(None));
        }
        let lease = self.standing.lease(Instant::now());
        lease.map(|lease| Permit(Some(lease))).ok_or_else(no_lease)
    }

    /// Whether what was read since a permit was given may be shown.
    pub(super) fn still(&self, permit: &Permit) -> Result<(), StoreError> {
        if !self.are_there() || self.standing.lease(Instant::now()) == permit.0 {
            return Ok(());
        }
        Err(no_lease())
    }

    /// The key that the replicas share, as it is now.
    pub(super) async fn shared_key(&self) -> Result<ByteString, KeyError> {
        self.seal.fresh_key().await
    }

    /// Why this replica may not answer; none if it may.
    pub(super) fn why_not(&self) -> Option<String> {
        if self.are_there() { self.standing.why_not(Instant::now()) } else { None }
    }
}

/// The lease under which something was read; none if there are no other replicas.
#[derive(Debug)]
pub(super) struct Permit(Option<LeaseName>);

/// From now on, that replica is told of our writes.
fn add(store: &Store, found: &Found, answered: Instant) {
    if let Some(added) = store.peers().roster.add(found, answered) {
        tracing::info!(peer = %found.name, "another replica is told of our writes from now on");
        // It ends when that replica is gone, or when we are.
        tokio::spawn(courier::run(store.clone(), added));
    }
}

fn no_lease() -> StoreError {
    unavailable("this replica holds no valid read lease")
}

fn unavailable(reason: &str) -> StoreError {
    StoreError::Unavailable { reason: reason.to_owned(), retry_after: RETRY_AFTER }
}
