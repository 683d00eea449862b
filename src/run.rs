//! The composition root: everything is made here, joined, and stopped together.

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use kube::{Api, Client};
use prometheus_client::metrics::gauge::Gauge;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    admin::{Admin, Check},
    cli::RunArgs,
    controllers::{
        self, Surroundings, fenced,
        leader::{Candidate, Leadership},
        tenant::TenantController,
    },
    downstream::{CallMetrics, rbac::Reach, scim::ScimOptions},
    metrics::Metrics,
    receiver::{self, ReceiverState, RequestMetrics, Settings},
    store::{Namespaces, Store, TenantKey, Tenants, token_use},
};

mod signals;
mod connect;
mod kinds;
mod start;

pub use start::StartError;

/// The Lease that says whose controllers run.
const LEASE: &str = "rollcall-controllers";

/// How long after the stop the parts may take, beyond what a request may take.
const GRACE: Duration = Duration::from_secs(10);

/// Why the process ends with an error.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It could not start.
    #[error("can't start: {0}")]
    Start(#[from] StartError),
    /// A part of it failed; the others were stopped.
    #[error("{part} failed: {reason}")]
    Failed {
        /// Which part.
        part: &'static str,
        /// Why.
        reason: String,
    },
}

/// Runs everything until SIGTERM or SIGINT, or until a part fails.
pub async fn run(args: RunArgs) -> Result<(), RunError> {
    let mut signals = signals::Signals::listen().map_err(StartError::Signals)?;
    let rollcall = tokio::select! {
        prepared = Rollcall::prepare(args) => prepared?,
        // Nobody relies on us yet. The first process of a container would not hear of it otherwise.
        () = signals.next() => return Ok(()),
    };
    let receiver = bind("--listen", rollcall.args.listen).await?;
    let admin = bind("--admin-listen", rollcall.args.admin_listen).await?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), identity = rollcall.identity, "started");

    let stop = CancellationToken::new();
    // The admin endpoint outlives the others: it says "not ready" while the receiver drains.
    let stop_admin = CancellationToken::new();
    let mut parts = Parts::default();
    // The store outlives the receiver, too: while requests are answered, it must hold its read lease.
    let stop_store = CancellationToken::new();
    let mut store = Parts::default();
    rollcall.start_store(&mut store, &stop_store);
    rollcall.start_followers(&mut parts, &stop);
    rollcall.start_controllers(&mut parts, &stop);
    rollcall.start_receiver(&mut parts, receiver, &stop);
    let mut last = Parts::default();
    last.start("the admin endpoint", served(rollcall.admin(&stop).serve(admin, stop_admin.clone())));

    let outcome = tokio::select! {
        () = signals.next() => Ok(()),
        ended = parts.first() => ended,
        ended = store.first() => ended,
        ended = last.first() => ended,
    };
    tracing::info!("stopping");
    stop.cancel();
    let drained = tokio::select! {
        drained = parts.drain(rollcall.args.request_timeout + GRACE) => drained,
        () = signals.next() => Err(failed("the shutdown", "a second signal came")),
    };
    stop_store.cancel();
    let left = store.drain(GRACE).await;
    stop_admin.cancel();
    let closed = last.drain(GRACE).await;
    outcome.and(drained).and(left).and(closed)
}

/// What every part is made of.
struct Rollcall {
    args: RunArgs,
    client: Client,
    namespaces: Namespaces,
    operator_namespace: String,
    identity: String,
    store: Store,
    tenants: Arc<Tenants>,
    metrics: Arc<Metrics>,
    requests: RequestMetrics,
    calls: CallMetrics,
}

impl Rollcall {
    async fn prepare(args: RunArgs) -> Result<Self, StartError> {
        let operator_namespace = args.find_operator_namespace().ok_or(StartError::NoOperatorNamespace)?;
        let identity = start::identity(args.identity.as_deref())?;
        let peers = start::peers(&args, &operator_namespace, &identity)?;
        let client = connect::connect().await?;
        kinds::wait(&client).await?;
        start::check_namespaces(&client, &args.namespaces).await;
        let mut metrics = Metrics::new();
        let (requests, calls) = (RequestMetrics::default(), CallMetrics::default());
        requests.register(metrics.registry());
        calls.register(metrics.registry());
        let store = Store::new(client.clone(), peers);
        store.register_metrics(metrics.registry());
        Ok(Self {
            namespaces: Namespaces::from_list(args.namespaces.clone()),
            store,
            tenants: Arc::new(Tenants::default()),
            metrics: Arc::new(metrics),
            requests,
            calls,
            args,
            client,
            operator_namespace,
            identity,
        })
    }

    /// The store follows the API server on every replica.
    fn start_store(&self, parts: &mut Parts, stop: &CancellationToken) {
        let (store, namespaces, ended) = (self.store.clone(), self.namespaces.clone(), stop.clone());
        parts.start("the store", async move {
            store.follow(namespaces.names(), ended).await;
            Ok(())
        });
    }

    /// So do the tenants.
    fn start_followers(&self, parts: &mut Parts, stop: &CancellationToken) {
        let (tenants, client) = (Arc::clone(&self.tenants), self.client.clone());
        let (namespaces, ended) = (self.namespaces.clone(), stop.clone());
        parts.start("the watch of tenants", async move {
            tenants.follow(&client, &namespaces, &ended).await;
            Ok(())
        });
        let (tenants, client, ended) = (Arc::clone(&self.tenants), self.client.clone(), stop.clone());
        parts.start("the record of uses", async move {
            token_use::record_uses(client, &tenants, ended).await;
            Ok(())
        });
        let (tenants, client, ended) = (Arc::clone(&self.tenants), self.client.clone(), stop.clone());
        parts.start("the record of dialects", async move {
            tenants.dialects().record(client, ended).await;
            Ok(())
        });
    }

