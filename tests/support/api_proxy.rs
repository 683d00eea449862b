//! Stands between an operator and its API server: writes down what the operator writes, and cuts the line when a test
//! says so.
//!
//! The operator speaks plain HTTP/1.1 to it, with the token of its own service account, which is passed on over TLS.
//! Watches are passed on piece by piece.

use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use futures::StreamExt as _;
use http::{HeaderMap, Method, Request, Response, header};
use http_body_util::{BodyDataStream, BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    body::{Frame, Incoming},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use kube::{
    Client, Config,
    client::Body,
    config::{AuthInfo, KubeConfigOptions, Kubeconfig},
};
use rollcall_dev::ControlPlane;
use serde_json::Value;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// What passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passes {
    Everything,
    /// Watches stay open, and nothing comes any more.
    AllButWatches,
    /// Writes reach the server, and the connection ends without their answer.
    AllButAnswers,
    /// Writes reach the server, and are answered 504, as if it did not know itself whether it has stored them.
    Doubts,
    /// Writes wait here before they reach the server.
    AllButWrites,
    /// Nothing in either direction, and connections stay open.
    Nothing,
}

/// What becomes of the operator at a certain write of its own. The write has reached the server, and its answer is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Nothing passes any more: whoever awaits [`ApiProxy::cut`] has all the time to kill the operator.
    Kill,
    /// The operator is told 504, as a server says that does not know itself whether it has stored something.
    TimeOut,
}

/// The proxy; it ends when it is dropped.
#[derive(Debug)]
pub struct ApiProxy {
    url: String,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    server: Client,
    line: Mutex<Arc<Line>>,
}

/// What one life of the operator has to do with the proxy. What a dead process has sent never passes any more.
#[derive(Debug)]
struct Line {
    passes: watch::Sender<Passes>,
    ledger: Mutex<Ledger>,
    /// The writes that wait for [`Passes::AllButWrites`] to be over.
    held: Mutex<Vec<String>>,
}

#[derive(Debug, Default)]
struct Ledger {
    writes: Vec<String>,
    cut_at: Option<(usize, Cut)>,
}

/// The connection is to end without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the line is cut")]
struct Silence;

type Answer = Response<UnsyncBoxBody<Bytes, kube::Error>>;

impl ApiProxy {
    /// Starts a proxy in front of a control plane's API server.
    pub async fn start(plane: &ControlPlane) -> Self {
        let kubeconfig = Kubeconfig::read_from(plane.kubeconfig_path()).unwrap();
        let mut config =
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        // Who the operator is, it says itself; and what the server says, it should hear.
        config.auth_info = AuthInfo::default();
        config.default_retry = false;
        let server = Client::try_from(config).unwrap();
        let state = Arc::new(State { server, line: Mutex::new(Arc::new(Line::new())) });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(serve(listener, Arc::clone(&state)));
        Self { url, state, task }
    }

    /// The URL to use instead of the server's.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Changes what passes, also of what is under way.
    pub fn set(&self, passes: Passes) {
        let line = self.line();
        lock(&line.held).clear();
        line.passes.send_replace(passes);
    }

    /// The writes that wait since [`Passes::AllButWrites`] was set.
    pub fn held(&self) -> Vec<String> {
        lock(&self.line().held).clone()
    }

    /// Begins to count writes anew, and cuts the line at one of them, the first being 1.
    pub fn cut_at(&self, write: usize, cut: Cut) {
        *lock(&self.line().ledger) = Ledger { writes: Vec::new(), cut_at: Some((write, cut)) };
    }

    /// The writes since the last [`ApiProxy::cut_at`].
    pub fn writes(&self) -> Vec<String> {
        lock(&self.line().ledger).writes.clone()
    }

    /// Cuts nothing any more. Whether it has come to that.
    pub fn let_be(&self) -> bool {
        let line = self.line();
        let mut ledger = lock(&line.ledger);
        let cut = ledger.cut_at.take();
        cut.is_some_and(|(at, _)| at <= ledger.writes.len())
    }

    /// Whether it has come to the cut, or the operator is another process since.
    pub fn has_cut(&self) -> bool {
        let line = self.line();
        let ledger = lock(&line.ledger);
        ledger.cut_at.is_none_or(|(at, _)| at <= ledger.writes.len())
    }

    /// Resolves when the line was cut by [`Cut::Kill`].
    pub async fn cut(&self) {
        self.line().passes.subscribe().wait_for(|passes| *passes == Passes::Nothing).await.unwrap();
    }

    /// The operator is another process from now on.
    pub fn renew(&self) {
        *lock(&self.state.line) = Arc::new(Line::new());
    }

    fn line(&self) -> Arc<Line> {
        Arc::clone(&lock(&self.state.line))
    }
}

impl Passes {
    /// Whether it lets answers through, and requests that are no writes.
    fn lets_through(self, watches: bool) -> bool {
        match self {
            Self::Everything | Self::AllButAnswers | Self::Doubts | Self::AllButWrites => true,
            Self::AllButWatches => !watches,
            Self::Nothing => false,
        }
    }
}

impl Drop for ApiProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("State").field("line", &self.line).finish_non_exhaustive()
    }
}

