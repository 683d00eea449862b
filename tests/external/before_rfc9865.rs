//! Rollcall as it looked before RFC 9865: a proxy that takes `pagination` out of `/ServiceProviderConfig`, and passes
//! everything else on as it is.
//!
//! Canaille 0.3.6 is built on a library (scim2-models before 0.10) that refuses a configuration with an attribute that
//! RFC 7643 does not have, and then pushes nothing at all. RFC 9865 section 4 registers that attribute for whoever has
//! cursors.
//!
//! Canaille itself is as it was released, which is possible in no other way. Its limits let newer libraries in, but it
//! works with none: scim2-models from 0.8 on lack `get_by_payload`, which scim2-client 0.7 calls; scim2-client 0.8 and 0.9
//! send `If-Match` with the version in a document, where Canaille puts its own, so that each update is rightly 412; from
//! 0.10 on there is no `SCIMClientError`, which Canaille imports.

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    response::Response,
};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::{endpoint::Endpoint, support::Receiver};

/// Larger than anything that is sent here.
const LIMIT: usize = 1 << 20;

/// The tenant, as it is reached through a proxy of its own.
pub async fn before_rfc9865(tenant: &Endpoint) -> Endpoint {
    let url: url::Url = tenant.url.parse().unwrap();
    let target = format!("http://{}", url.authority());
    let routes = Router::new().fallback(pass_on).with_state(target);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}{}", listener.local_addr().unwrap(), url.path());
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    Endpoint { url, token: tenant.token.clone() }
}

async fn pass_on(State(target): State<String>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, LIMIT).await.unwrap();
    // The Host goes on, too: locations are under the URL that the client used.
    let sent = Receiver::http()
        .request(head.method, format!("{target}{}", head.uri))
        .headers(head.headers)
        .body(body);
    let answer = sent.send().await.unwrap();
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers().iter().filter(|(name, _)| *name != "content-length") {
        response = response.header(name, value);
    }
    let mut body = answer.bytes().await.unwrap().to_vec();
    if head.uri.path().ends_with("/ServiceProviderConfig") {
        let mut config: Value = serde_json::from_slice(&body).unwrap();
        config.as_object_mut().unwrap().remove("pagination").unwrap();
        body = serde_json::to_vec(&config).unwrap();
    }
    response.body(Body::from(body)).unwrap()
}
