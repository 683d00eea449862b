//! A Kubernetes control plane: etcd, kube-apiserver and kube-controller-manager as real processes.

mod api;
mod components;
mod kinds;
mod kubeconfig;
mod pki;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::Signal;
use crate::assets::{self, Assets};
use crate::error::{Doing, Error};
use crate::family::{Family, Process};
use crate::ports::{self, Port};
use api::Api;
pub use components::Component;
use components::Slots;

/// How long a component may take. It takes about two seconds; a machine that is building may be slow.
const PATIENCE: Duration = Duration::from_secs(90);

/// How to start a control plane.
#[derive(Debug, Clone)]
pub struct Options {
    /// Runs kube-controller-manager: garbage collection, deletion of namespaces, service accounts.
    pub controller_manager: bool,
    /// Lets etcd flush every write to the disk. Without, data survives a killed etcd, but not a lost machine.
    pub durable: bool,
    /// Where `etcd.log` and the others are written; the private directory when `None`.
    pub logs: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self { controller_manager: true, durable: false, logs: None }
    }
}

/// A running control plane. Everything of it is gone once this is dropped, or its process has ended.
#[derive(Debug)]
pub struct ControlPlane {
    assets: Assets,
    options: Options,
    api: Api,
    // Dropped in this order: the components, then the family and with it the directory, then the ports.
    running: Mutex<Slots>,
    family: Family,
    etcd_port: Port,
    api_port: Port,
}

impl ControlPlane {
    /// Starts a control plane and waits until it is ready; builds what it needs when that is missing.
    pub fn start(options: Options) -> Result<Self, Error> {
        let assets = assets::locate()?;
        let family = Family::new()?;
        let identities = pki::write(family.dir())?;
        let (etcd_port, api_port) = (ports::reserve()?, ports::reserve()?);
        let url = format!("https://{}", api_port.address());
        kubeconfig::write_admin(family.dir(), &url)?;
        let api = Api::new(url, &identities)?;
        let running = Mutex::new(Slots::default());
        let plane = Self { assets, options, api, running, family, etcd_port, api_port };
        plane.start_component(Component::Etcd)?;
        plane.start_component(Component::ApiServer)?;
        if plane.options.controller_manager {
            plane.start_component(Component::ControllerManager)?;
        }
        Ok(plane)
    }

    /// The API server's URL.
    pub fn url(&self) -> &str {
        self.api.url()
    }

    /// A kubeconfig whose user may do everything.
    pub fn kubeconfig_path(&self) -> PathBuf {
        kubeconfig::admin_path(self.dir())
    }

    /// Writes a kubeconfig for whom `token` belongs to, a service account for instance. `name` becomes part
    /// of the file's name; the same name overwrites.
    pub fn kubeconfig_for(&self, name: &str, token: &str) -> Result<PathBuf, Error> {
        kubeconfig::write_token(self.dir(), self.url(), name, token)
    }

    /// The private directory: certificates, data, kubeconfigs.
    pub fn dir(&self) -> &Path {
        self.family.dir()
    }

    /// The programs that this control plane was started from.
    pub fn assets(&self) -> &Assets {
        &self.assets
    }

    /// The file that a component logs to.
    pub fn log(&self, component: Component) -> PathBuf {
        self.options.logs.as_deref().unwrap_or(self.dir()).join(format!("{}.log", component.name()))
    }

    /// Runs kubectl as the administrator and returns what it printed.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<String, Error> {
        self.kubectl_with_input(arguments, "")
    }

    /// Applies manifests, as `kubectl apply --server-side` does, and returns what it printed.
    pub fn apply(&self, manifests: &str) -> Result<String, Error> {
        self.kubectl_with_input(&["apply", "--server-side", "-f", "-"], manifests)
    }

    /// Starts another program that ends with this control plane, an operator for instance.
    pub fn spawn(&self, name: &str, command: &mut Command, log: &Path) -> Result<Process, Error> {
        self.family.spawn(name, command, log)
    }

    /// The process id of a component that runs.
    pub fn pid(&self, component: Component) -> Result<u32, Error> {
        let mut running = self.running();
        let process = running.slot(component).as_ref();
        process.map(Process::pid).ok_or(Error::NotRunning { name: component.name() })
    }

    /// Stops a component from running (SIGSTOP): its connections stay open and nothing answers.
    pub fn pause(&self, component: Component) -> Result<(), Error> {
        self.signal(component, Signal::STOP)
    }

    /// Lets a paused component go on (SIGCONT).
    pub fn resume(&self, component: Component) -> Result<(), Error> {
        self.signal(component, Signal::CONT)
    }

    /// Kills a component (SIGKILL) and waits until it is gone; what it stored stays.
    pub fn kill(&self, component: Component) -> Result<(), Error> {
        let process = self.running().slot(component).take();
        process.ok_or(Error::NotRunning { name: component.name() })?.kill().map(drop)
    }

    /// Starts a killed component again, on the same port and data, and waits until it is ready.
    pub fn start_component(&self, component: Component) -> Result<(), Error> {
        if self.running().slot(component).is_some() {
            return Err(Error::Running { name: component.name() });
        }
        let mut command = self.command(component);
        let mut process = self.spawn(component.name(), &mut command, &self.log(component))?;
        match component {
            // The API server waits for etcd by itself, and starts sooner when it need not wait for us.
            Component::Etcd => {}
            Component::ApiServer => {
                process.wait_until("the API server's readiness", PATIENCE, || self.api.answers("/readyz"))?;
            }
            Component::ControllerManager => {
                // Its controllers run once the first of their works is done.
                let account = "/api/v1/namespaces/default/serviceaccounts/default";
                process.wait_until("the default service account", PATIENCE, || self.api.answers(account))?;
            }
        }
        *self.running().slot(component) = Some(process);
        Ok(())
    }

    fn signal(&self, component: Component, signal: Signal) -> Result<(), Error> {
        let mut running = self.running();
        let process = running.slot(component).as_ref();
        process.ok_or(Error::NotRunning { name: component.name() })?.signal(signal)
    }

    fn running(&self) -> MutexGuard<'_, Slots> {
        // A slot is a plain value, whole whatever a panicking test did.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kubectl_with_input(&self, arguments: &[&str], input: &str) -> Result<String, Error> {
        let shown = || arguments.join(" ");
        let mut child = Command::new(&self.assets.kubectl)
            .env("KUBECONFIG", self.kubeconfig_path())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .doing(|| "start kubectl".to_owned())?;
        if let Some(mut stdin) = child.stdin.take() {
            // A kubectl that ends early closes the pipe; its own message says why.
            let _ = stdin.write_all(input.as_bytes());
        }
        let Output { status, stdout, stderr } =
            child.wait_with_output().doing(|| format!("wait for `kubectl {}`", shown()))?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        if status.success() {
            Ok(text(stdout))
        } else {
            Err(Error::Kubectl { arguments: shown(), status, stderr: text(stderr).trim_end().to_owned() })
        }
    }
}