impl Line {
    fn new() -> Self {
        let passes = watch::Sender::new(Passes::Everything);
        Self { passes, ledger: Mutex::default(), held: Mutex::default() }
    }

    async fn wait(&self, passes: impl Fn(Passes) -> bool) {
        self.passes.subscribe().wait_for(|now| passes(*now)).await.unwrap();
    }

    /// Waits until a write may pass.
    async fn hold(&self, write: &str) {
        if *self.passes.borrow() == Passes::AllButWrites {
            lock(&self.held).push(write.to_owned());
        }
        self.wait(|now| now.lets_through(false) && now != Passes::AllButWrites).await;
    }

    /// Writes a write down. What is to happen at it, if anything; an error if the line is being cut at an earlier one.
    fn enter(&self, write: String) -> Result<Option<Cut>, Silence> {
        let mut ledger = lock(&self.ledger);
        if matches!(ledger.cut_at, Some((at, Cut::Kill)) if ledger.writes.len() == at) {
            return Err(Silence);
        }
        ledger.writes.push(write);
        Ok(ledger.cut_at.filter(|(at, _)| *at == ledger.writes.len()).map(|(_, cut)| cut))
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let line = Arc::clone(&lock(&state.line));
        tokio::spawn(connection(stream, Arc::clone(&state), line));
    }
}

async fn connection(stream: TcpStream, state: Arc<State>, line: Arc<Line>) {
    let service = service_fn(move |request| handle(Arc::clone(&state), Arc::clone(&line), request));
    // An error is how a connection ends whose answer is lost.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn handle(state: Arc<State>, line: Arc<Line>, request: Request<Incoming>) -> Result<Answer, Silence> {
    let (mut parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Silence)?.to_bytes();
    let watches = parts.uri.query().is_some_and(|query| query.contains("watch=true"));
    let write = describe(&parts.method, &parts.uri, &body);
    let is_write = write.is_some();
    match &write {
        Some(write) => line.hold(write).await,
        None => line.wait(|now| now.lets_through(watches)).await,
    }
    let cut = match write.map(|write| line.enter(write)).transpose() {
        Ok(cut) => cut.flatten(),
        Err(Silence) => return std::future::pending().await,
    };
    for name in [header::HOST, header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING] {
        parts.headers.remove(name);
    }
    let sent = {
        let (state, line) = (Arc::clone(&state), Arc::clone(&line));
        async move {
            let answer = state.server.send(Request::from_parts(parts, Body::from(body))).await;
            if cut == Some(Cut::Kill) {
                line.passes.send_replace(Passes::Nothing);
            }
            answer.map_err(|_| Silence)
        }
    };
    // A task of its own, as it ends even if the operator no longer wants the answer.
    let answer = tokio::spawn(sent).await.map_err(|_| Silence)??;
    let passes = *line.passes.borrow();
    if cut == Some(Cut::TimeOut) || (is_write && passes == Passes::Doubts) {
        return Ok(time_out());
    }
    if is_write && passes == Passes::AllButAnswers {
        return Err(Silence);
    }
    line.wait(|now| now.lets_through(watches)).await;
    Ok(pass_on(answer, watches, line))
}

fn pass_on(answer: Response<Body>, watches: bool, line: Arc<Line>) -> Answer {
    let (mut parts, body) = answer.into_parts();
    for name in [header::CONNECTION, header::TRANSFER_ENCODING] {
        parts.headers.remove(name);
    }
    if !watches {
        return Response::from_parts(parts, body.boxed_unsync());
    }
    let pieces = BodyDataStream::new(body).then(move |piece| {
        let line = Arc::clone(&line);
        async move {
            line.wait(|now| now.lets_through(true)).await;
            piece.map(Frame::data)
        }
    });
    Response::from_parts(parts, StreamBody::new(pieces).boxed_unsync())
}

/// What an API server says when the time of a request is over; it may have been stored.
fn time_out() -> Answer {
    let status = serde_json::json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "request did not complete within the requested timeout", "reason": "Timeout", "code": 504});
    let body = Full::from(status.to_string()).map_err(|never| match never {}).boxed_unsync();
    let mut answer = Response::builder().status(504).body(body).unwrap();
    let json = header::HeaderValue::from_static("application/json");
    *answer.headers_mut() = HeaderMap::from_iter([(header::CONTENT_TYPE, json)]);
    answer
}

/// What a request writes; `None` if it only reads, or is one of the renewals that go on all the time.
fn describe(method: &Method, uri: &http::Uri, body: &[u8]) -> Option<String> {
    let dry = uri.query().is_some_and(|query| query.contains("dryRun"));
    if method == Method::GET || dry {
        return None;
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let name = body["metadata"]["name"].as_str().unwrap_or_default();
    let short = uri.path().rsplit_once("/namespaces/").map_or(uri.path(), |(_, it)| it);
    let renews = |part: &str| short.contains("/leases") && (short.contains(part) || name.starts_with(part));
    if renews("rollcall-controllers") || renews("rollcall-replica-") {
        return None;
    }
    let creates = if method == Method::POST { format!("/{name}") } else { String::new() };
    Some(format!("{method} {short}{creates}"))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}
