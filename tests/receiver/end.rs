//! How it stops: nobody who has begun is left without an answer.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::{PATIENCE, answer, head, read_some, support::Receiver};

#[tokio::test]
async fn a_request_that_has_begun_is_answered_after_the_order_to_stop() {
    let receiver = Receiver::start().await;
    let tenant = receiver.tenant().await;
    let body = json!({ "userName": "last@example.com" }).to_string();
    let mut stream = TcpStream::connect(receiver.authority()).await.unwrap();
    let length = format!("Content-Length: {}\r\nExpect: 100-continue", body.len());
    stream.write_all(head(&tenant, "POST", "/Users", &length).as_bytes()).await.unwrap();
    // Somebody reads the body, so the request has begun.
    assert!(read_some(&mut stream).await.starts_with("HTTP/1.1 100"));

    receiver.begin_to_stop();
    let authority = receiver.authority().to_owned();
    let until = Instant::now() + PATIENCE;
    while TcpStream::connect(&authority).await.is_ok() {
        assert!(Instant::now() < until, "new connections are still accepted");
        tokio::task::yield_now().await;
    }
    stream.write_all(body.as_bytes()).await.unwrap();
    let response = read_some(&mut stream).await;
    assert!(response.starts_with("HTTP/1.1 201"), "{response}");
    tokio::time::timeout(PATIENCE, receiver.stop()).await.unwrap();
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_up_the_end() {
    let receiver = Receiver::start().await;
    let tenant = receiver.tenant().await;
    let http = Receiver::http();
    let request = http.get(format!("{}/Users", tenant.url)).bearer_auth(&tenant.token);
    assert_eq!(answer(request).await.status(), 200);
    let before = Instant::now();
    receiver.stop().await;
    assert!(before.elapsed() < Duration::from_secs(15), "it took {:?}", before.elapsed());
}
