//! Just enough HTTP to see that a server on loopback is ready.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// The status of a GET; nothing while the server does not answer.
pub fn get(port: u16, path: &str, token: &str) -> Option<u16> {
    let head =
        format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n\r\n");
    let answer = exchange(port, &head)?;
    // `HTTP/1.1 200 OK`
    answer.split_whitespace().nth(1)?.parse().ok()
}

/// The JSON that a form is answered with.
pub fn post_form(port: u16, path: &str, form: &str) -> Option<Value> {
    let length = form.len();
    let answer = exchange(
        port,
        &format!(
            "POST {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {length}\r\n\r\n{form}"
        ),
    )?;
    serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
}

/// One request and its whole answer. HTTP/1.0, so that the end of the connection is the end of the answer.
fn exchange(port: u16, request: &str) -> Option<String> {
    let patience = Duration::from_secs(5);
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), patience).ok()?;
    stream.set_read_timeout(Some(patience)).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}
