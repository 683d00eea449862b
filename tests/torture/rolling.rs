//! What an update of the Deployment does: one replica after the other leaves the Service, gets SIGTERM while it still has
//! requests to answer, and comes back.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    api_proxy::Passes,
    operator::eventually,
    replicas::{self, LONG_LEASE, Replica},
    scim::patch,
    service::{Answer, Service},
};

/// Clients at once.
const CLIENTS: usize = 8;

/// So many requests at least are under way at a replica that is told to end.
const CAUGHT: usize = 2;

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_fails_no_request() {
    let _turn = crate::TURN.lock().await;
    let (replicas, service) = replicas::start(&[true; 3], LONG_LEASE).await;
    let endpoints = (0..replicas.len()).map(Endpoint::new).collect();
    let balancer = Balancer { service, endpoints, turns: AtomicUsize::new(0) };
    let over = AtomicBool::new(false);
    let clients = join_all((0..CLIENTS).map(|client| balancer.come_and_go(client, &over)));
    let restarts = async {
        for (number, replica) in replicas.iter().enumerate() {
            let caught = balancer.restart(number, replica).await;
            eprintln!("replica {number} was told to end with {caught} requests under way");
        }
        over.store(true, Ordering::Relaxed);
    };
    let (stayed, ()) = tokio::join!(clients, restarts);
    assert!(stayed.iter().all(|stayed| *stayed > 0), "{stayed:?}");
    let stayed: usize = stayed.iter().sum();
    for _ in &replicas {
        let (status, left) = balancer.ask(0, Method::GET, "/Users?count=0", Value::Null).await;
        assert_eq!((status, left["totalResults"].as_u64()), (200, u64::try_from(stayed).ok()), "{left}");
    }
}

/// Leads each request to another replica, as a Kubernetes Service does.
struct Balancer {
    service: Service,
    endpoints: Vec<Endpoint>,
    turns: AtomicUsize,
}

/// A replica as the Service sees it.
struct Endpoint {
    number: usize,
    /// Whether it is there for new requests, and how many are under way to it.
    load: Mutex<(bool, usize)>,
}

impl Endpoint {
    fn new(number: usize) -> Self {
        Self { number, load: Mutex::new((true, 0)) }
    }

    /// Takes a new request, if it is there for any.
    fn begin(&self) -> bool {
        let (is_there, under_way) = &mut *self.load.lock().unwrap();
        *under_way += usize::from(*is_there);
        *is_there
    }

    fn end(&self) {
        self.load.lock().unwrap().1 -= 1;
    }

    fn be_there(&self, is_there: bool) {
        self.load.lock().unwrap().0 = is_there;
    }

    fn under_way(&self) -> usize {
        self.load.lock().unwrap().1
    }
}

impl Balancer {
    /// Restarts a replica as Kubernetes does: it gets no new requests, and after a while SIGTERM. The chart's
    /// `preStopSeconds` are there so that what was sent before has reached it by then; here that is awaited. How many
    /// requests it had still to answer when it had heard that it must end: the API server keeps it from answering before.
    async fn restart(&self, number: usize, replica: &Replica) -> usize {
        let endpoint = &self.endpoints[number];
        replica.let_pass(Passes::AllButWrites);
        eventually("requests are under way", || async { (replica.held() >= CAUGHT).then_some(()) }).await;
        endpoint.be_there(false);
        eventually("all that was sent to it has reached it", || async {
            (replica.held() == endpoint.under_way()).then_some(())
        })
        .await;
        replica.terminate().await;
        let caught = endpoint.under_way();
        assert!(caught >= CAUGHT, "only {caught} requests were under way");
        replica.let_pass(Passes::Everything);
        replica.come_back().await;
        assert_eq!(endpoint.under_way(), 0, "it has ended, and not answered everything");
        endpoint.be_there(true);
        caught
    }

    /// People who come, are changed and read; every other one is deleted. How many stayed.
    async fn come_and_go(&self, client: usize, over: &AtomicBool) -> usize {
        let mut stayed = 0;
        for number in 0.. {
            if over.load(Ordering::Relaxed) {
                break;
            }
            let name = format!("person-{client}-{number}@example.com");
            let (status, user) = self.ask(client, Method::POST, "/Users", json!({ "userName": name })).await;
            assert_eq!(status, 201, "{user}");
            let path = format!("/Users/{}", user["id"].as_str().unwrap());
            let change = patch(&json!([{ "op": "replace", "path": "title", "value": name }]));
            let (status, changed) = self.ask(client, Method::PATCH, &path, change).await;
            assert_eq!((status, changed["title"].as_str()), (200, Some(&*name)), "{changed}");
            let (status, read) = self.ask(client, Method::GET, &path, Value::Null).await;
            assert_eq!((status, read["title"].as_str()), (200, Some(&*name)), "{read}");
            if number % 2 == 0 {
                stayed += 1;
                continue;
            }
            let (status, said) = self.ask(client, Method::DELETE, &path, Value::Null).await;
            assert_eq!(status, 204, "{said}");
        }
        stayed
    }

    async fn ask(&self, client: usize, method: Method, path: &str, body: Value) -> (u16, Value) {
        let endpoint = self.pick();
        let (_, answer) = self.service.ask((client, endpoint.number), method, path, &body).await;
        endpoint.end();
        match answer {
            Answer::Said(status, body) => (status, body),
            lost @ (Answer::Unsent | Answer::Unknown) => {
                panic!("{path} at replica {}: {lost:?}", endpoint.number)
            }
        }
    }

    /// The next one that is there.
    fn pick(&self) -> &Endpoint {
        let next = || self.turns.fetch_add(1, Ordering::Relaxed) % self.endpoints.len();
        std::iter::repeat_with(|| &self.endpoints[next()]).find(|it| it.begin()).unwrap()
    }
}
