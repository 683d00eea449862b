//! The client of the API server: it sends nothing twice that may have been stored.
//!
//! A client that repeats a write by itself after a 503 or a 504 is told of its own first attempt as if it were somebody
//! else's: that the object is in another version. Whoever then believes that nothing was stored gives up the claims and
//! deletes the slices that the stored object needs. Only who made a request knows what a second attempt means, so no
//! answer but 429 is hidden from them: the API server says that before it does anything.

use std::time::Duration;

use http::{Request, Response, StatusCode, header};
use kube::{Client, Config, client::Body};
use tower::{BoxError, service_fn};

use super::start::StartError;
use crate::controllers::may_be_sent;

/// How often a request is repeated that the API server has no time for.
const REPEATS: u32 = 5;

/// The first wait, where the API server names none; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// The longest wait. Whoever made the request has a time limit of their own.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// A client of the cluster that we run in, or that the kubeconfig names.
pub(super) async fn connect() -> Result<Client, StartError> {
    // Whoever is first wins, and it is the same provider: that one is there already is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut config = Config::infer().await.map_err(StartError::NoCluster)?;
    config.default_retry = false;
    Ok(patient(&Client::try_from(config).map_err(StartError::Client)?))
}

/// The same client, which waits when the API server is busy.
fn patient(client: &Client) -> Client {
    let inner = client.clone();
    let service = service_fn(move |request: Request<Body>| {
        let inner = inner.clone();
        async move { send(&inner, request).await }
    });
    Client::new(service, client.default_namespace())
}

async fn send(client: &Client, mut request: Request<Body>) -> Result<Response<Body>, BoxError> {
    let mut waits = (0..REPEATS).map(|repeat| FIRST_WAIT * 2_u32.pow(repeat));
    loop {
        // Whoever led when the request was made may have waited, or been frozen, for longer than its term.
        may_be_sent(&request)?;
        let again = copy(&request);
        let answer = client.send(request).await?;
        if answer.status() != StatusCode::TOO_MANY_REQUESTS {
            return Ok(answer);
        }
        let (Some(again), Some(wait)) = (again, waits.next()) else { return Ok(answer) };
        tokio::time::sleep(asked_wait(&answer).unwrap_or(wait).min(LONGEST_WAIT)).await;
        request = again;
    }
}

/// How long the API server asks us to wait.
fn asked_wait(answer: &Response<Body>) -> Option<Duration> {
    let seconds = answer.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    seconds.parse().ok().map(Duration::from_secs)
}

/// `None` if the body is a stream, which can't be sent twice.
fn copy(request: &Request<Body>) -> Option<Request<Body>> {
    let mut copy = Request::new(request.body().try_clone()?);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    *copy.extensions_mut() = request.extensions().clone();
    Some(copy)
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use tokio::time::Instant;

    use super::*;
    use crate::controllers::{fenced, leader::Leadership};

    /// Sends one request to a server with these answers, for somebody who leads for another second; gives back the
    /// status, if there was one, and how many requests came.
    async fn sent<const N: usize>(answers: [u16; N]) -> (Option<u16>, usize) {
        let came = Arc::new(AtomicUsize::new(0));
        let server = service_fn({
            let came = Arc::clone(&came);
            move |_: Request<Body>| {
                let status = answers[came.fetch_add(1, Ordering::Relaxed).min(N - 1)];
                async move { Ok::<_, BoxError>(Response::builder().status(status).body(Body::empty()).unwrap()) }
            }
        });
        let leadership = Leadership::until(Instant::now() + Duration::from_secs(1));
        let client = fenced(&patient(&Client::new(server, "default")), &leadership);
        let request = Request::post("/").body(Body::from(b"{}".to_vec())).unwrap();
        let answer = client.send(request).await.ok().map(|it| it.status().as_u16());
        (answer, came.load(Ordering::Relaxed))
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_server_is_asked_again() {
        assert_eq!(sent([429, 429, 201]).await, (Some(201), 3));
    }

    #[tokio::test(start_paused = true)]
    async fn who_led_until_the_server_had_time_does_not_ask_again() {
        assert_eq!(
            sent([429]).await,
            (None, 4),
            "the waits of 0.1, 0.2, 0.4 and 0.8 s are longer than a second"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_have_been_stored_is_not_sent_again() {
        for status in [500, 502, 503, 504] {
            assert_eq!(sent([429, status]).await, (Some(status), 2));
        }
    }
}