    /// The controllers run on the replica that leads.
    fn start_controllers(&self, parts: &mut Parts, stop: &CancellationToken) {
        let candidate = Candidate {
            leases: Api::namespaced(self.client.clone(), &self.operator_namespace),
            lease: LEASE.to_owned(),
            identity: self.identity.clone(),
            duration: self.args.lease_duration,
        };
        let surroundings = Surroundings {
            client: self.client.clone(),
            store: self.store.clone(),
            tenants: Arc::clone(&self.tenants),
            calls: self.calls.clone(),
            options: self.options(),
        };
        let (url, identity, gauge) =
            (self.args.external_url.clone(), self.identity.clone(), self.metrics.leader.clone());
        let stop = stop.clone();
        parts.start("the leader election", async move {
            let lead = |leadership: Leadership| {
                let (url, over) = (url.clone(), leadership.over.clone());
                let endpoint = move |key: &TenantKey| url.tenant(key);
                let tenants = TenantController::new(
                    fenced(&surroundings.client, &leadership),
                    surroundings.store.clone(),
                    Box::new(endpoint),
                    identity.clone(),
                );
                let apps = controllers::run(surroundings.clone(), leadership);
                let (namespaces, gauge) = (&surroundings.options.namespaces, gauge.clone());
                Box::pin(async move {
                    let _leading = Leading::new(gauge);
                    tokio::join!(tenants.run(namespaces, over), apps);
                    Ok(())
                })
            };
            candidate.run(stop, lead).await
        });
    }

    /// What of the command line the controllers of apps need.
    fn options(&self) -> controllers::Options {
        let rbac_namespaces = &self.args.rbac_namespaces;
        controllers::Options {
            namespaces: self.namespaces.clone(),
            scim: ScimOptions { allow_loopback: self.args.allow_loopback_downstream },
            rbac_reach: if rbac_namespaces.is_empty() {
                Reach::Cluster
            } else {
                Reach::Namespaces(rbac_namespaces.iter().cloned().collect())
            },
        }
    }

    /// Every replica serves requests, once its store has read everything.
    fn start_receiver(&self, parts: &mut Parts, listener: TcpListener, stop: &CancellationToken) {
        let settings = Settings {
            max_body: self.args.max_body,
            request_timeout: self.args.request_timeout,
            tenant_rate: self.args.tenant_rate,
            ..Settings::new(self.args.external_url.clone())
        };
        let (store, tenants) = (self.store.clone(), Arc::clone(&self.tenants));
        let state = ReceiverState::new(store, tenants, settings, self.requests.clone());
        let stop = stop.clone();
        parts.start("the receiver", async move {
            receiver::serve(listener, state, stop.cancelled_owned()).await;
            Ok(())
        });
    }

    fn admin(&self, stop: &CancellationToken) -> Admin {
        let (store, tenants, stop) = (self.store.clone(), Arc::clone(&self.tenants), stop.clone());
        let checks: Vec<Check> = vec![
            Box::new(move || if stop.is_cancelled() { vec!["stopping".to_owned()] } else { Vec::new() }),
            Box::new(move || store.not_ready()),
            Box::new(move || tenants.not_ready()),
        ];
        Admin::new(Arc::clone(&self.metrics), checks)
    }
}

/// Shows 1 while it lives: also when the work that it stands for is dropped at the end of a term.
struct Leading(Gauge);

impl Leading {
    fn new(gauge: Gauge) -> Self {
        gauge.set(1);
        Self(gauge)
    }
}

impl Drop for Leading {
    fn drop(&mut self) {
        self.0.set(0);
    }
}

/// Parts that run beside each other. The end of one is the end of all.
#[derive(Default)]
struct Parts(JoinSet<Result<&'static str, RunError>>);

impl Parts {
    fn start(
        &mut self,
        part: &'static str,
        work: impl Future<Output = Result<(), RunError>> + Send + 'static,
    ) {
        self.0.spawn(async move { work.await.map(|()| part) });
    }

    /// Resolves when a part has ended, which none should before it is told to.
    async fn first(&mut self) -> Result<(), RunError> {
        match self.0.join_next().await {
            Some(ended) => Err(failed(result(ended)?, "it ended without having been asked to")),
            None => Ok(()),
        }
    }

    /// Waits for the others to end.
    async fn drain(&mut self, patience: Duration) -> Result<(), RunError> {
        let all = async {
            let mut outcome = Ok(());
            while let Some(ended) = self.0.join_next().await {
                outcome = outcome.and(result(ended).map(drop));
            }
            outcome
        };
        tokio::time::timeout(patience, all)
            .await
            .unwrap_or_else(|_| Err(failed("the shutdown", "it took too long")))
    }
}

fn result(
    ended: Result<Result<&'static str, RunError>, tokio::task::JoinError>,
) -> Result<&'static str, RunError> {
    ended.unwrap_or_else(|error| Err(failed("a part", &error.to_string())))
}

fn failed(part: &'static str, reason: &str) -> RunError {
    RunError::Failed { part, reason: reason.to_owned() }
}

async fn served(server: impl Future<Output = io::Result<()>>) -> Result<(), RunError> {
    server.await.map_err(|error| failed("the admin endpoint", &error.to_string()))
}

async fn bind(flag: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| StartError::Listen { flag, address, source })
}
