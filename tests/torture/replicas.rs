//! Three operators as processes, each behind a proxy of its own, that can be mistreated.

use std::time::Duration;

use kube::Api;
use rollcall::api::Team;
use rollcall_dev::{Component, Signal};
use tokio::sync::Mutex;

use crate::{
    api_proxy::{ApiProxy, Passes},
    operator::{Operator, eventually, plane},
    random::Random,
    scim::Scim,
    service::Service,
};

/// How long a replica that has died is waited for, where replicas die.
pub const SHORT_LEASE: &str = "3s";

/// The same where none does, so that none that is slow on a busy machine is taken for dead.
pub const LONG_LEASE: &str = "30s";

/// One operator.
pub struct Replica {
    operator: Mutex<Operator>,
    admin: String,
    proxy: ApiProxy,
}

/// Something that happens to a replica, or to all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL, and another process after a while.
    Kill,
    /// SIGSTOP, and SIGCONT after a while.
    Pause,
    /// What the API server tells its watchers comes late.
    DelayWatches,
    /// Writes reach the API server, and their answers get lost.
    LoseAnswers,
    /// Writes reach the API server, which says 504.
    Doubt,
    /// Nothing reaches the API server, and nothing comes back.
    CutOff,
    /// The API server is killed, and started again.
    ApiServer,
}

impl Fault {
    pub const ALL: [Self; 7] = [
        Self::Kill,
        Self::Pause,
        Self::DelayWatches,
        Self::LoseAnswers,
        Self::Doubt,
        Self::CutOff,
        Self::ApiServer,
    ];

    /// How long it lasts at most, in milliseconds.
    fn longest(self) -> usize {
        match self {
            Self::Kill => 2_000,
            // Beyond the lease, so that others go on without it, and it wakes in another world.
            Self::Pause | Self::DelayWatches | Self::CutOff => 5_000,
            Self::LoseAnswers | Self::Doubt => 800,
            Self::ApiServer => 500,
        }
    }
}

/// Starts replicas, and a tenant; `peers` says of each whether it knows that it is not alone.
pub async fn start(peers: &[bool], lease: &str) -> (Vec<Replica>, Service) {
    let mut operators = vec![Operator::prepare().await];
    for _ in 1..peers.len() {
        operators.push(operators[0].beside());
    }
    let url = operators[0].url.clone();
    let mut replicas = Vec::new();
    let (mut urls, client, namespace) =
        (Vec::new(), operators[0].client.clone(), operators[0].namespace.clone());
    for (mut operator, has_peers) in operators.into_iter().zip(peers) {
        let proxy = ApiProxy::start(plane()).await;
        operator.reach_through(proxy.url());
        if *has_peers {
            operator.one_of_many(lease);
        }
        urls.push(operator.url.clone());
        // Whoever leads says where the tenant is; it should always say the same.
        let at = operator.arguments.iter().position(|it| it == "--external-url").unwrap();
        operator.arguments[at + 1].clone_from(&url);
        operator.launch().await;
        let admin = operator.admin.clone();
        replicas.push(Replica { operator: Mutex::new(operator), admin, proxy });
    }
    let scim = Scim::connect(&client, &namespace).await;
    let path = format!("/scim/{namespace}/okta/v2");
    let urls = urls.into_iter().map(|url| format!("{url}{path}")).collect();
    for replica in &replicas {
        replica.until_ready().await;
    }
    (replicas, Service::new(urls, scim.token().to_owned()))
}

impl Replica {
    /// What passes between it and the API server.
    pub fn let_pass(&self, passes: Passes) {
        self.proxy.set(passes);
    }

