//! The command line. Every flag has an environment variable, so that a Deployment can set either.

use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
    time::Duration,
};

use clap::{Args, Parser, Subcommand};

use crate::{receiver::ExternalUrl, telemetry::LogFormat};

/// A SCIM 2.0 receiver inside a Kubernetes operator.
///
/// Okta, Entra ID and every other SCIM client push people and groups to it; it keeps them as Kubernetes objects and
/// carries their membership on to the applications downstream.
#[derive(Debug, Parser)]
#[command(name = "rollcall", version, max_term_width = 110, after_help = EXAMPLES, after_long_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  Install the kinds, then run on this machine against the cluster of your kubeconfig:
    rollcall crds | kubectl apply --server-side -f -
    rollcall run --external-url http://localhost:8080 \\
        --namespaces default --operator-namespace default

  Connect an identity provider: apply a ScimTenant, and paste url and token of its Secret:
    kubectl apply -f - <<< \\
        '{apiVersion: rollcall.dev/v1alpha1, kind: ScimTenant, metadata: {name: okta}, spec: {}}'
    kubectl get secret okta-default \\
        -o go-template='{{range $k, $v := .data}}{{$k}}: {{$v | base64decode}}{{\"\\n\"}}{{end}}'

  See how it is:
    kubectl get scimtenants,users.rollcall.dev,teams.rollcall.dev
    curl http://localhost:8081/readyz";

/// What the binary can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the receiver and the controllers.
    ///
    /// The cluster is the one that the process runs in, or else the one of KUBECONFIG or ~/.kube/config. SIGTERM
    /// or SIGINT stops it: requests that have begun are answered first. A second signal ends it at once.
    ///
    /// Exit codes: 0 stopped as asked, 1 failed while running, 2 bad arguments, 3 could not start.
    #[command(after_help = EXAMPLES, after_long_help = EXAMPLES)]
    Run(Box<RunArgs>),
    /// Print the CustomResourceDefinitions as YAML, for `kubectl apply --server-side -f -`.
    Crds,
}

/// How to run.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// Where the receiver listens for identity providers. It speaks plain HTTP: put TLS in front of it.
    #[arg(long, env = "ROLLCALL_LISTEN", default_value = "0.0.0.0:8080", value_name = "ADDRESS:PORT")]
    pub listen: SocketAddr,

    /// Where /livez, /readyz and /metrics are served. Keep it inside of the cluster.
    #[arg(long, env = "ROLLCALL_ADMIN_LISTEN", default_value = "0.0.0.0:8081", value_name = "ADDRESS:PORT")]
    pub admin_listen: SocketAddr,

    /// The base URL under which identity providers reach the receiver, for instance https://scim.example.com. A
    /// tenant's own URL is this and /scim/<namespace>/<tenant>/v2.
    #[arg(long, env = "ROLLCALL_EXTERNAL_URL", value_name = "URL")]
    pub external_url: ExternalUrl,

    /// The namespaces whose tenants, users, teams and apps to look after, separated by commas. Without any: all
    /// namespaces, which needs rights in all of them.
    #[arg(long, env = "ROLLCALL_NAMESPACES", value_delimiter = ',', value_name = "NAMES")]
    pub namespaces: Vec<String>,

    /// The namespace of our own leader-election Lease. Default: POD_NAMESPACE, or that of the service account.
    #[arg(long, env = "ROLLCALL_OPERATOR_NAMESPACE", value_name = "NAME")]
    pub operator_namespace: Option<String>,

    /// Others like this process may run, now or later: before a write is acknowledged, all of them have seen it. They
    /// find each other by Leases in the operator's namespace, and need the Secret rollcall-peers there. Without this
    /// flag, no two processes may ever run at once.
    #[arg(long, env = "ROLLCALL_PEERS")]
    pub peers: bool,

    /// Where other replicas reach us, with --peers.
    #[arg(long, env = "ROLLCALL_PEER_LISTEN", default_value = "0.0.0.0:8082", value_name = "ADDRESS:PORT")]
    pub peer_listen: SocketAddr,

    /// The address that the others use for it. Default: POD_IP, and the port of --peer-listen.
    #[arg(long, env = "ROLLCALL_PEER_ADDRESS", value_name = "ADDRESS:PORT")]
    pub peer_address: Option<SocketAddr>,

    /// Who this process is, in Leases and events. It must differ between replicas. Default: the host's name and
    /// a random part.
    #[arg(long, env = "ROLLCALL_IDENTITY", value_name = "NAME")]
    pub identity: Option<String>,

    /// How log lines look.
    #[arg(long, env = "ROLLCALL_LOG_FORMAT", default_value = "text", value_name = "FORMAT")]
    pub log_format: LogFormat,

    /// What is logged: a level (error, warn, info, debug, trace), or levels by module, such as
    /// `info,rollcall::controllers=debug`.
    #[arg(long, env = "ROLLCALL_LOG_LEVEL", default_value = "info", value_name = "FILTER")]
    pub log_level: String,

    /// The largest body of a SCIM request: bytes, or with KiB or MiB.
    #[arg(long, env = "ROLLCALL_MAX_BODY", default_value = "16MiB", value_name = "SIZE", value_parser = size)]
    pub max_body: usize,

    /// How long one SCIM request may take before it is answered 503. Okta waits 60s.
    #[arg(long, env = "ROLLCALL_REQUEST_TIMEOUT", default_value = "30s", value_name = "DURATION", value_parser = duration)]
    pub request_timeout: Duration,

    /// How many requests a second each tenant may send to one replica while other tenants send too; a write counts as
    /// four. What is beyond waits. A tenant that has more than 128 requests waiting is answered 429, and served little.
    /// A tenant that is alone has no limit; 0: none has.
    #[arg(long, env = "ROLLCALL_TENANT_RATE", default_value_t = 1000, value_name = "REQUESTS")]
    pub tenant_rate: u32,

    /// Let downstream apps be on this machine's loopback addresses. For development only: in a cluster it would
    /// let whoever may create a DownstreamApp reach what listens beside us.
    #[arg(long, env = "ROLLCALL_ALLOW_LOOPBACK_DOWNSTREAM")]
    pub allow_loopback_downstream: bool,

    /// The namespaces in which role bindings may be written, as the installation's RBAC allows it.
    ///
    /// Without it, every namespace. An app that grants a role elsewhere says so in its status.
    #[arg(long, env = "ROLLCALL_RBAC_NAMESPACES", value_delimiter = ',', value_name = "NAMES")]
    pub rbac_namespaces: Vec<String>,

    /// How long a replica that has died is waited for: before another one's controllers take over from it, and before
    /// a write is acknowledged that it may not have seen.
    #[arg(long, env = "ROLLCALL_LEASE_DURATION", default_value = "6s", value_name = "DURATION", value_parser = lease_duration)]
    pub lease_duration: Duration,
}

