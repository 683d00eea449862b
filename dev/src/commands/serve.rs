//! The background process of `up`: owns the control plane and the operators, and ends with them.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use rollcall_dev::{ControlPlane, Options, Process, Signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::environment::{Environment, Replica};
use super::error::{CommandError, Doing};
use super::operator::{self, NAMESPACE, Ports};
use super::state::State;
use super::tenant::{self, Credentials};

/// How long an operator may take for one step of starting.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long an operator may take to finish what it is doing when it is asked to end.
const GRACE: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// The operator's binary
    #[arg(long)]
    operator: PathBuf,
    /// How many operators
    #[arg(long)]
    replicas: u8,
}

impl Serve {
    /// Starts everything, writes the environment, and waits to be asked to end.
    pub(crate) fn run(&self) -> Result<(), CommandError> {
        // A session of our own: what happens to the terminal that `up` was called in does not reach us.
        rustix::process::setsid().map_err(Into::into).doing(|| "leave the terminal's session".to_owned())?;
        let state = State::open()?;
        let _claim = state.claim()?;
        let logs = Some(state.directory().to_owned());
        let plane = ControlPlane::start(Options { logs, ..Options::default() })?;
        tenant::prepare(&plane, NAMESPACE)?;
        share_key(&plane)?;
        let (mut operators, ports) = self.start_operators(&plane, &state)?;
        let environment = introduce_tenant(&plane, &mut operators, &ports)?;
        let mut signals =
            Signals::new([SIGTERM, SIGINT, SIGHUP]).doing(|| "listen for signals".to_owned())?;
        environment.write(&state.environment())?;
        signals.forever().next();
        stop(operators)
    }

    fn start_operators(
        &self,
        plane: &ControlPlane,
        state: &State,
    ) -> Result<(Vec<Process>, Vec<Ports>), CommandError> {
        let ports = (0..self.replicas).map(|_| Ports::reserve()).collect::<Result<Vec<_>, _>>()?;
        let kubeconfig = plane.kubeconfig_path();
        let mut operators = Vec::new();
        for (index, ours) in ports.iter().enumerate() {
            // All replicas serve the same tenants, whose URL is the first one's.
            let external_url = ports.first().unwrap_or(ours).origin();
            let mut command =
                ours.command(&self.operator, &kubeconfig, NAMESPACE, &external_url, self.replicas > 1);
            // Apps that people try things with run on this machine.
            command.arg("--allow-loopback-downstream");
            let name = format!("operator-{}", index + 1);
            operators.push(plane.spawn(&name, &mut command, &state.file(&format!("{name}.log")))?);
        }
        Ok((operators, ports))
    }
}

/// Makes the key that replicas share.
fn share_key(plane: &ControlPlane) -> Result<(), CommandError> {
    let mut random = [0; 32];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut random))
        .doing(|| "read random bytes from /dev/urandom".to_owned())?;
    let key = random.map(|byte| format!("{byte:02x}")).concat();
    plane.apply(&format!(
        "{{apiVersion: v1, kind: Secret, metadata: {{name: rollcall-peers, namespace: {NAMESPACE}}}, stringData: {{key: \"{key}\"}}}}"
    ))?;
    Ok(())
}

/// Makes the tenant and waits until an identity provider could be pointed at every replica.
fn introduce_tenant(
    plane: &ControlPlane,
    operators: &mut [Process],
    ports: &[Ports],
) -> Result<Environment, CommandError> {
    tenant::apply(plane, NAMESPACE)?;
    let mut credentials = Credentials::default();
    if let Some(first) = operators.first_mut() {
        first.wait_until("the tenant's Secret", PATIENCE, || {
            Credentials::read(plane, NAMESPACE).is_some_and(|found| {
                credentials = found;
                true
            })
        })?;
    }
    let origin = ports.first().map(Ports::origin).unwrap_or_default();
    let mut replicas = Vec::new();
    for (operator, ours) in operators.iter_mut().zip(ports) {
        let replica = Replica {
            pid: operator.pid().to_string(),
            scim_url: credentials.url.replacen(&origin, &ours.origin(), 1),
            metrics_url: ours.metrics_url(),
        };
        operator
            .wait_until("the operator's readiness", PATIENCE, || operator::answers(&replica.ready_url()))?;
        replicas.push(replica);
    }
    Ok(Environment {
        kubeconfig: plane.kubeconfig_path().display().to_string(),
        scim_token: credentials.token,
        assets: plane.assets().search_path(),
        replicas,
    })
}

/// Asks all operators to end, then waits for each.
fn stop(operators: Vec<Process>) -> Result<(), CommandError> {
    for operator in &operators {
        // One that has ended already is waited for below, like the others.
        operator.signal(Signal::TERM)?;
    }
    for operator in operators {
        operator.stop(GRACE)?;
    }
    Ok(())
}
