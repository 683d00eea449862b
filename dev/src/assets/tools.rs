//! The five programs, and the Go modules that pin them.
//!
//! To move to another release: `go get -tool PACKAGE@VERSION` in the module's directory. For Kubernetes v1.X.Y, first
//! set every `replace` in its go.mod to v0.X.Y: it requires its staging modules at v0.0.0, which does not exist.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Doing, Error};

/// In the order in which they are built.
pub(super) const TOOLS: [&Tool; 5] = [&ETCD, &KUBE_APISERVER, &KUBE_CONTROLLER_MANAGER, &KUBECTL, &HELM];

pub(super) const ETCD: Tool =
    Tool { name: "etcd", module: Module::Etcd, package: "go.etcd.io/etcd/server/v3" };
pub(super) const KUBE_APISERVER: Tool = kubernetes("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver");
pub(super) const KUBE_CONTROLLER_MANAGER: Tool =
    kubernetes("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager");
pub(super) const KUBECTL: Tool = kubernetes("kubectl", "k8s.io/kubernetes/cmd/kubectl");
pub(super) const HELM: Tool =
    Tool { name: "helm", module: Module::Helm, package: "helm.sh/helm/v4/cmd/helm" };

/// One program.
#[derive(Debug)]
pub(super) struct Tool {
    pub(super) name: &'static str,
    pub(super) module: Module,
    pub(super) package: &'static str,
}

/// A tool module in `dev/controlplane/`. There are three because their requirements differ.
#[derive(Debug, Clone, Copy)]
pub(super) enum Module {
    Etcd,
    Kubernetes,
    Helm,
}

impl Module {
    pub(super) const ALL: [Self; 3] = [Self::Etcd, Self::Kubernetes, Self::Helm];

    pub(super) fn directory(self) -> PathBuf {
        let name = match self {
            Self::Etcd => "etcd",
            Self::Kubernetes => "kubernetes",
            Self::Helm => "helm",
        };
        Path::new(env!("CARGO_MANIFEST_DIR")).join("controlplane").join(name)
    }

    /// The module that brings the programs, whose version is theirs.
    fn upstream(self) -> &'static str {
        match self {
            Self::Etcd => "go.etcd.io/etcd/server/v3",
            Self::Kubernetes => "k8s.io/kubernetes",
            Self::Helm => "helm.sh/helm/v4",
        }
    }

    /// The version that go.mod pins, `v1.2.3`.
    pub(super) fn version(self) -> Result<String, Error> {
        let path = self.directory().join("go.mod");
        let text = fs::read_to_string(&path).doing(|| format!("read {}", path.display()))?;
        text.lines()
            .filter_map(|line| line.trim().trim_start_matches("require ").split_once(' '))
            .find(|(module, version)| *module == self.upstream() && version.starts_with('v'))
            .and_then(|(_, version)| version.split_whitespace().next().map(str::to_owned))
            .ok_or(Error::Unpinned { path, module: self.upstream() })
    }

    /// Link-time variables that tell the programs their version, as upstream's own builds set them. Without
    /// them Kubernetes says `v0.0.0-master+$Format` and comparisons of versions fail.
    pub(super) fn version_variables(self, version: &str) -> Vec<String> {
        let set = |variable: &str, value: &str| format!("-X {variable}={value}");
        match self {
            Self::Etcd => Vec::new(),
            Self::Kubernetes => {
                let mut numbers = version.trim_start_matches('v').split('.');
                let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
                ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"]
                    .into_iter()
                    .flat_map(|package| {
                        [
                            set(&format!("{package}.gitVersion"), version),
                            set(&format!("{package}.gitMajor"), major),
                            set(&format!("{package}.gitMinor"), minor),
                        ]
                    })
                    .collect()
            }
            Self::Helm => vec![set("helm.sh/helm/v4/internal/version.version", version)],
        }
    }
}

const fn kubernetes(name: &'static str, package: &'static str) -> Tool {
    Tool { name, module: Module::Kubernetes, package }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_has_a_pinned_version() {
        for tool in TOOLS {
            assert!(tool.module.version().unwrap().starts_with('v'), "{}", tool.name);
        }
    }
}
