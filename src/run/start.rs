//! What must be there before anything can run, and what to do when it is not.

use std::{error::Error, io, iter, net::SocketAddr, time::Duration};

use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};

use crate::{cli::RunArgs, store::PeerOptions};

/// Why it can't start, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Where our Lease lives is not known.
    #[error(
        "the namespace of the leader-election Lease is not known: give --operator-namespace (outside of a cluster nothing else tells it)"
    )]
    NoOperatorNamespace,
    /// Other replicas could not reach us.
    #[error(
        "with --peers, each replica must say where the others reach it: give --peer-address, or set POD_IP"
    )]
    NoPeerAddress,
    /// There is no cluster to connect to.
    #[error("no cluster is configured: set KUBECONFIG, or run in a pod with a service account ({0})")]
    NoCluster(kube::config::InferConfigError),
    /// The client can't be made from that configuration.
    #[error("the configuration of the cluster can't be used: {0}")]
    Client(kube::Error),
    /// The API server can't be reached, or refuses.
    #[error(
        "the Kubernetes API server can't be asked for its kinds: {}; check the address and credentials with `kubectl version`",
        cause(.0)
    )]
    Unreachable(kube::Error),
    /// The API server takes the question, and nothing comes back.
    #[error(
        "the Kubernetes API server says nothing within {} s; check the address with `kubectl version`, and what is on the way",
        within.as_secs()
    )]
    NoAnswer {
        /// How long we have waited for one answer.
        within: Duration,
    },
    /// Our kinds are not installed.
    #[error("the cluster does not know {}: apply them with `rollcall crds | kubectl apply --server-side -f -`", kinds.join(", "))]
    CrdsMissing {
        /// The kinds that are missing.
        kinds: Vec<String>,
    },
    /// An address can't be listened on.
    #[error("can't listen on {address}: {source}; choose another with {flag}")]
    Listen {
        /// The flag that says where.
        flag: &'static str,
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The process can't learn that it should stop.
    #[error("signals can't be listened for: {0}")]
    Signals(io::Error),
    /// There is no randomness.
    #[error("the operating system gives no random bytes, which tokens need: {0}")]
    Random(getrandom::Error),
}

/// What the API server says, or what keeps us from reaching it, down to the system's own words.
fn cause(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error {
        return format!("{} {}", status.code, status.message);
    }
    let chain = iter::successors(error.source().or(Some(error)), |it| (*it).source());
    let mut words: Vec<String> = chain.map(ToString::to_string).collect();
    words.dedup();
    words.join(": ")
}

/// Says which of the namespaces to look after can't be, and what to do. No more than that: they, and the rights in
/// them, may come later.
///
/// Asking for a namespace itself needs a right of its own. That a claim on a name could be made there needs none but
/// those that we need anyway, and says both.
pub(super) async fn check_namespaces(client: &Client, namespaces: &[String]) {
    for namespace in namespaces {
        let metadata = ObjectMeta { name: Some("rollcall-check".to_owned()), ..ObjectMeta::default() };
        let lease = Lease { metadata, ..Lease::default() };
        let dry = PostParams { dry_run: true, ..PostParams::default() };
        let api: Api<Lease> = Api::namespaced(client.clone(), namespace);
        match api.create(&dry, &lease).await {
            Err(kube::Error::Api(status)) if status.code == 404 => {
                tracing::warn!(
                    namespace,
                    "there is no such namespace; create it, or take it out of --namespaces"
                );
            }
            Err(kube::Error::Api(status)) if status.code == 403 => {
                tracing::warn!(
                    namespace,
                    message = status.message,
                    "no rights in this namespace, or there is none of that name; nothing is served until there is: give \
                     the rights (the chart's tenantNamespaces), or take it out of --namespaces"
                );
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(namespace, %error, "could not check a namespace of --namespaces"),
        }
    }
}

/// How this replica and the others, if there are any, reach each other.
pub(super) fn peers(args: &RunArgs, namespace: &str, identity: &str) -> Result<PeerOptions, StartError> {
    if !args.peers {
        return Ok(PeerOptions { operator_namespace: namespace.to_owned(), ..PeerOptions::alone() });
    }
    Ok(PeerOptions {
        expected: true,
        identity: identity.to_owned(),
        operator_namespace: namespace.to_owned(),
        listen: args.peer_listen,
        advertise: args.find_peer_address().ok_or(StartError::NoPeerAddress)?,
        lease_duration: args.lease_duration,
    })
}

/// The given identity, or the host's name and a random part: two processes must never be the same.
pub(super) fn identity(given: Option<&str>) -> Result<String, StartError> {
    if let Some(given) = given {
        return Ok(given.to_owned());
    }
    let random = getrandom::u32().map_err(StartError::Random)?;
    let host = ["HOSTNAME", "POD_NAME"].into_iter().find_map(|name| std::env::var(name).ok());
    Ok(format!("{}-{random:08x}", host.as_deref().unwrap_or("rollcall")))
}
