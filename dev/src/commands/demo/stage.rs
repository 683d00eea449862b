//! What the story is played on: a control plane, the operator under the chart's rights, and the apps.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use rollcall_dev::chart::Release;
use rollcall_dev::peers::scim2_server;
use rollcall_dev::{ControlPlane, Options, Process};

use super::chat::Chat;
use super::cluster::{ACME, Cluster, SHOP};
use super::error::{DemoError, expect};
use super::http::{Answer, Server};
use super::ledger::Ledger;
use super::screen::{Screen, shown};
use crate::commands::operator::{self, Ports};
use crate::commands::tenant;
use serde_json::Value;

/// How long the operator may take to start, and to stop.
const PATIENCE: Duration = Duration::from_mins(2);

/// The chart's values: what an administrator decides about Rollcall's rights.
const VALUES: &str = "rbac: {enabled: true, namespaces: [shop], bindableRoles: [view]}";

/// Everything that runs. Dropped in this order: the operator, the apps, the control plane.
#[derive(Debug)]
pub(super) struct Stage<'a> {
    pub(super) screen: &'a mut Screen,
    pub(super) ledger: Ledger,
    pub(super) began: Instant,
    operator: Option<Process>,
    pub(super) chat: Chat,
    pub(super) cluster: Cluster,
    pub(super) plane: ControlPlane,
    program: Program,
}

/// How the operator is started, each time the same.
#[derive(Debug)]
struct Program {
    binary: PathBuf,
    kubeconfig: PathBuf,
    ports: Ports,
    logs: PathBuf,
}

impl<'a> Stage<'a> {
    /// Starts everything.
    pub(super) fn set(screen: &'a mut Screen, binary: PathBuf, logs: PathBuf) -> Result<Self, DemoError> {
        let began = Instant::now();
        screen.say(
            "Starting a Kubernetes control plane (etcd, kube-apiserver, kube-controller-manager), the operator \
             under the rights that its Helm chart grants, and scim2-server, a SCIM server that others wrote.",
        )?;
        let options = Options { logs: Some(logs.clone()), ..Options::default() };
        let (plane, chat) = thread::scope(|scope| {
            let chat = scope.spawn(scim2_server);
            let plane = ControlPlane::start(options);
            // What panicked there panics here too.
            (plane, chat.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        let (plane, chat) = (plane?, Chat::new(chat?));
        tenant::prepare(&plane, ACME)?;
        plane.kubectl(&["create", "namespace", SHOP])?;
        let kubeconfig = Release::new(&plane, "rollcall", ACME, VALUES).grant()?.kubeconfig;
        let program = Program { binary, kubeconfig, ports: Ports::reserve()?, logs };
        let (cluster, ledger) = (Cluster::new(&plane), Ledger::default());
        let mut stage = Self { screen, ledger, began, operator: None, chat, cluster, plane, program };
        stage.start_operator()?;
        stage.screen.say(&format!("Everything is up after {}.", shown(began.elapsed())))?;
        Ok(stage)
    }

    /// Starts the operator and waits until it is ready.
    pub(super) fn start_operator(&mut self) -> Result<(), DemoError> {
        let Program { binary, kubeconfig, ports, logs } = &self.program;
        let mut command = ports.command(binary, kubeconfig, ACME, &ports.origin(), false);
        command.args(["--rbac-namespaces", SHOP, "--allow-loopback-downstream"]);
        let mut operator = self.plane.spawn("rollcall", &mut command, &logs.join("rollcall.log"))?;
        let ready = ports.ready_url();
        operator.wait_until("the operator's readiness", PATIENCE, || operator::answers(&ready))?;
        self.operator = Some(operator);
        Ok(())
    }

    /// Takes the operator's process away, to be ended in one way or another.
    pub(super) fn take_operator(&mut self) -> Result<Process, DemoError> {
        self.operator.take().ok_or_else(|| DemoError::Unexpected {
            expected: "a running operator".to_owned(),
            found: "none".to_owned(),
        })
    }

    /// Sends a request as Okta and prints it with its answer, which must have this status.
    pub(super) fn okta(
        &self,
        okta: &Server,
        status: u16,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, DemoError> {
        let answer = okta.send(method, path, body)?;
        self.screen.exchange("Okta", (method, path, body), &answer)?;
        answer.with_status(status, &format!("{method} {path}"))
    }

    /// Waits until every team says that both apps agree with it.
    pub(super) fn settle(&self) -> Result<(), DemoError> {
        let condition = "--for=jsonpath={.status.summary}=2/2";
        self.cluster.get(&format!("wait {condition} steam --all -n {ACME} --timeout=60s")).map(drop)
    }

    /// Asks the operator to end as Kubernetes would, and lets everything else go.
    pub(super) fn strike(mut self) -> Result<(), DemoError> {
        let status = self.take_operator()?.stop(PATIENCE)?;
        expect(status.success(), "the operator to stop as asked", || status.to_string())
    }

    /// What the operator has logged.
    pub(super) fn operator_log(&self) -> PathBuf {
        self.program.logs.join("rollcall.log")
    }
}
