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
struct NotLeading;

/// The same client, whose writes fail unsent once the leadership is over. Reading is still allowed.
pub fn fenced(client: &Client, leadership: &Leadership) -> Client {
    let (inner, leadership) = (client.clone(), leadership.clone());
    let service = service_fn(move |request: Request<Body>| {
        let (inner, leadership) = (inner.clone(), leadership.clone());
        async move {
            if *request.method() != Method::GET && !leadership.holds() {
                return Err(BoxError::from(NotLeading));
            }
            Ok(inner.send(request).await?)
        }
    });
    Client::new(service, client.default_namespace())
}
