//! Stands between a store and its API server, and holds back what the server says.

use std::task::{Context, Poll};

use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _, future::BoxFuture};
use http::{Request, Response};
use http_body_util::{BodyDataStream, BodyExt as _, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;
use kube::{
    Client, Config,
    client::{Body, ClientBuilder},
};
use tokio::sync::watch;
use tower::{BoxError, Layer, Service};

/// What passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passes {
    Everything,
    /// Watches stay open, and nothing comes any more.
    AllButWatches,
    /// Requests don't reach the server, and watches stay open.
    Nothing,
}

/// The gate; its clones are one.
#[derive(Clone, Debug)]
pub struct Gate(watch::Sender<Passes>);

impl Gate {
    pub fn open() -> Self {
        Self(watch::channel(Passes::Everything).0)
    }

    pub fn set(&self, passes: Passes) {
        self.0.send_replace(passes);
    }

    /// A client behind this gate.
    pub fn client(&self, config: Config) -> Client {
        ClientBuilder::try_from(config).unwrap().with_layer(self).build()
    }

    async fn wait(&self, passes: impl Fn(Passes) -> bool) {
        self.0.subscribe().wait_for(|now| passes(*now)).await.unwrap();
    }
}

impl<S> Layer<S> for Gate {
    type Service = Gated<S>;

    fn layer(&self, server: S) -> Gated<S> {
        Gated { gate: self.clone(), server }
    }
}

pub struct Gated<S> {
    gate: Gate,
    server: S,
}

impl<S, B> Service<Request<Body>> for Gated<S>
where
    S: Service<Request<Body>, Response = Response<B>, Error = BoxError>,
    S::Future: Send + 'static,
    B: hyper::body::Body<Data = Bytes, Error = BoxError> + Send + Unpin + 'static,
{
    type Response = Response<UnsyncBoxBody<Bytes, BoxError>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.server.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let watches = request.uri().query().is_some_and(|query| query.contains("watch=true"));
        let gate = self.gate.clone();
        // The request is sent when its future is polled for the first time, which the gate delays.
        let response = self.server.call(request);
        async move {
            gate.wait(|now| now == Passes::Everything || (now == Passes::AllButWatches && !watches)).await;
            let (head, body) = response.await?.into_parts();
            if !watches {
                return Ok(Response::from_parts(head, body.boxed_unsync()));
            }
            let chunks = BodyDataStream::new(body).then(move |chunk| {
                let gate = gate.clone();
                async move {
                    gate.wait(|now| now == Passes::Everything).await;
                    chunk.map(Frame::data)
                }
            });
            Ok(Response::from_parts(head, StreamBody::new(chunks).boxed_unsync()))
        }
        .boxed()
    }
}
