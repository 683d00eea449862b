//! A receiver in this process, over the real API server and with the chart's rights there: for tests that are about what
//! it answers.

use std::{
    path::PathBuf,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::Timestamp;
use k8s_openapi::{NamespaceResourceScope, apimachinery::pkg::apis::meta::v1::Time};
use kube::{
    Api, Client, Config, Resource,
    api::{Patch, PatchParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use rollcall::{
    api::{ScimTenant, ScimTenantSpec, ScimTenantStatus, TokenSpec, TokenStatus},
    receiver::{ReceiverState, RequestMetrics, Settings, serve},
    store::{Namespaces, PeerOptions, Store, Tenants, Token},
};
use rollcall_dev::{ControlPlane, chart::Release};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{endpoint::Endpoint, gate::Gate};

/// How long it may take to hear of something before a test gives up on it: machines may be busy.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running receiver with a namespace of its own.
pub struct Receiver {
    address: String,
    namespace: String,
    client: Client,
    gate: Gate,
    store: Store,
    tenants: Arc<Tenants>,
    stop: CancellationToken,
    parts: Vec<JoinHandle<()>>,
}

static NAMESPACES: AtomicUsize = AtomicUsize::new(0);
static TENANTS: AtomicUsize = AtomicUsize::new(0);

impl Receiver {
    /// Starts it, and waits until it can answer.
    pub async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    /// Starts it with other settings.
    pub async fn start_with(adjust: impl FnOnce(&mut Settings)) -> Self {
        let shared = tokio::task::spawn_blocking(|| (shared_plane(), new_namespace(shared_plane())));
        let (plane, namespace) = shared.await.unwrap();
        Self::start_on(plane, namespace, adjust).await
    }

    /// Starts another one in the same namespace, as a second replica or after a restart.
    pub async fn start_beside(&self) -> Self {
        let plane = tokio::task::spawn_blocking(shared_plane).await.unwrap();
        Self::start_on(plane, self.namespace.clone(), |_| ()).await
    }

    /// Starts it on a control plane that the test means to break, and waits until it can answer.
    pub async fn start_on(
        plane: &ControlPlane,
        namespace: String,
        adjust: impl FnOnce(&mut Settings),
    ) -> Self {
        let rights = granted(plane, &namespace).await;
        let receiver = Self::launch_on(plane, namespace, rights, adjust).await;
        tokio::time::timeout(PATIENCE, receiver.store.wait_until_ready()).await.unwrap();
        receiver
    }

    /// Starts it, whether it can answer or not.
    pub async fn launch_on(
        plane: &ControlPlane,
        namespace: String,
        rights: Config,
        adjust: impl FnOnce(&mut Settings),
    ) -> Self {
        // Another test of this process may have chosen the same provider already.
        _ = rustls::crypto::ring::default_provider().install_default();
        let gate = Gate::open();
        let own = gate.client(rights);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let mut settings = Settings::new(address.parse().unwrap());
        adjust(&mut settings);
        let (store, tenants, stop) = (
            Store::new(own.clone(), PeerOptions::alone()),
            Arc::new(Tenants::default()),
            CancellationToken::new(),
        );
        let state = ReceiverState::new(store.clone(), tenants.clone(), settings, RequestMetrics::default());
        let follow = tokio::spawn({
            let (store, namespaces, stop) = (store.clone(), vec![namespace.clone()], stop.clone());
            async move { store.follow(&namespaces, stop).await }
        });
        let watch = tokio::spawn({
            let (tenants, client, stop) = (tenants.clone(), own, stop.clone());
            let namespaces = Namespaces::from_list(vec![namespace.clone()]);
            async move { tenants.follow(&client, &namespaces, &stop).await }
        });
        let served = tokio::spawn(serve(listener, state, stop.clone().cancelled_owned()));
        let client = Client::try_from(config(plane.kubeconfig_path()).await).unwrap();
        Self { address, namespace, tenants, stop, client, gate, store, parts: vec![follow, watch, served] }
    }

    /// Objects in its namespace, with every right.
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// A client that follows no redirections, as the receiver sends none.
    pub fn http() -> reqwest::Client {
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
    }

    /// A new tenant without users, and a token that may do everything.
    pub async fn tenant(&self) -> Endpoint {
        self.tenant_with(TokenSpec::default(), None, false).await
    }

    /// Changes what a tenant's `spec` says, as a person does by `kubectl patch`.
    pub async fn change(&self, tenant: &Endpoint, spec: serde_json::Value) {
        let name = tenant.url.trim_end_matches("/v2").rsplit('/').next().unwrap();
        let patch = Patch::Merge(serde_json::json!({ "spec": spec }));
        self.api::<ScimTenant>().patch(name, &PatchParams::default(), &patch).await.unwrap();
    }

    /// Where its users and teams are.
    #[allow(dead_code, reason = "only some tests look there")]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// What lies between it and the API server.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// A new tenant whose only token is `token`; with an expiry, and perhaps suspended. The receiver has heard of it.
    pub async fn tenant_with(
        &self,
        token: TokenSpec,
        expires_at: Option<Timestamp>,
        suspend: bool,
    ) -> Endpoint {
        let (name, endpoint) = self.declare_tenant(token, expires_at, suspend).await;
        // Long before any expiry, so that a token that has expired is waited for as well.
        let before = Timestamp::UNIX_EPOCH;
        let known = || self.tenants.authenticate(&self.namespace, &name, &endpoint.token, before).is_some();
        self.until(|| async { known() }).await;
        endpoint
    }

    /// Waits until the receiver has heard of something.
    #[allow(clippy::unused_self, reason = "it is this receiver that hears of it")]
    pub async fn until(&self, heard: impl AsyncFn() -> bool) {
        let until = Instant::now() + PATIENCE;
        while !heard().await {
            assert!(Instant::now() < until, "the receiver has not heard of it");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Such a tenant and its name, whether the receiver has heard of it or not.
    pub async fn declare_tenant(
        &self,
        token: TokenSpec,
        expires_at: Option<Timestamp>,
        suspend: bool,
    ) -> (String, Endpoint) {
        let name = format!("tenant-{}", TENANTS.fetch_add(1, Ordering::Relaxed));
        let issued = Token::issue().unwrap();
        let tokens = vec![TokenSpec { name: "default".to_owned(), ..token }];
        let row = TokenStatus {
            name: "default".to_owned(),
            hash: issued.hash(),
            expires_at: expires_at.map(Time),
            ..TokenStatus::default()
        };
        let mut tenant =
            ScimTenant::new(&name, ScimTenantSpec { tokens, suspend, ..ScimTenantSpec::default() });
        let api: Api<ScimTenant> = Api::namespaced(self.client.clone(), &self.namespace);
        tenant = api.create(&PostParams::default(), &tenant).await.unwrap();
        tenant.status = Some(ScimTenantStatus { tokens: vec![row], ..ScimTenantStatus::default() });
        api.replace_status(&name, &PostParams::default(), &tenant).await.unwrap();
        let url = format!("{}/scim/{}/{name}/v2", self.address, self.namespace);
        (name, Endpoint { url, token: issued.reveal().to_owned() })
    }

    /// What it listens on, without a scheme.
    pub fn authority(&self) -> &str {
        self.address.trim_start_matches("http://")
    }

    /// Tells it to stop. Requests that have begun are still answered.
    pub fn begin_to_stop(&self) {
        self.stop.cancel();
    }

    /// Stops it, as the operator does at its end.
    pub async fn stop(self) {
        self.stop.cancel();
        for part in self.parts {
            part.await.unwrap();
        }
    }
}

/// A namespace that no other test of this process uses.
pub fn new_namespace(plane: &ControlPlane) -> String {
    let name = format!("receiver-{}", NAMESPACES.fetch_add(1, Ordering::Relaxed));
    plane.kubectl(&["create", "namespace", &name]).unwrap();
    name
}

/// Makes our kinds known to an API server.
pub fn install_crds(plane: &ControlPlane) {
    let crds: Vec<String> =
        rollcall::api::crds().iter().map(|crd| serde_json::to_string(crd).unwrap()).collect();
    plane.apply(&crds.join("\n---\n")).unwrap();
    plane.wait_for_kinds().unwrap();
}

/// This process's control plane, which has our CRDs.
fn shared_plane() -> &'static ControlPlane {
    static WITH_CRDS: OnceLock<&ControlPlane> = OnceLock::new();
    WITH_CRDS.get_or_init(|| {
        let plane = rollcall_dev::shared::control_plane().unwrap();
        install_crds(plane);
        plane
    })
}

/// How to be an operator that the chart was installed for in this namespace.
pub async fn granted(plane: &ControlPlane, namespace: &str) -> Config {
    config(Release::new(plane, namespace, namespace, "").grant().unwrap().kubeconfig).await
}

async fn config(kubeconfig: PathBuf) -> Config {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap()
}