/// Where Kubernetes tells a pod its own namespace.
const SERVICE_ACCOUNT_NAMESPACE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

impl RunArgs {
    /// Where other replicas reach us, if it is given or can be found out.
    pub fn find_peer_address(&self) -> Option<SocketAddr> {
        let pod = || std::env::var("POD_IP").ok()?.parse::<IpAddr>().ok();
        self.peer_address.or_else(|| Some(SocketAddr::new(pod()?, self.peer_listen.port())))
    }

    /// The namespace of our Lease, if it is given or can be found out.
    pub fn find_operator_namespace(&self) -> Option<String> {
        let given = self.operator_namespace.clone().or_else(|| std::env::var("POD_NAMESPACE").ok());
        let found = given.or_else(|| std::fs::read_to_string(Path::new(SERVICE_ACCOUNT_NAMESPACE)).ok());
        found.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty())
    }
}

/// Go's spelling, as everywhere in Kubernetes.
fn duration(text: &str) -> Result<Duration, String> {
    let parsed: kube::core::Duration =
        text.parse().map_err(|error| format!("{error}; give something like 30s or 1m30s"))?;
    if parsed.is_negative() || parsed == Duration::ZERO {
        return Err("it must be longer than zero".to_owned());
    }
    Ok(parsed.into())
}

/// A Lease counts in whole seconds, and a third of it must be enough for a call to the API server.
fn lease_duration(text: &str) -> Result<Duration, String> {
    let duration = duration(text)?;
    let is_whole = duration.subsec_nanos() == 0;
    if is_whole && duration >= Duration::from_secs(2) {
        Ok(duration)
    } else {
        Err("give whole seconds, at least 2s".to_owned())
    }
}

fn size(text: &str) -> Result<usize, String> {
    let (digits, unit) = match (text.strip_suffix("MiB"), text.strip_suffix("KiB")) {
        (Some(digits), _) => (digits, 1024 * 1024),
        (None, Some(digits)) => (digits, 1024),
        (None, None) => (text, 1),
    };
    let number: Option<usize> = digits.trim().parse().ok();
    number
        .and_then(|number| number.checked_mul(unit))
        .filter(|size| *size > 0)
        .ok_or_else(|| "give something like 16MiB".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_has_an_environment_variable() {
        for command in Cli::command().get_subcommands() {
            for argument in command
                .get_arguments()
                .filter(|argument| argument.get_long().is_some_and(|long| long != "help"))
            {
                let variable = format!("ROLLCALL_{}", argument.get_id().as_str().to_uppercase());
                assert_eq!(argument.get_env().and_then(|env| env.to_str()), Some(variable.as_str()));
            }
        }
    }

    #[test]
    fn sizes_are_bytes_or_have_a_binary_unit() {
        assert_eq!((size("5"), size("2KiB"), size("16MiB")), (Ok(5), Ok(2048), Ok(16 << 20)));
        for bad in ["", "0", "MiB", "-1", "1GB", "99999999999999999999", "18446744073709551615MiB"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_are_positive() {
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        for bad in ["", "0s", "-1s", "5"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
        assert!(lease_duration("1s").is_err() && lease_duration("2500ms").is_err());
    }
}
