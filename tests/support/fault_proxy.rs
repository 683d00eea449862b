//! Stands between Rollcall and a real server: writes down what passes, and misbehaves when it is told to.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The proxy; it ends when it is dropped.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    path: String,
    state: Arc<State>,
    task: JoinHandle<()>,
}

/// One way to misbehave.
#[derive(Clone, Debug)]
pub enum Fault {
    /// An answer of its own.
    Answer { status: u16, headers: Vec<(&'static str, String)>, body: String },
    /// No answer, ever.
    Hang,
    /// The connection ends without an answer.
    Drop,
    /// The server gets the request, and its answer is lost.
    LoseAnswer,
}

/// A request that passed, or that met a fault.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: Method,
    pub path: String,
    pub headers: HeaderMap,
    pub body: Value,
}

#[derive(Debug)]
struct State {
    server: String,
    faults: Mutex<VecDeque<(Option<Method>, Fault)>>,
    seen: Mutex<Vec<Seen>>,
    /// Left out of each path that has it.
    left_out: Mutex<Option<&'static str>>,
    http: reqwest::Client,
}

impl Fault {
    pub fn status(status: u16) -> Self {
        Self::Answer { status, headers: Vec::new(), body: String::new() }
    }

    pub fn retry_after(status: u16, wait: &str) -> Self {
        Self::Answer { status, headers: vec![("retry-after", wait.to_owned())], body: String::new() }
    }

    pub fn body(status: u16, body: &str) -> Self {
        Self::Answer { status, headers: Vec::new(), body: body.to_owned() }
    }
}

impl FaultProxy {
    /// Starts a proxy in front of a server's base URL.
    pub async fn start(base_url: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = url::Url::parse(base_url).unwrap();
        let state = Arc::new(State {
            server: url.origin().ascii_serialization(),
            faults: Mutex::default(),
            seen: Mutex::default(),
            left_out: Mutex::default(),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(serve(listener, Arc::clone(&state)));
        Self { address, path: url.path().to_owned(), state, task }
    }

    /// The base URL to use instead of the server's.
    pub fn base_url(&self) -> String {
        format!("http://{}{}", self.address, self.path)
    }

    /// Lets the next request meet a fault.
    pub fn fail(&self, fault: Fault) {
        lock(&self.state.faults).push_back((None, fault));
    }

    /// Lets the next request of that method meet a fault; others pass meanwhile.
    pub fn fail_next(&self, method: Method, fault: Fault) {
        lock(&self.state.faults).push_back((Some(method), fault));
    }

    /// Leaves something out of every path on its way to the server, which has a bug there.
    #[allow(dead_code, reason = "not every test has such a server")]
    pub fn leave_out(&self, part: &'static str) {
        *lock(&self.state.left_out) = Some(part);
    }

    /// What passed since the last call.
    pub fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut lock(&self.state.seen))
    }

    /// What may have changed something since the last call.
    pub fn writes(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.method != Method::GET).collect()
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let service = service_fn(move |request| handle(Arc::clone(&state), request));
            // An error is how `Fault::Drop` ends a connection.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// The connection was dropped on purpose.
#[derive(Debug, thiserror::Error)]
#[error("dropped on purpose")]
struct Dropped;

async fn handle(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Dropped> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Dropped)?.to_bytes();
    let path = parts.uri.to_string();
    lock(&state.seen).push(Seen {
        method: parts.method.clone(),
        path: path.clone(),
        headers: parts.headers.clone(),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    });
    match state.fault_for(&parts.method) {
        None => Ok(state.pass_on(parts.method, &path, parts.headers, body).await),
        Some(Fault::Answer { status, headers, body }) => {
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            Ok(response.body(Full::from(body)).unwrap())
        }
        Some(Fault::Hang) => {
            Ok(std::future::pending::<Result<_, Infallible>>().await.unwrap_or_else(|never| match never {}))
        }
        Some(Fault::Drop) => Err(Dropped),
        Some(Fault::LoseAnswer) => {
            state.pass_on(parts.method, &path, parts.headers, body).await;
            Err(Dropped)
        }
    }
}

impl State {
    fn fault_for(&self, method: &Method) -> Option<Fault> {
        let mut faults = lock(&self.faults);
        match faults.front() {
            Some((Some(only), _)) if only != method => None,
            Some(_) => faults.pop_front().map(|(_, fault)| fault),
            None => None,
        }
    }

    async fn pass_on(
        &self,
        method: Method,
        path: &str,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Response<Full<Bytes>> {
        headers.remove(http::header::HOST);
        let path = lock(&self.left_out).map_or_else(|| path.to_owned(), |part| path.replacen(part, "", 1));
        let call = self.http.request(method, format!("{}{path}", self.server)).headers(headers).body(body);
        let answer = call.send().await.unwrap();
        let mut response = Response::builder().status(answer.status());
        for name in [http::header::CONTENT_TYPE, http::header::LOCATION] {
            if let Some(value) = answer.headers().get(&name) {
                response = response.header(name, value);
            }
        }
        response.body(Full::from(answer.bytes().await.unwrap())).unwrap()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}
