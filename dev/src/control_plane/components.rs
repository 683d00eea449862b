//! The components and their command lines.

use std::process::Command;

use super::ControlPlane;
use super::{kubeconfig, pki};
use crate::family::Process;

/// A program of the control plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Component {
    /// The store.
    Etcd,
    /// kube-apiserver.
    ApiServer,
    /// kube-controller-manager.
    ControllerManager,
}

impl Component {
    /// The program's name, which is its log's too.
    pub fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::ApiServer => "kube-apiserver",
            Self::ControllerManager => "kube-controller-manager",
        }
    }
}

/// Which components run. Dropped in this order, so that nobody complains into the logs on the way out.
#[derive(Debug, Default)]
pub(super) struct Slots {
    controller_manager: Option<Process>,
    api_server: Option<Process>,
    etcd: Option<Process>,
}

impl Slots {
    pub(super) fn slot(&mut self, component: Component) -> &mut Option<Process> {
        match component {
            Component::Etcd => &mut self.etcd,
            Component::ApiServer => &mut self.api_server,
            Component::ControllerManager => &mut self.controller_manager,
        }
    }
}

impl ControlPlane {
    /// How a component is started.
    pub(super) fn command(&self, component: Component) -> Command {
        match component {
            Component::Etcd => self.etcd(),
            Component::ApiServer => self.api_server(),
            Component::ControllerManager => self.controller_manager(),
        }
    }

    fn etcd(&self) -> Command {
        let client_url = format!("http://{}", self.etcd_port.address());
        let mut command = Command::new(&self.assets.etcd);
        command
            .arg(format!("--data-dir={}", self.dir().join("etcd").display()))
            .arg(format!("--listen-client-urls={client_url}"))
            .arg(format!("--advertise-client-urls={client_url}"))
            // There are no peers; the flag cannot be empty.
            .arg("--listen-peer-urls=http://127.0.0.1:0")
            .arg("--log-level=warn");
        if !self.options.durable {
            command.arg("--unsafe-no-fsync");
        }
        command
    }

    fn api_server(&self) -> Command {
        let file = |name: &str| self.dir().join(name).display().to_string();
        let mut command = Command::new(&self.assets.kube_apiserver);
        command
            .arg(format!("--etcd-servers=http://{}", self.etcd_port.address()))
            .arg("--bind-address=127.0.0.1")
            .arg(format!("--secure-port={}", self.api_port.number()))
            .arg(format!("--cert-dir={}", file("apiserver")))
            .arg(format!("--tls-cert-file={}", file(pki::SERVER_CERTIFICATE)))
            .arg(format!("--tls-private-key-file={}", file(pki::SERVER_KEY)))
            .arg(format!("--client-ca-file={}", file(pki::CA_CERTIFICATE)))
            .arg("--authorization-mode=RBAC")
            // With an issuer and a key, tokens for service accounts can be requested and are accepted.
            .arg("--service-account-issuer=https://kubernetes.default.svc")
            .arg(format!("--service-account-key-file={}", file(pki::SERVICE_ACCOUNT_PUBLIC_KEY)))
            .arg(format!("--service-account-signing-key-file={}", file(pki::SERVICE_ACCOUNT_KEY)))
            .arg("--service-cluster-ip-range=10.0.0.0/24")
            // The `kubernetes` Service cannot point at a loopback address, and there is no node to reach it from.
            .arg("--advertise-address=127.0.0.1")
            .arg("--endpoint-reconciler-type=none");
        command
    }

    fn controller_manager(&self) -> Command {
        let file = |name: &str| self.dir().join(name).display().to_string();
        let mut command = Command::new(&self.assets.kube_controller_manager);
        command
            .arg(format!("--kubeconfig={}", kubeconfig::admin_path(self.dir()).display()))
            .arg("--leader-elect=false")
            .arg(format!("--service-account-private-key-file={}", file(pki::SERVICE_ACCOUNT_KEY)))
            .arg(format!("--root-ca-file={}", file(pki::CA_CERTIFICATE)))
            // Its own server, which nobody here asks, would need one more port.
            .arg("--secure-port=0")
            .arg("--kube-api-qps=200")
            .arg("--kube-api-burst=400");
        command
    }
}
