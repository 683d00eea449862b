//! The operator's binary and its command line.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rollcall_dev::ports::{self, Port};
use ureq::Agent;

use super::error::{CommandError, Doing};

/// The namespace that everything of `up` is in.
pub(crate) const NAMESPACE: &str = "rollcall-demo";

/// The operator to run: the one that `ROLLCALL_BIN` names, or this tree's, built now.
pub(crate) fn binary() -> Result<PathBuf, CommandError> {
    if let Some(path) = env::var_os("ROLLCALL_BIN").filter(|path| !path.is_empty()).map(PathBuf::from) {
        return if path.is_file() { Ok(path) } else { Err(CommandError::NoOperator { path }) };
    }
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(root())
        .args(["build", "--release", "--package", "rollcall"])
        .status()
        .doing(|| "start `cargo build`".to_owned())?;
    if !status.success() {
        return Err(CommandError::OperatorBuild { status });
    }
    Ok(target()?.join("release/rollcall"))
}

/// Where cargo builds: we are TARGET/debug/rollcall-dev, wherever TARGET is configured to be.
pub(crate) fn target() -> Result<PathBuf, CommandError> {
    let ourselves = env::current_exe().doing(|| "find this program".to_owned())?;
    Ok(ourselves.ancestors().nth(2).unwrap_or(Path::new("target")).to_owned())
}

/// The working tree.
pub(crate) fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}

/// The three ports of one operator process.
#[derive(Debug)]
pub(crate) struct Ports {
    scim: Port,
    admin: Port,
    peers: Port,
}

impl Ports {
    pub(crate) fn reserve() -> Result<Self, CommandError> {
        Ok(Self { scim: ports::reserve()?, admin: ports::reserve()?, peers: ports::reserve()? })
    }

    /// Where the receiver listens.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.scim.address())
    }

    pub(crate) fn ready_url(&self) -> String {
        format!("http://{}/readyz", self.admin.address())
    }

    pub(crate) fn metrics_url(&self) -> String {
        format!("http://{}/metrics", self.admin.address())
    }

    /// How an operator on these ports is started, for tenants of `namespace`; alone, or as one of several that share
    /// `external_url`.
    pub(crate) fn command(
        &self,
        binary: &Path,
        kubeconfig: &Path,
        namespace: &str,
        external_url: &str,
        shared: bool,
    ) -> Command {
        let mut command = Command::new(binary);
        command
            .env("KUBECONFIG", kubeconfig)
            .arg("run")
            .args(["--listen", &self.scim.address()])
            .args(["--admin-listen", &self.admin.address()])
            .args(["--peer-listen", &self.peers.address()])
            .args(["--peer-address", &self.peers.address()])
            .args(["--external-url", external_url])
            .args(["--namespaces", namespace])
            .args(["--operator-namespace", namespace]);
        if shared {
            command.arg("--peers");
        }
        command
    }
}

/// Whether a GET of `url` is answered with success. Any failure is a no: who asks tells people, or asks again.
pub(crate) fn answers(url: &str) -> bool {
    let patience = Some(Duration::from_secs(2));
    let agent = Agent::config_builder().proxy(None).timeout_global(patience).build().new_agent();
    agent.get(url).call().is_ok()
}
