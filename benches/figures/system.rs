//! The system that is measured: a control plane of its own, the operator as the release build has it, and one tenant.

use std::{
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Client, Config,
    api::PostParams,
    config::{KubeConfigOptions, Kubeconfig},
};
use rollcall::api::{ScimTenant, ScimTenantSpec};
use rollcall_dev::{ControlPlane, Options, Process, chart::Release, ports};

use crate::load::{Ask, Failure, Server};

/// Where everything is.
const NAMESPACE: &str = "scale";

/// Where a bare client puts objects that no operator looks at.
pub const BARE: &str = "bare";

/// What the chart is told: roles may be granted anywhere.
const RIGHTS: &str = "rbac: {enabled: true, clusterWide: true, bindableRoles: [view]}";

/// How long anything may take to come up.
const PATIENCE: Duration = Duration::from_mins(2);

/// What runs.
pub struct System {
    pub plane: ControlPlane,
    /// With every right, for what is not asked over SCIM.
    pub client: Client,
    pub operator: Operator,
}

/// One replica.
pub struct Operator {
    arguments: Vec<String>,
    address: String,
    admin: Server,
    kubeconfig: PathBuf,
    process: Option<Process>,
}

/// A tenant, as its identity provider has it.
#[derive(Clone, Debug)]
pub struct Tenant {
    pub server: Server,
    /// What every path begins with.
    pub base: String,
}

impl System {
    /// Starts all of it. etcd flushes every write to the disk, as it does anywhere else.
    pub async fn start() -> Result<Self, Failure> {
        _ = rustls::crypto::ring::default_provider().install_default();
        let (plane, kubeconfig) = tokio::task::spawn_blocking(prepare).await??;
        let admin = Kubeconfig::read_from(plane.kubeconfig_path())?;
        let config = Config::from_custom_kubeconfig(admin, &KubeConfigOptions::default()).await?;
        let client = Client::try_from(config)?;
        let mut operator = Operator::new(kubeconfig)?;
        operator.launch(&plane).await?;
        Ok(Self { plane, client, operator })
    }

    /// Objects in the namespace of it all.
    pub fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }

    /// Declares a tenant, and waits until its token is accepted.
    pub async fn tenant(&self, name: &str) -> Result<Tenant, Failure> {
        let tenant = ScimTenant::new(name, ScimTenantSpec::default());
        self.api::<ScimTenant>().create(&PostParams::default(), &tenant).await?;
        let secrets = self.api::<Secret>();
        let secret = format!("{name}-default");
        let token = eventually("the tenant has a token", || async {
            let data = secrets.get_opt(&secret).await.ok()??.data?;
            String::from_utf8(data.get("token")?.0.clone()).ok()
        })
        .await;
        let server =
            Server { address: self.operator.address.clone(), authorization: format!("Bearer {token}") };
        let tenant = Tenant { server, base: format!("/scim/{NAMESPACE}/{name}/v2") };
        let (method, path) = ("GET", format!("{}/Users?count=0", tenant.base));
        eventually("the token is accepted", || async {
            let ask = Ask { method, path: path.clone(), body: String::new() };
            (tenant.server.once(ask).await.ok()?.0 == 200).then_some(())
        })
        .await;
        Ok(tenant)
    }
}

impl Operator {
    fn new(kubeconfig: PathBuf) -> Result<Self, Failure> {
        let (scim, admin) = (ports::reserve()?, ports::reserve()?);
        let (address, url) = (scim.address(), format!("http://{}", scim.address()));
        let admin = Server { address: admin.address(), authorization: String::new() };
        let arguments = ["run", "--listen", &address, "--admin-listen", &admin.address]
            .into_iter()
            .chain(["--external-url", &url, "--namespaces", NAMESPACE, "--operator-namespace", NAMESPACE])
            .map(str::to_owned)
            .collect();
        Ok(Self { arguments, address, admin, kubeconfig, process: None })
    }

    /// Starts the process, and gives back how long it took to be ready.
    pub async fn launch(&mut self, plane: &ControlPlane) -> Result<Duration, Failure> {
        let started = Instant::now();
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
        command.env("KUBECONFIG", &self.kubeconfig).args(&self.arguments);
        self.process = Some(plane.spawn("operator", &mut command, &plane.dir().join("operator.log"))?);
        let ready = || Ask { method: "GET", path: "/readyz".to_owned(), body: String::new() };
        eventually("the operator is ready", || async {
            (self.admin.once(ready()).await.ok()?.0 == 200).then_some(())
        })
        .await;
        Ok(started.elapsed())
    }

    /// Ends it as a crash does.
    pub fn kill(&mut self) -> Result<(), Failure> {
        self.process.take().ok_or("the operator does not run")?.kill()?;
        Ok(())
    }

    /// One of its metrics: the first line that begins like this.
    pub async fn metric(&self, line: &str) -> Option<f64> {
        let ask = Ask { method: "GET", path: "/metrics".to_owned(), body: String::new() };
        let (_, text) = self.admin.once(ask).await.ok()?;
        std::str::from_utf8(&text).ok()?.lines().find_map(|it| it.strip_prefix(line)?.trim().parse().ok())
    }

    /// Its process id.
    pub fn pid(&self) -> Result<u32, Failure> {
        Ok(self.process.as_ref().ok_or("the operator does not run")?.pid())
    }
}

impl Tenant {
    /// One request below the tenant's URL.
    pub fn ask(&self, method: &'static str, path: &str, body: impl Into<String>) -> Ask {
        Ask { method, path: format!("{}{path}", self.base), body: body.into() }
    }
}

/// Waits until `look` finds something.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let started = Instant::now();
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(started.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A control plane with our kinds, the namespace, and an account with the chart's rights in it.
fn prepare() -> Result<(ControlPlane, PathBuf), Failure> {
    let plane = ControlPlane::start(Options { durable: true, ..Options::default() })?;
    let crds: Result<Vec<String>, _> = rollcall::api::crds().iter().map(serde_json::to_string).collect();
    plane.apply(&crds?.join("\n---\n"))?;
    plane.wait_for_kinds()?;
    for namespace in [NAMESPACE, BARE] {
        plane.kubectl(&["create", "namespace", namespace])?;
    }
    let kubeconfig = Release::new(&plane, NAMESPACE, NAMESPACE, RIGHTS).grant()?.kubeconfig;
    Ok((plane, kubeconfig))
}
