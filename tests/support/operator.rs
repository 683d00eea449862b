//! The operator as a process of its own, in a namespace of its own, on the API server that this process shares.

use std::{
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use rollcall_dev::{
    ControlPlane, Process, Signal,
    chart::Release,
    ports::{self, Port},
};

/// How long a condition may take before a test gives up on it: far more than it takes, as machines may be busy.
const PATIENCE: Duration = Duration::from_mins(2);

/// How long a leader that was killed is waited for. A leader must renew within two thirds of it, a third of which is for
/// one answer: with 2 s, an operator on a busy machine lost its leadership again and again, and got nothing done.
const LEASE: &str = "6s";

/// How many lines of an operator's log a failed test shows.
const TOLD: usize = 300;

/// The chart's values that say what an operator under test may do.
const RIGHTS: &str = "rbac: {enabled: true, clusterWide: true, bindableRoles: [view, edit]}";

/// A namespace with an operator that looks after it alone.
pub struct Operator {
    pub namespace: String,
    pub url: String,
    pub admin: String,
    pub client: Client,
    pub arguments: Vec<String>,
    kubeconfig: PathBuf,
    process: Option<Process>,
    log: PathBuf,
    /// They stay ours while it is dead.
    #[allow(dead_code, reason = "held, not read")]
    ports: Vec<Port>,
}

impl Operator {
    /// Starts it in a fresh namespace, and waits until it is ready.
    pub async fn start() -> Self {
        let mut operator = Self::prepare().await;
        operator.launch().await;
        operator
    }

    /// A namespace, and everything for an operator but the operator itself.
    pub async fn prepare() -> Self {
        static NAMESPACES: AtomicUsize = AtomicUsize::new(0);
        _ = rustls::crypto::ring::default_provider().install_default();
        let namespace = format!("operator-{}", NAMESPACES.fetch_add(1, Ordering::Relaxed));
        let client = client(&namespace).await;
        let kubeconfig = grant(&namespace).await;
        Self::of(namespace, client, kubeconfig)
    }

    /// Another replica, which is not started yet. Both must have been made [`Operator::one_of_many`] before they run.
    pub fn beside(&self) -> Self {
        Self::of(self.namespace.clone(), self.client.clone(), self.kubeconfig.clone())
    }

    fn of(namespace: String, client: Client, kubeconfig: PathBuf) -> Self {
        let (scim, admin) = (ports::reserve().unwrap(), ports::reserve().unwrap());
        let (url, listen) = (format!("http://{}", scim.address()), scim.address());
        let arguments =
            ["run", "--listen", &listen, "--admin-listen", &admin.address(), "--external-url", &url]
                .into_iter()
                .chain([
                    "--namespaces",
                    &namespace,
                    "--operator-namespace",
                    &namespace,
                    "--lease-duration",
                    LEASE,
                ])
                .chain(["--log-level", "debug,hyper=info,h2=info,tower=info,kube=info"])
                .map(str::to_owned)
                .collect();
        let log = plane().dir().join(format!("{namespace}-{}.log", scim.number()));
        let admin_url = format!("http://{}", admin.address());
        Self {
            namespace,
            url,
            admin: admin_url,
            client,
            arguments,
            kubeconfig,
            process: None,
            log,
            ports: vec![scim, admin],
        }
    }

    /// Makes it one of several replicas, with leases of this duration.
    pub fn one_of_many(&mut self, lease_duration: &str) {
        let port = ports::reserve().unwrap();
        let address = port.address();
        let more = ["--peers", "--peer-listen", &address, "--peer-address", &address];
        self.arguments.extend(more.map(str::to_owned));
        let at = self.arguments.iter().position(|it| it == "--lease-duration").unwrap();
        lease_duration.clone_into(&mut self.arguments[at + 1]);
        self.ports.push(port);
    }

    /// Lets it reach the API server under another URL, from its next start on.
    pub fn reach_through(&mut self, url: &str) {
        let text = std::fs::read_to_string(&self.kubeconfig).unwrap().replace(plane().url(), url);
        // Beside the other, as it names files that are there.
        let port = url.rsplit(':').next().unwrap();
        self.kubeconfig.set_extension(port);
        std::fs::write(&self.kubeconfig, text).unwrap();
    }

    /// Starts the process, and waits until it is ready.
    pub async fn launch(&mut self) {
        self.spawn();
        let ready = format!("{}/readyz", self.admin);
        eventually("the operator is ready", || async {
            let answer = reqwest::get(&ready).await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    }

    /// Starts the process.
    pub fn spawn(&mut self) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
        command.env("KUBECONFIG", &self.kubeconfig).args(&self.arguments);
        self.process = Some(plane().spawn(&self.namespace, &mut command, &self.log).unwrap());
    }

    /// What it has logged so far, in all its lives.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Sends it a signal, `Signal::STOP` for instance.
    pub fn signal(&self, signal: Signal) {
        self.process.as_ref().unwrap().signal(signal).unwrap();
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| process.ended().unwrap().is_some())
    }

    /// Ends it without a warning.
    pub fn kill(&mut self) {
        self.process.take().unwrap().kill().unwrap();
    }

    /// Waits until it has ended, having been told to; true if it ended well.
    pub async fn end(&mut self) -> bool {
        let mut process = self.process.take().unwrap();
        eventually("the operator has ended", || {
            let ended = process.ended().unwrap();
            async move { ended.map(|status| status.success()) }
        })
        .await
    }

    /// Asks it to stop, and waits for that; true if it ended well.
    pub async fn stop(&mut self) -> bool {
        let process = self.process.take().unwrap();
        tokio::task::spawn_blocking(move || process.stop(PATIENCE).unwrap().success()).await.unwrap()
    }
}

/// The log is gone with the control plane, and whoever reads of a failure wants it.
impl Drop for Operator {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read(&self.log).unwrap_or_default();
            let log = String::from_utf8_lossy(&log);
            let lines: Vec<&str> = log.lines().collect();
            let told = &lines[lines.len().saturating_sub(TOLD)..];
            eprintln!("the end of {}:\n{}", self.log.display(), told.join("\n"));
        }
    }
}

/// The API server, with our CRDs, that the tests of this process share.
pub fn plane() -> &'static ControlPlane {
    rollcall_dev::shared::control_plane().unwrap()
}

/// Waits until `observe` finds something. What never comes fails; how fast it comes is a matter of benchmarks.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut observe: impl FnMut() -> F) -> T {
    let start = Instant::now();
    loop {
        if let Some(seen) = observe().await {
            return seen;
        }
        assert!(start.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The rights that the chart gives to an operator in this namespace; those of every operator that is tested.
async fn grant(namespace: &str) -> PathBuf {
    let namespace = namespace.to_owned();
    let granted = tokio::task::spawn_blocking(move || {
        Release::new(plane(), &namespace, &namespace, RIGHTS).grant().unwrap().kubeconfig
    });
    granted.await.unwrap()
}

async fn client(namespace: &str) -> Client {
    let namespace = namespace.to_owned();
    let kubeconfig = tokio::task::spawn_blocking(move || {
        let crds: Vec<String> =
            rollcall::api::crds().iter().map(|crd| serde_json::to_string(crd).unwrap()).collect();
        plane().apply(&crds.join("\n---\n")).unwrap();
        plane().wait_for_kinds().unwrap();
        plane().kubectl(&["create", "namespace", &namespace]).unwrap();
        plane().kubeconfig_path()
    });
    let kubeconfig = Kubeconfig::read_from(kubeconfig.await.unwrap()).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}
