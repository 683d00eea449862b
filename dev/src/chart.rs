//! The Helm chart on a control plane: rendered, installed, or only its rights granted.
//!
//! Tests run the operator under [`Release::grant`]: what the chart does not allow fails here first.

use std::fmt;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::error::Doing;
use crate::{ControlPlane, Error};

/// The kinds of objects that a process outside of the cluster needs as well: the ServiceAccount, its rights, and the key
/// that replicas share.
const NEEDED: [&str; 6] =
    ["Secret", "ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"];

/// The name of the ServiceAccount in every release made here.
const ACCOUNT: &str = "rollcall";

/// The chart as one release of it.
#[derive(Debug, Clone)]
pub struct Release<'a> {
    plane: &'a ControlPlane,
    name: String,
    namespace: String,
    values: String,
}

/// The operator's ServiceAccount, and how to be it.
pub struct ServiceAccount {
    /// Its user name: `system:serviceaccount:...`.
    pub user: String,
    /// A token of it, valid for an hour.
    pub token: String,
    /// A kubeconfig with that token.
    pub kubeconfig: PathBuf,
}

impl<'a> Release<'a> {
    /// A release with these values (YAML; empty for the chart's own) in a namespace that exists.
    pub fn new(plane: &'a ControlPlane, name: &str, namespace: &str, values: &str) -> Self {
        let [name, namespace, values] = [name, namespace, values].map(str::to_owned);
        Self { plane, name, namespace, values }
    }

    /// Runs `helm lint --strict`, and returns what it printed.
    pub fn lint(&self) -> Result<String, Error> {
        self.helm(&["lint", "--strict", &chart()])
    }

    /// The manifests, as `helm template` prints them.
    pub fn render(&self) -> Result<String, Error> {
        self.helm(&["template", &self.name, &chart(), "--kube-version", "1.37.2"])
    }

    /// Runs `helm install`, without waiting for Pods, and returns what it printed.
    pub fn install(&self) -> Result<String, Error> {
        self.helm(&["install", &self.name, &chart()])
    }

    /// Runs `helm upgrade`, without waiting for Pods, and returns what it printed.
    pub fn upgrade(&self) -> Result<String, Error> {
        self.helm(&["upgrade", &self.name, &chart()])
    }

    /// Runs `helm uninstall`, and returns what it printed.
    pub fn uninstall(&self) -> Result<String, Error> {
        self.helm(&["uninstall", &self.name])
    }

    /// Applies the ServiceAccount, its rights and the replicas' key, and nothing else of the chart.
    pub fn grant(&self) -> Result<ServiceAccount, Error> {
        let rendered = self.render()?;
        let rights: Vec<&str> = rendered.split("\n---\n").filter(|manifest| is_needed(manifest)).collect();
        self.plane.apply(&rights.join("\n---\n"))?;
        self.service_account()
    }

    /// The ServiceAccount of a release that was installed or granted.
    pub fn service_account(&self) -> Result<ServiceAccount, Error> {
        let namespace = &self.namespace;
        let token = self.plane.kubectl(&["create", "token", ACCOUNT, "--namespace", namespace])?;
        let token = token.trim().to_owned();
        let kubeconfig = self.plane.kubeconfig_for(&format!("{namespace}-{}", self.name), &token)?;
        Ok(ServiceAccount { user: format!("system:serviceaccount:{namespace}:{ACCOUNT}"), token, kubeconfig })
    }

    fn helm(&self, arguments: &[&str]) -> Result<String, Error> {
        let home = self.plane.dir().join("helm");
        let mut command = Command::new(&self.plane.assets().helm);
        command.env("KUBECONFIG", self.plane.kubeconfig_path()).env("HELM_CACHE_HOME", home.join("cache"));
        command.env("HELM_CONFIG_HOME", home.join("config")).env("HELM_DATA_HOME", home.join("data"));
        command.args(arguments).args(["--namespace", &self.namespace]);
        if arguments.first() != Some(&"uninstall") {
            command.args(["--values", "-", "--set", &format!("serviceAccount.name={ACCOUNT}")]);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().doing(|| "start helm".to_owned())?;
        if let Some(mut stdin) = child.stdin.take() {
            // A helm that ends early closes the pipe; its own message says why.
            let _ = stdin.write_all(self.values.as_bytes());
        }
        let output = child.wait_with_output().doing(|| "wait for helm".to_owned())?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let both = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&both).trim().to_owned();
        Err(Error::Helm { arguments: arguments.join(" "), status: output.status, said })
    }
}

/// Where the chart is.
fn chart() -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../charts/rollcall").to_owned()
}

fn is_needed(manifest: &str) -> bool {
    manifest.lines().filter_map(|line| line.strip_prefix("kind: ")).any(|kind| NEEDED.contains(&kind))
}

/// Without the token.
impl fmt::Debug for ServiceAccount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ServiceAccount").field("user", &self.user).finish_non_exhaustive()
    }
}
