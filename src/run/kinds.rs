//! Waits for the API server to serve our kinds, for a while: both may be starting as we are.
//!
//! A node that boots starts us and an API server together, and `kubectl apply` returns before every API server knows a
//! new kind. Ending at once would be right too, as Kubernetes starts us again, but later each time.

use std::time::Duration;

use kube::Client;
use tokio::time::{Instant, sleep, timeout};

use super::start::StartError;
use crate::api;

/// How long an API server is waited for. The chart's `startupProbe` gives up later.
const SERVER: Duration = Duration::from_secs(45);

/// How long a server is believed to be starting that answers, and refuses us or does not know our kinds: one that has
/// just come says both, as it has not read yet what it will know. Whoever forgot something should hear of it soon.
const REFUSAL: Duration = Duration::from_secs(10);

/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(10);

/// The first pause between two questions; it doubles up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_secs(4);

/// Returns once all of our kinds are served; fails when there is no use in waiting any longer.
pub(super) async fn wait(client: &Client) -> Result<(), StartError> {
    let begun = Instant::now();
    let mut refused = None;
    let mut pause = FIRST_PAUSE;
    while let Err(error) = ask(client).await {
        let given_up = if is_refusal(&error) {
            refused.get_or_insert_with(Instant::now).elapsed() >= REFUSAL
        } else {
            begun.elapsed() >= SERVER
        };
        if given_up {
            return Err(error);
        }
        tracing::warn!(%error, "can't start yet; asking again");
        sleep(pause).await;
        pause = LAST_PAUSE.min(pause * 2);
    }
    Ok(())
}

/// Discovery is open to every account.
async fn ask(client: &Client) -> Result<(), StartError> {
    let question = client.list_api_group_resources("rollcall.dev/v1alpha1");
    let served = match timeout(ANSWER, question).await.map_err(|_| StartError::NoAnswer { within: ANSWER })? {
        Ok(list) => list.resources.into_iter().map(|resource| resource.kind).collect(),
        Err(kube::Error::Api(status)) if status.code == 404 => Vec::new(),
        Err(error) => return Err(StartError::Unreachable(error)),
    };
    let wanted = api::crds().into_iter().map(|crd| crd.spec.names.kind);
    let kinds: Vec<String> = wanted.filter(|kind| !served.contains(kind)).collect();
    if kinds.is_empty() { Ok(()) } else { Err(StartError::CrdsMissing { kinds }) }
}

/// Whether it has understood us, and says no.
fn is_refusal(error: &StartError) -> bool {
    match error {
        StartError::Unreachable(kube::Error::Api(status)) => status.code < 500 && status.code != 429,
        StartError::CrdsMissing { .. } => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use http::{Request, Response};
    use kube::client::Body;
    use serde_json::json;
    use tower::{BoxError, service_fn};

    use super::*;

    /// Waits for a server with these answers, the last one for ever; gives back the outcome, and how many questions
    /// came. 0 is a server that ends the connection, 1 one that says nothing.
    async fn waited<const N: usize>(answers: [u16; N]) -> (Result<(), String>, usize) {
        let came = Arc::new(AtomicUsize::new(0));
        let server = service_fn({
            let came = Arc::clone(&came);
            move |_: Request<Body>| {
                let status = answers[came.fetch_add(1, Ordering::Relaxed).min(N - 1)];
                answer(status)
            }
        });
        let outcome = wait(&Client::new(server, "default")).await;
        (outcome.map_err(|error| error.to_string()), came.load(Ordering::Relaxed))
    }

    async fn answer(status: u16) -> Result<Response<Body>, BoxError> {
        if status == 0 {
            return Err("connection refused".into());
        }
        if status == 1 {
            std::future::pending::<()>().await;
        }
        let resources: Vec<_> = api::crds()
            .into_iter()
            .map(|crd| json!({ "kind": crd.spec.names.kind, "name": crd.spec.names.plural, "namespaced": true, "singularName": "", "verbs": [] }))
            .collect();
        let body = if status == 200 {
            json!({ "kind": "APIResourceList", "groupVersion": "rollcall.dev/v1alpha1", "resources": resources })
        } else {
            json!({ "kind": "Status", "status": "Failure", "code": status, "reason": "", "message": "no" })
        };
        Ok(Response::builder().status(status).body(Body::from(body.to_string().into_bytes()))?)
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_is_starting_is_waited_for() {
        assert_eq!(waited([0, 1, 503, 429, 403, 404, 200]).await, (Ok(()), 7));
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_never_comes_is_given_up() {
        for status in [0, 1, 503] {
            let begun = Instant::now();
            let (outcome, _) = waited([status]).await;
            assert!(outcome.unwrap_err().contains("`kubectl version`"), "{status}");
            assert!((SERVER..SERVER + ANSWER + LAST_PAUSE).contains(&begun.elapsed()), "{status}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_told_soon() {
        for (status, advice) in
            [(404, "rollcall crds | kubectl apply"), (401, "`kubectl version`"), (403, "`kubectl version`")]
        {
            let begun = Instant::now();
            let (outcome, _) = waited([status]).await;
            assert!(outcome.unwrap_err().contains(advice), "{status}");
            assert!((REFUSAL..REFUSAL + LAST_PAUSE).contains(&begun.elapsed()), "{status}");
        }
    }
}
