//! What other replicas ask us.

use std::time::Duration;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::post,
};
use futures::{StreamExt, future::join_all, stream};
use http::StatusCode;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{Instant, timeout},
};

use super::{
    Peers,
    standing::Role,
    wire::{HELLO, Hello, Known, LONGEST, MOST, SEAL, Told, WRITTEN, Welcome},
};
use crate::store::{Store, written::Written};

/// The most connections at a time. Each other replica has one or two.
const MOST_CONNECTIONS: usize = 128;

/// How long a connection may be silent.
const SILENCE: Duration = Duration::from_secs(30);

/// How long a question may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(2);

/// How long our watches are waited for before the API server is asked for the object itself.
const WATCHES: Duration = Duration::from_millis(250);

/// How long the API server is waited for. Together with the others shorter than the other side's patience.
const LOOK_UP: Duration = Duration::from_secs(2);

/// How many objects the API server is asked for at once.
const AT_ONCE: usize = 16;

/// Answers until it is dropped.
pub(super) async fn serve(store: Store, listener: TcpListener) {
    let app = Router::new().route(HELLO, post(on_hello)).route(WRITTEN, post(on_written)).with_state(store);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < MOST_CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, app.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection of another replica");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, app: Router) {
    // Without, small answers wait for more to send; with an error, they only come later.
    let _ = stream.set_nodelay(true);
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(SILENCE)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app))
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection of another replica broke off");
    }
}

async fn on_hello(State(store): State<Store>, request: Request) -> Response {
    let Sealed { question, seal } = match open::<Hello>(store.peers(), request).await {
        Ok(sealed) => sealed,
        Err(response) => return response,
    };
    let answer = match store.peers().standing.role(&question.to, Instant::now()) {
        Role::Over => Err(StatusCode::GONE),
        Role::Joining | Role::Inside => hello(&store, &question).await,
    };
    close(store.peers(), &seal, answer)
}

/// Puts a newcomer among those whom we tell of our writes. We look at its Lease ourselves, so nobody can invent one.
async fn hello(store: &Store, Hello { to: _, from }: &Hello) -> Result<Welcome, StatusCode> {
    match timeout(LOOK_UP, store.peers().leases.get(from)).await {
        Ok(Ok(Some(found))) => {
            super::add(store, &found, Instant::now());
            Ok(Welcome {})
        }
        Ok(Ok(None)) => Err(StatusCode::NOT_FOUND),
        Ok(Err(error)) => {
            tracing::warn!(%error, "could not look at a newcomer's Lease");
            Err(StatusCode::SERVICE_UNAVAILABLE)
        }
        Err(_) => Err(StatusCode::SERVICE_UNAVAILABLE),
    }
}

async fn on_written(State(store): State<Store>, request: Request) -> Response {
    let Sealed { question, seal } = match open::<Told>(store.peers(), request).await {
        Ok(sealed) => sealed,
        Err(response) => return response,
    };
    let answer = match store.peers().standing.role(&question.to, Instant::now()) {
        Role::Over => Err(StatusCode::GONE),
        // What is stored by now is in the lists that are made when everybody has answered us.
        Role::Joining => Ok(Known { known: vec![true; question.written.len()] }),
        Role::Inside if question.written.len() > MOST => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Role::Inside => Ok(Known { known: known(&store, &question.written).await }),
    };
    close(store.peers(), &seal, answer)
}

/// Which of these our directory knows, after waiting for them.
async fn known(store: &Store, written: &[Written]) -> Vec<bool> {
    // While everything is being listed, the watches don't run yet.
    let patience = if store.progress().is_done() { WATCHES } else { Duration::ZERO };
    // Whether all of them came in time shows in a moment.
    let _ = timeout(patience, join_all(written.iter().map(|it| store.directory().until_known(it)))).await;
    let look_ups: Vec<_> = written.iter().map(|it| look_up(store, it)).collect();
    let look_ups = stream::iter(look_ups).buffered(AT_ONCE);
    let known = timeout(LOOK_UP, look_ups.collect()).await;
    known.unwrap_or_else(|_| vec![false; written.len()])
}

/// Whether the directory knows it, if need be after asking the API server for it.
async fn look_up(store: &Store, written: &Written) -> bool {
    if !store.directory().knows(written)
        && let Err(error) = store.fetch(written).await
    {
        tracing::debug!(%error, "could not look up what another replica has written");
    }
    store.directory().knows(written) && store.refresh_rivals(written).await.is_ok()
}

/// A question whose seal fits.
struct Sealed<T> {
    question: T,
    seal: String,
}

async fn open<T: DeserializeOwned>(peers: &Peers, request: Request) -> Result<Sealed<T>, Response> {
    let (head, body) = request.into_parts();
    let refused = |status: StatusCode| status.into_response();
    let seal = head.headers.get(SEAL).and_then(|it| it.to_str().ok()).unwrap_or_default().to_owned();
    let body = timeout(ARRIVAL, axum::body::to_bytes(body, LONGEST)).await;
    let body: Bytes = body
        .map_err(|_| refused(StatusCode::REQUEST_TIMEOUT))?
        .map_err(|_| refused(StatusCode::PAYLOAD_TOO_LARGE))?;
    if !peers.seal.fits(&seal, &[head.uri.path().as_bytes(), &body]).await {
        return Err(refused(StatusCode::UNAUTHORIZED));
    }
    match serde_json::from_slice(&body) {
        Ok(question) => Ok(Sealed { question, seal }),
        Err(error) => {
            tracing::warn!(%error, "a question of another replica could not be read");
            Err(close::<Welcome>(peers, &seal, Err(StatusCode::BAD_REQUEST)))
        }
    }
}

/// Seals an answer, together with the seal of its question.
fn close<T: Serialize>(peers: &Peers, question: &str, answer: Result<T, StatusCode>) -> Response {
    let answer = answer.and_then(|answer| {
        serde_json::to_vec(&answer).map_err(|error| {
            tracing::error!(%error, "an answer to another replica could not be written");
            StatusCode::INTERNAL_SERVER_ERROR
        })
    });
    let (status, body) = match answer {
        Ok(body) => (StatusCode::OK, body),
        Err(status) => (status, Vec::new()),
    };
    let seal = peers.seal.of(&[question.as_bytes(), status.as_str().as_bytes(), &body]);
    (status, [(SEAL, seal.unwrap_or_default())], Body::from(body)).into_response()
}
