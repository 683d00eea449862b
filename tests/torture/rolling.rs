//! What an update of the Deployment does: one replica after the other leaves the Service, ends by SIGTERM, and comes back.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::RwLock;

use crate::{
    replicas::{self, LONG_LEASE, Replica},
    scim::patch,
    service::{Answer, Service},
};

/// Clients at once.
const CLIENTS: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_fails_no_request() {
    let _turn = crate::TURN.lock().await;
    let (replicas, service) = replicas::start(&[true; 3], LONG_LEASE).await;
    let balancer = Balancer { service, endpoints: vec![0, 1, 2].into(), turns: AtomicUsize::new(0) };
    let over = AtomicBool::new(false);
    let clients = join_all((0..CLIENTS).map(|client| balancer.live_and_die(client, &over)));
    let restarts = async {
        for (number, replica) in replicas.iter().enumerate() {
            balancer.restart(number, replica).await;
        }
        over.store(true, Ordering::Relaxed);
    };
    let (lives, ()) = tokio::join!(clients, restarts);
    assert!(lives.iter().all(|lived| *lived > 0), "{lives:?}");
    let (status, left) = balancer.ask(0, Method::GET, "/Users?count=0", Value::Null).await;
    assert_eq!((status, left["totalResults"].as_u64()), (200, Some(0)), "{left}");
}

/// Leads each request to another replica, as a Kubernetes Service does.
struct Balancer {
    service: Service,
    /// Who asks holds it: a replica is told to end when nobody asks it any more, which is what the chart's
    /// `preStopSeconds` wait for.
    endpoints: RwLock<Vec<usize>>,
    turns: AtomicUsize,
}

impl Balancer {
    async fn restart(&self, number: usize, replica: &Replica) {
        self.endpoints.write().await.retain(|it| *it != number);
        replica.restart().await;
        replica.until_ready().await;
        self.endpoints.write().await.push(number);
    }

    /// People who come, are changed, read and deleted; how many there were.
    async fn live_and_die(&self, client: usize, over: &AtomicBool) -> usize {
        let mut lived = 0;
        while !over.load(Ordering::Relaxed) {
            let name = format!("person-{client}-{lived}@example.com");
            let (status, user) = self.ask(client, Method::POST, "/Users", json!({ "userName": name })).await;
            assert_eq!(status, 201, "{user}");
            let path = format!("/Users/{}", user["id"].as_str().unwrap());
            let change = patch(&json!([{ "op": "replace", "path": "title", "value": name }]));
            let (status, changed) = self.ask(client, Method::PATCH, &path, change).await;
            assert_eq!((status, changed["title"].as_str()), (200, Some(&*name)), "{changed}");
            let (status, read) = self.ask(client, Method::GET, &path, Value::Null).await;
            assert_eq!((status, read["title"].as_str()), (200, Some(&*name)), "{read}");
            let (status, said) = self.ask(client, Method::DELETE, &path, Value::Null).await;
            assert_eq!(status, 204, "{said}");
            lived += 1;
        }
        lived
    }

    async fn ask(&self, client: usize, method: Method, path: &str, body: Value) -> (u16, Value) {
        let endpoints = self.endpoints.read().await;
        let replica = endpoints[self.turns.fetch_add(1, Ordering::Relaxed) % endpoints.len()];
        match self.service.ask((client, replica), method, path, &body).await {
            (_, Answer::Said(status, body)) => (status, body),
            (_, lost @ (Answer::Unsent | Answer::Unknown)) => panic!("{path} at replica {replica}: {lost:?}"),
        }
    }
}
