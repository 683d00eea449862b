//! The listener: HTTP/1 and HTTP/2 on one port, slow clients cut off, in-flight requests finished at the end.

use std::{
    convert::Infallible,
    io,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{body::Body, http::Request, response::Response};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::net::{TcpListener, TcpStream};
use tower::{Service, ServiceExt};

use super::{ReceiverState, service};

/// How many requests one HTTP/2 connection may have open. An identity provider has a handful.
const MAX_STREAMS: u32 = 100;

/// How long to wait when no connection can be accepted, usually for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `shutdown` resolves; returns once every request that had begun is answered.
pub async fn serve(listener: TcpListener, state: ReceiverState, shutdown: impl Future<Output = ()>) {
    let header_timeout = state.settings.header_timeout;
    let drain = header_timeout + state.settings.request_timeout;
    let server = server(header_timeout);
    let service = service(state);
    let connections = GracefulShutdown::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        match accepted {
            Ok((stream, _)) => handle(stream, &server, &service, &connections, header_timeout),
            Err(error) => accept_failed(&error).await,
        }
    }
    // From here on new connections are refused, rather than accepted and dropped.
    drop(listener);
    if tokio::time::timeout(drain, connections.shutdown()).await.is_err() {
        tracing::warn!("some connections did not end in time and are dropped");
    }
}

fn server(header_timeout: Duration) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(header_timeout);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .keep_alive_interval(header_timeout)
        .keep_alive_timeout(header_timeout);
    builder
}

fn handle<S>(
    stream: TcpStream,
    server: &auto::Builder<TokioExecutor>,
    service: &S,
    connections: &GracefulShutdown,
    first_request_within: Duration,
) where
    S: Service<Request<Body>, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    // Answers are small and written whole; waiting to fill a packet only delays them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection ended before it was served");
        return;
    }
    let used = Arc::new(AtomicBool::new(false));
    let mark = Arc::clone(&used);
    let service = service.clone().map_request(move |request: Request<_>| {
        mark.store(true, Ordering::Relaxed);
        request.map(Body::new)
    });
    let connection = server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let connection = connections.watch(connection.into_owned());
    tokio::spawn(async move {
        tokio::select! {
            ended = connection => if let Err(error) = ended {
                // Clients that vanish are their own business; the log is not the place to count them.
                tracing::debug!(%error, "a connection ended early");
            },
            () = unused(&used, first_request_within) => tracing::debug!("a connection sent no request"),
        }
    });
}

/// Resolves if the connection has had no request by then. The header timeout alone does not see a client
/// that is silent from the start, while it is still open whether it will speak HTTP/1 or HTTP/2.
async fn unused(used: &AtomicBool, within: Duration) {
    tokio::time::sleep(within).await;
    if used.load(Ordering::Relaxed) {
        std::future::pending::<()>().await;
    }
}

async fn accept_failed(error: &io::Error) {
    match error.kind() {
        // The client was gone before we looked.
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset => {}
        _ => {
            tracing::error!(%error, "connections can't be accepted; the limit of open files may be too low");
            tokio::time::sleep(ACCEPT_PAUSE).await;
        }
    }
}
