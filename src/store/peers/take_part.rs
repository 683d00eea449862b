//! From joining to leaving.
//!
//! The order of things is what makes it right. A newcomer creates its Lease before it lists all Leases, so of two
//! newcomers at least one sees the other. It reads from the API server only after every other replica tells it of its
//! writes: what was stored before is in the lists, and of what is stored afterwards it is told.

use std::time::Duration;

use futures::future::join_all;
use tokio::{net::TcpListener, task::JoinSet, time::Instant};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{
    add,
    lease::OwnLease,
    leases::{Found, LeaseName},
    line::Reply,
    listener,
    seal::KeyError,
    wire::{HELLO, Hello, Welcome},
};
use crate::store::{
    Store,
    api_error::{CallError, is_not_found},
    watch,
};

/// When to try again what failed.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// When to say hello again to a replica that did not answer.
const GREET_AGAIN: Duration = Duration::from_millis(100);

/// How soon the leases are looked at again, at most.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// How long leaving may take.
const LEAVING: Duration = Duration::from_secs(2);

/// Why a replica can't take part yet.
#[derive(Debug, thiserror::Error)]
enum JoinError {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("the replicas' Leases can't be written or read: {0}")]
    Leases(#[from] CallError),
}

/// Follows the watches as one of several replicas, until `stop`.
pub(in crate::store) async fn follow(store: &Store, namespaces: &[String], stop: &CancellationToken) {
    let _end = End(store);
    let Some(listener) = stop.run_until_cancelled(listen(store)).await else { return };
    let mut tasks = JoinSet::new();
    tasks.spawn(listener::serve(store.clone(), listener));
    tasks.spawn(look_at_others(store.clone()));
    while !stop.is_cancelled() {
        if let Err(error) = take_part(store, namespaces, stop).await {
            tracing::warn!(%error, "this replica can't answer yet");
            store.peers().standing.leave(error.to_string());
            stop.run_until_cancelled(tokio::time::sleep(TRY_AGAIN)).await;
        }
    }
    tasks.shutdown().await;
}

/// Makes sure that nothing is answered, and nobody told, once nobody follows the watches.
struct End<'a>(&'a Store);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.peers().standing.leave("this replica has stopped".to_owned());
        self.0.peers().roster.clear();
    }
}

/// We must be reachable before others have a reason to reach us.
async fn listen(store: &Store) -> TcpListener {
    let address = store.peers().options.listen;
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(error) => {
                let why = format!("can't listen for other replicas on {address}: {error}");
                tracing::warn!(why);
                store.peers().standing.leave(why);
                tokio::time::sleep(TRY_AGAIN).await;
            }
        }
    }
}

/// Holds one lease, from its creation to its end: until `stop`, or until it could not be renewed.
async fn take_part(store: &Store, namespaces: &[String], stop: &CancellationToken) -> Result<(), JoinError> {
    let peers = store.peers();
    peers.seal.read_key().await?;
    // What is in memory may lack what others have acknowledged while they did not tell us.
    store.progress().start_over();
    let sent = Instant::now();
    let mine = peers.leases.create().await?;
    peers.standing.join(mine.name.clone(), OwnLease::created(peers.leases.term, sent));
    let over = stop.child_token();
    let keeping = AbortOnDropHandle::new(tokio::spawn(keep(store.clone(), mine.clone(), over.clone())));
    let followed = over.run_until_cancelled(async {
        join(store, &mine.name).await?;
        peers.standing.enter();
        tracing::info!(lease = %mine.name, "this replica answers as soon as everything is read");
        watch::follow(store, namespaces, &over).await;
        Ok(())
    });
    let result = followed.await.unwrap_or(Ok(()));
    peers.standing.leave("this replica has stopped".to_owned());
    drop(keeping);
    leave(store, &mine.name).await;
    result
}

/// Makes us known to every replica that may be answering reads.
async fn join(store: &Store, mine: &LeaseName) -> Result<(), CallError> {
    let others = store.peers().leases.list().await?;
    let answered = Instant::now();
    let others: Vec<&Found> = others.iter().filter(|it| it.name != *mine).collect();
    // Writes of ours must wait for them even before they answer us.
    for found in &others {
        add(store, found, answered);
    }
    join_all(others.into_iter().map(|found| greet(store, mine, found))).await;
    Ok(())
}

/// Says hello until it is answered, or that replica is gone.
async fn greet(store: &Store, mine: &LeaseName, other: &Found) {
    let peers = store.peers();
    let hello = Hello { to: other.name.clone(), from: mine.clone() };
    while peers.roster.contains(&other.name) {
        if let Some(address) = other.address {
            match peers.line.ask::<_, Welcome>(&peers.seal, address, HELLO, &hello).await {
                Ok(Reply::Answer(Welcome {})) => return,
                Ok(Reply::Over) => return peers.roster.remove(&other.name),
                Err(error) => {
                    tracing::debug!(peer = %other.name, %error, "another replica did not answer yet");
                }
            }
        }
        peers.look.notify_one();
        tokio::time::sleep(GREET_AGAIN).await;
    }
}

/// Renews our lease until it has lapsed; then ends what depends on it.
async fn keep(store: Store, mine: Found, over: CancellationToken) {
    let (peers, every) = (store.peers(), store.peers().leases.term.renew_every());
    let mut version = mine.version;
    let mut wait = every;
    while peers.standing.valid_until().is_some_and(|until| Instant::now() < until) {
        tokio::time::sleep(wait).await;
        let sent = Instant::now();
        wait = every / 8;
        match tokio::time::timeout(every, peers.leases.renew(&mine.name)).await {
            // Others go by the version: if it is the old one, nothing was renewed for them.
            Ok(Ok(new)) if new == version => {}
            Ok(Ok(new)) => {
                peers.standing.renewed(sent, Instant::now());
                version = new;
                wait = every;
            }
            Ok(Err(error)) if is_not_found(&error) => break,
            Ok(Err(error)) => {
                tracing::warn!(lease = %mine.name, %error, "could not renew the read lease yet");
            }
            Err(_) => tracing::warn!(lease = %mine.name, "could not renew the read lease in time yet"),
        }
    }
    tracing::warn!(lease = %mine.name, "the read lease has lapsed; starting over");
    peers.standing.leave("it could not be renewed in time".to_owned());
    over.cancel();
}

/// Gives our lease back, after we have stopped answering, so that nobody has to wait for it.
async fn leave(store: &Store, mine: &LeaseName) {
    match tokio::time::timeout(LEAVING, store.peers().leases.delete(mine, None)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(lease = %mine, %error, "could not delete our lease; it expires by itself");
        }
        Err(_) => tracing::warn!(lease = %mine, "could not delete our lease in time; it expires by itself"),
    }
}

/// Looks at the other replicas' leases, regularly and when somebody doesn't answer.
async fn look_at_others(store: Store) {
    let peers = store.peers();
    loop {
        // Being woken and being late are the same: time to look.
        let _ = tokio::time::timeout(peers.leases.term.look_every(), peers.look.notified()).await;
        let asked = Instant::now();
        match peers.leases.list().await {
            Ok(found) => {
                for (lease, version) in peers.roster.judge(&found, asked, Instant::now()) {
                    if let Err(error) = peers.leases.delete(&lease, Some(version)).await {
                        tracing::warn!(%lease, %error, "could not delete an expired lease");
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "could not look at the other replicas' leases"),
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}
