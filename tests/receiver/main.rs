//! What the receiver promises whoever the identity provider is: who gets in, what is too much, how it ends.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on has failed")]

mod access;
mod advertised;
mod answers;
mod bulk;
mod declared;
mod end;
#[path = "../support/endpoint.rs"]
mod endpoint;
#[path = "../replicas/gate.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod gate;
mod late_watch;
mod limits;
mod log;
mod outage;
mod round_trip;
mod rules;
mod shares;
#[path = "../support/receiver.rs"]
mod support;

use std::time::Duration;

use endpoint::Endpoint;
use reqwest::{Method, RequestBuilder, Response};
use support::Receiver;
use tokio::{io::AsyncReadExt, net::TcpStream};

/// Far longer than anything here takes, as machines may be busy.
const PATIENCE: Duration = Duration::from_mins(1);

fn ask(method: &str, endpoint: &Endpoint, path: &str) -> RequestBuilder {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    Receiver::http().request(method, format!("{}{path}", endpoint.url))
}

async fn answer(request: RequestBuilder) -> Response {
    request.timeout(PATIENCE).send().await.unwrap()
}

fn head(endpoint: &Endpoint, method: &str, path: &str, more: &str) -> String {
    let url: url::Url = endpoint.url.parse().unwrap();
    let token = &endpoint.token;
    format!(
        "{method} {}{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{more}\r\n\r\n",
        url.path()
    )
}

/// What comes next, as far as it comes at once.
async fn read_some(stream: &mut TcpStream) -> String {
    let mut buffer = vec![0; 64 * 1024];
    let length = tokio::time::timeout(PATIENCE, stream.read(&mut buffer)).await.unwrap().unwrap();
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}
