//! Ours, as it is shipped: the optimised binary with its defaults, on an API server whose etcd flushes each write to the
//! disk.

use std::{
    process::Command,
    thread,
    time::{Duration, Instant},
};

use rollcall_dev::{ControlPlane, Options, Process, ports};

use super::Running;
use crate::load::Server;

const NAMESPACE: &str = "bench";
const TENANT: &str = "
apiVersion: rollcall.dev/v1alpha1
kind: ScimTenant
metadata: {name: okta, namespace: bench}
spec: {}
";

/// Ours, and what it stands on.
pub struct Ours {
    pub running: Running,
    // Dropped in this order.
    _operator: Process,
    _plane: ControlPlane,
}

impl Ours {
    pub fn start() -> Self {
        let plane = ControlPlane::start(Options { durable: true, ..Options::default() }).unwrap();
        let crds: Vec<String> =
            rollcall::api::crds().iter().map(|crd| serde_json::to_string(crd).unwrap()).collect();
        plane.apply(&crds.join("\n---\n")).unwrap();
        plane.kubectl(&["wait", "--for=condition=Established", "crd", "--all"]).unwrap();
        plane.kubectl(&["create", "namespace", NAMESPACE]).unwrap();
        plane.apply(TENANT).unwrap();
        let (scim, admin) = (ports::reserve().unwrap(), ports::reserve().unwrap());
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
        command.env("KUBECONFIG", plane.kubeconfig_path());
        command.args(["run", "--listen", &scim.address(), "--admin-listen", &admin.address()]);
        command.args(["--external-url", &format!("http://{}", scim.address())]);
        command.args(["--namespaces", NAMESPACE, "--operator-namespace", NAMESPACE]);
        let operator = plane.spawn("rollcall", &mut command, &plane.dir().join("rollcall.log")).unwrap();
        let token = token(&plane);
        let running = Running {
            server: Server { address: scim.address(), authorization: format!("Bearer {token}") },
            base: format!("/scim/{NAMESPACE}/okta/v2"),
        };
        Self { running, _operator: operator, _plane: plane }
    }
}

/// What the tenant's Secret holds, once the operator has written it.
fn token(plane: &ControlPlane) -> String {
    let template = "-o=go-template={{.data.token | base64decode}}";
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match plane.kubectl(&["get", "secret", "okta-default", "-n", NAMESPACE, template]) {
            Ok(token) if !token.is_empty() => return token,
            other => assert!(Instant::now() < deadline, "no token: {other:?}"),
        }
        thread::sleep(Duration::from_millis(100));
    }
}