    pub async fn until_ready(&self) {
        let ready = format!("{}/readyz", self.admin);
        eventually("a replica is ready", || async {
            let answer = reqwest::get(&ready).await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    }

    /// How many writes of users, and of the claims on their names, wait since [`Passes::AllButWrites`]. A request makes one
    /// after the other, so each of them is another request. The leader's own, which take finalizers off, are no request's:
    /// it patches, and requests never do.
    pub fn held(&self) -> usize {
        let is_of_a_request = |write: &&String| {
            !write.starts_with("PATCH ") && (write.contains("/users") || write.contains("/leases"))
        };
        self.proxy.held().iter().filter(is_of_a_request).count()
    }

    /// Sends it SIGTERM, and waits until it knows.
    pub async fn terminate(&self) {
        let operator = self.operator.lock().await;
        let said = operator.log().len();
        operator.signal(Signal::TERM);
        eventually("it stops", || async { operator.log()[said..].contains("stopping").then_some(()) }).await;
    }

    /// Waits until it has ended after [`Replica::terminate`], and starts another process.
    pub async fn come_back(&self) {
        let mut operator = self.operator.lock().await;
        assert!(operator.end().await, "an operator has not ended well:\n{}", operator.log());
        self.proxy.renew();
        operator.spawn();
        drop(operator);
        self.until_ready().await;
    }

    /// Starts it anew while there is no API server, which comes only when it has noticed that.
    pub async fn start_before_the_api_server(&self) {
        let mut operator = self.operator.lock().await;
        operator.kill();
        let said = operator.log().len();
        self.proxy.renew();
        plane().kill(Component::ApiServer).unwrap();
        operator.spawn();
        eventually("it notices that there is no API server", || async {
            operator.log()[said..].contains("can't start yet").then_some(())
        })
        .await;
        start_api_server().await;
        self.until_ready().await;
        assert!(!operator.has_ended(), "{}", operator.log());
    }

    /// How many shards' slices a group has.
    pub async fn slices(&self, id: &str) -> usize {
        let operator = self.operator.lock().await;
        let teams: Api<Team> = Api::namespaced(operator.client.clone(), &operator.namespace);
        let team = teams.get(id).await.unwrap();
        team.spec.membership.slices.iter().filter(|name| !name.is_empty()).count()
    }

    /// Lets it suffer for a while, and be well again.
    pub async fn suffer(&self, fault: Fault, random: &mut Random) {
        let longest = fault.longest();
        let time = u64::try_from(longest / 4 + random.below(longest)).unwrap();
        let a_while = tokio::time::sleep(Duration::from_millis(time));
        let mut operator = self.operator.lock().await;
        assert!(!operator.has_ended(), "an operator has ended by itself:\n{}", operator.log());
        match fault {
            Fault::Kill => {
                operator.kill();
                self.proxy.renew();
                a_while.await;
                operator.spawn();
            }
            Fault::Pause => {
                operator.signal(Signal::STOP);
                a_while.await;
                operator.signal(Signal::CONT);
            }
            Fault::DelayWatches => self.pass_for(Passes::AllButWatches, a_while).await,
            Fault::LoseAnswers => self.pass_for(Passes::AllButAnswers, a_while).await,
            Fault::Doubt => self.pass_for(Passes::Doubts, a_while).await,
            Fault::CutOff => self.pass_for(Passes::Nothing, a_while).await,
            Fault::ApiServer => {
                plane().kill(Component::ApiServer).unwrap();
                a_while.await;
                start_api_server().await;
            }
        }
    }

    async fn pass_for(&self, passes: Passes, a_while: impl Future<Output = ()>) {
        self.proxy.set(passes);
        a_while.await;
        self.proxy.set(Passes::Everything);
    }
}

async fn start_api_server() {
    let start = || plane().start_component(Component::ApiServer).unwrap();
    tokio::task::spawn_blocking(start).await.unwrap();
}

/// Lets the replicas suffer by turns, mostly one and sometimes two at a time, until `stop`.
pub async fn torture(
    replicas: &[Replica],
    random: &mut Random,
    stop: impl Future<Output = ()>,
) -> Vec<String> {
    let mut done = Vec::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let mut faults = Fault::ALL;
        random.shuffle(&mut faults);
        for fault in faults {
            let first = random.below(replicas.len());
            let second = (first + 1) % replicas.len();
            done.push(format!("{fault:?} {first}"));
            let (mut one, mut two) = (random.split(), random.split());
            let other = *random.pick(&[Fault::Kill, Fault::Pause, Fault::DelayWatches, Fault::CutOff]);
            if random.percent(30) {
                done.push(format!("with {other:?} {second}"));
                let others = replicas[second].suffer(other, &mut two);
                tokio::join!(replicas[first].suffer(fault, &mut one), others);
            } else {
                replicas[first].suffer(fault, &mut one).await;
            }
            let moment = Duration::from_millis(u64::try_from(random.below(1_000)).unwrap());
            tokio::select! {
                () = &mut stop => return done,
                () = tokio::time::sleep(moment) => {}
            }
        }
    }
}
