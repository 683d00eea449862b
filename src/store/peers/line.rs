//! Asking another replica something, over HTTP, sealed both ways.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    seal::Seal,
    wire::{LONGEST, SEAL},
};

/// How long a connection may take. The other replica is in the same cluster.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long an answer may take. The other replica looks things up for a shorter time.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an idle connection is kept: shorter than the other side keeps it.
const IDLE: Duration = Duration::from_secs(15);

/// Connections to all other replicas.
#[derive(Debug)]
pub(super) struct Line(Client<HttpConnector, Full<Bytes>>);

/// What another replica said.
#[derive(Debug)]
pub(super) enum Reply<T> {
    Answer(T),
    /// The lease that was asked is over: whoever held it doesn't answer reads under it any more.
    Over,
}

/// Why another replica could not be asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum LineError {
    #[error("there is no key yet")]
    NoKey,
    #[error("the question could not be written: {0}")]
    Unspeakable(String),
    #[error("no connection: {0}")]
    Unreachable(#[from] hyper_util::client::legacy::Error),
    #[error("the answer broke off: {0}")]
    BrokenOff(Box<dyn std::error::Error + Send + Sync>),
    #[error("no answer within {} s", ANSWER_TIMEOUT.as_secs())]
    TimedOut,
    #[error("an answer without a fitting seal ({0})")]
    Unsealed(StatusCode),
    #[error("refused ({0})")]
    Refused(StatusCode),
    #[error("the answer could not be read: {0}")]
    Unreadable(#[from] serde_json::Error),
}

impl Default for Line {
    fn default() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        Self(client)
    }
}

impl Line {
    /// Asks the replica at `address`.
    pub(super) async fn ask<Q: Serialize, A: DeserializeOwned>(
        &self,
        seal: &Seal,
        address: SocketAddr,
        path: &str,
        question: &Q,
    ) -> Result<Reply<A>, LineError> {
        let body = serde_json::to_vec(question)?;
        let sealed = seal.of(&[path.as_bytes(), &body]).ok_or(LineError::NoKey)?;
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("http://{address}{path}"))
            .header(SEAL, &sealed)
            .body(Full::from(body))
            .map_err(|error| LineError::Unspeakable(error.to_string()))?;
        let answered = tokio::time::timeout(ANSWER_TIMEOUT, self.exchange(request));
        let (status, their_seal, answer) = answered.await.map_err(|_| LineError::TimedOut)??;
        // An answer is sealed together with the question's seal, so it can't be the answer to another one.
        if !seal.fits(&their_seal, &[sealed.as_bytes(), status.as_str().as_bytes(), &answer]).await {
            return Err(LineError::Unsealed(status));
        }
        match status {
            StatusCode::OK => Ok(Reply::Answer(serde_json::from_slice(&answer)?)),
            StatusCode::GONE => Ok(Reply::Over),
            _ => Err(LineError::Refused(status)),
        }
    }

    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, String, Bytes), LineError> {
        let response = self.0.request(request).await?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, LONGEST).collect().await.map_err(LineError::BrokenOff)?;
        let seal = head.headers.get(SEAL).and_then(|it| it.to_str().ok()).unwrap_or_default();
        Ok((head.status, seal.to_owned(), body.to_bytes()))
    }
}
