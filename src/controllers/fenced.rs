//! A client of the API server that writes for the leader alone.
//!
//! Most writes are compare-and-swaps, which a former leader loses anyway. Those that create, or that another leader's
//! write did not touch, it would win.

use http::{Method, Request};
use kube::{Client, client::Body};
use tower::{BoxError, service_fn};

use super::leader::Leadership;

/// Somebody else may lead by now.
#[derive(Debug, thiserror::Error)]
#[error("this replica does not lead any more, so that it writes nothing")]
pub struct NotLeading;

/// The leadership that a write is under. It goes with the request, so that whoever sends it again later asks again.
#[derive(Clone, Debug)]
struct Under(Leadership);

/// The same client, whose writes fail unsent once the leadership is over. Reading is still allowed.
pub fn fenced(client: &Client, leadership: &Leadership) -> Client {
    let (inner, leadership) = (client.clone(), leadership.clone());
    let service = service_fn(move |mut request: Request<Body>| {
        let (inner, leadership) = (inner.clone(), leadership.clone());
        async move {
            request.extensions_mut().insert(Under(leadership));
            may_be_sent(&request)?;
            Ok::<_, BoxError>(inner.send(request).await?)
        }
    });
    Client::new(service, client.default_namespace())
}

/// To be asked before each attempt to send a request. Those that are under no leadership always may.
pub fn may_be_sent(request: &Request<Body>) -> Result<(), NotLeading> {
    match request.extensions().get::<Under>() {
        Some(Under(leadership)) if *request.method() != Method::GET && !leadership.holds() => Err(NotLeading),
        Some(_) | None => Ok(()),
    }
}
