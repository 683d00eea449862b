//! What is too much, and what is too slow.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{PATIENCE, answer, ask, head, read_some, support::Receiver};

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_whether_announced_or_not() {
    let receiver = Receiver::start_with(|settings| settings.max_body = 1000).await;
    let tenant = receiver.tenant().await;
    let large = json!({ "userName": "ada", "displayName": "x".repeat(2000) }).to_string();
    let request = ask("POST", &tenant, "/Users").bearer_auth(&tenant.token);
    let response = answer(request.body(large.clone())).await;
    assert_eq!(response.status(), 413);
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["status"], "413");
    assert!(body["detail"].as_str().unwrap().contains("1000"), "{body}");

    let mut stream = TcpStream::connect(receiver.authority()).await.unwrap();
    let head = head(&tenant, "POST", "/Users", "Transfer-Encoding: chunked");
    let chunk = format!("{head}{:x}\r\n{large}\r\n0\r\n\r\n", large.len());
    stream.write_all(chunk.as_bytes()).await.unwrap();
    assert!(read_some(&mut stream).await.starts_with("HTTP/1.1 413"));
    receiver.stop().await;
}

#[tokio::test]
async fn who_sends_far_too_much_hears_why() {
    let receiver = Receiver::start_with(|settings| settings.max_body = 1000).await;
    let tenant = receiver.tenant().await;
    let large = "x".repeat(20_000_000);
    for _ in 0..10 {
        let response =
            answer(ask("POST", &tenant, "/Users").bearer_auth(&tenant.token).body(large.clone())).await;
        assert_eq!(response.status(), 413);
    }
    receiver.stop().await;
}

#[tokio::test]
async fn a_body_that_never_ends_is_given_up() {
    let receiver = Receiver::start_with(|it| it.request_timeout = Duration::from_millis(300)).await;
    let tenant = receiver.tenant().await;
    let mut stream = TcpStream::connect(receiver.authority()).await.unwrap();
    stream.write_all(head(&tenant, "POST", "/Users", "Content-Length: 100").as_bytes()).await.unwrap();
    let response = read_some(&mut stream).await;
    assert!(response.starts_with("HTTP/1.1 503"), "{response}");
    assert!(response.contains("retry-after: 1"), "{response}");
    receiver.stop().await;
}

#[tokio::test]
async fn clients_that_are_silent_or_slow_with_their_headers_are_cut_off() {
    let receiver = Receiver::start_with(|it| it.header_timeout = Duration::from_millis(300)).await;
    for beginning in ["", "P", "PRI * HTTP/2", "GET /Users HTTP/1.1\r\nHost: x\r\nX-Slow: "] {
        let mut stream = TcpStream::connect(receiver.authority()).await.unwrap();
        stream.write_all(beginning.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        // Whether it is closed with an answer, a FIN or a reset is all the same.
        let closed = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
        assert!(closed.is_ok(), "{beginning:?} was still waited for");
    }
    receiver.stop().await;
}
