//! What the receiver promises whoever the identity provider is: who gets in, what is too much, how it ends.

#[path = "support/endpoint.rs"]
mod endpoint;
#[path = "support/receiver.rs"]
mod support;

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use endpoint::Endpoint;
use jiff::Timestamp;
use reqwest::{Method, RequestBuilder, Response};
use rollcall::api::{TokenScope, TokenSpec};
use rollcall_dev::{Component, ControlPlane, Options};
use serde_json::{Value, json};
use support::{Receiver, install_crds, new_namespace};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tracing_subscriber::EnvFilter;

/// Longer than anything here takes, shorter than anybody's patience.
const PATIENCE: Duration = Duration::from_secs(20);

const ROUTES: [(&str, &str); 18] = [
    ("GET", "/Users"),
    ("POST", "/Users"),
    ("POST", "/Users/.search"),
    ("GET", "/Users/1"),
    ("HEAD", "/Users/1"),
    ("PUT", "/Users/1"),
    ("PATCH", "/Users/1"),
    ("DELETE", "/Users/1"),
    ("GET", "/Groups"),
    ("POST", "/Groups/.search"),
    ("PATCH", "/Groups/1"),
    ("GET", "/ServiceProviderConfig"),
    ("GET", "/ResourceTypes"),
    ("GET", "/Schemas/x"),
    ("GET", "/Me"),
    ("POST", "/Bulk"),
    ("GET", "/no/such/url"),
    ("BREW", "/Users"),
];

fn ask(receiver: &Receiver, method: &str, endpoint: &Endpoint, path: &str) -> RequestBuilder {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    receiver.http().request(method, format!("{}{path}", endpoint.url))
}

async fn answer(request: RequestBuilder) -> Response {
    request.timeout(PATIENCE).send().await.unwrap()
}

/// All that an answer tells, but for the id and the time of the request.
async fn told(response: Response) -> (u16, Vec<(String, String)>, String) {
    let status = response.status().as_u16();
    let own = |name: &str| name != "x-request-id" && name != "date";
    let headers = response.headers().iter().filter(|(name, _)| own(name.as_str()));
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    (status, headers.collect(), response.text().await.unwrap())
}

#[tokio::test]
async fn every_route_tells_a_stranger_the_same() {
    let receiver = Receiver::start().await;
    let (own, other) = (receiver.tenant().await, receiver.tenant().await);
    let expired = TokenSpec::default();
    let expired = receiver.tenant_with(expired, Some(Timestamp::now()), false).await;
    let missing = Endpoint { url: own.url.replace("/tenant-", "/nobody-"), token: own.token.clone() };
    let refused = told(answer(ask(&receiver, "GET", &own, "/Users")).await).await;
    assert_eq!(refused.0, 401);
    for (method, path) in ROUTES {
        let requests = [
            ask(&receiver, method, &own, path),
            ask(&receiver, method, &own, path).bearer_auth(&other.token),
            ask(&receiver, method, &own, path).basic_auth("user", Some(&own.token)),
            ask(&receiver, method, &own, path).bearer_auth(&own.token).bearer_auth(&own.token),
            ask(&receiver, method, &own, &format!("{path}?access_token={}", own.token)),
            ask(&receiver, method, &expired, path).bearer_auth(&expired.token),
            ask(&receiver, method, &missing, path).bearer_auth(&missing.token),
        ];
        for (index, request) in requests.into_iter().enumerate() {
            let mut answer = told(answer(request).await).await;
            if method == "HEAD" {
                assert_eq!(answer.2, "");
                answer.2.clone_from(&refused.2);
            }
            assert_eq!(answer, refused, "{method} {path}, case {index}");
        }
    }
    receiver.stop().await;
}

#[tokio::test]
async fn the_scheme_of_a_token_is_read_in_any_case() {
    let receiver = Receiver::start().await;
    let tenant = receiver.tenant().await;
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let request = ask(&receiver, "GET", &tenant, "/Users");
        let request = request.header("Authorization", format!("{scheme} {}", tenant.token));
        assert_eq!(answer(request).await.status(), 200, "{scheme}");
    }
    receiver.stop().await;
}

#[tokio::test]
async fn a_suspended_tenant_is_told_to_come_back_and_a_stranger_is_not() {
    let receiver = Receiver::start().await;
    let tenant = receiver.tenant_with(TokenSpec::default(), None, true).await;
    let response = answer(ask(&receiver, "GET", &tenant, "/Users").bearer_auth(&tenant.token)).await;
    assert_eq!(response.status(), 503);
    assert!(response.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() > 0);
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["status"], "503");
    assert_eq!(answer(ask(&receiver, "GET", &tenant, "/Users")).await.status(), 401);
    receiver.stop().await;
}

#[tokio::test]
async fn a_read_only_token_reads_and_searches_and_writes_nothing() {
    let receiver = Receiver::start().await;
    let token = TokenSpec { read_only: true, ..TokenSpec::default() };
    let tenant = receiver.tenant_with(token, None, false).await;
    let cases = [
        ("GET", "/Users", 200),
        ("POST", "/Users/.search", 200),
        ("GET", "/Groups", 200),
        ("POST", "/Groups/.search", 200),
        ("GET", "/ServiceProviderConfig", 200),
        ("POST", "/Users", 403),
        ("PUT", "/Users/1", 403),
        ("PATCH", "/Users/1", 403),
        ("DELETE", "/Users/1", 403),
        ("POST", "/Groups", 403),
        ("PUT", "/Groups/1", 403),
        ("PATCH", "/Groups/1", 403),
        ("DELETE", "/Groups/1", 403),
    ];
    for (method, path, expected) in cases {
        let request = ask(&receiver, method, &tenant, path).bearer_auth(&tenant.token);
        let response = answer(request.json(&json!({}))).await;
        assert_eq!(response.status(), expected, "{method} {path}");
        let body = response.text().await.unwrap();
        assert_eq!(body.contains("read-only"), expected == 403, "{method} {path}: {body}");
    }
    receiver.stop().await;
}

#[tokio::test]
async fn a_token_only_touches_what_its_scope_names() {
    let receiver = Receiver::start().await;
    let scoped = |scope| TokenSpec { scope: vec![scope], ..TokenSpec::default() };
    let users = receiver.tenant_with(scoped(TokenScope::Users), None, false).await;
    let groups = receiver.tenant_with(scoped(TokenScope::Groups), None, false).await;
    let cases = [
        (&users, "GET", "/Users", 200),
        // Entra ID's Test Connection needs an answer to this.
        (&users, "GET", "/Groups", 200),
        (&users, "GET", "/Groups/1", 403),
        (&users, "POST", "/Groups", 403),
        (&groups, "GET", "/Groups", 200),
        (&groups, "GET", "/Users", 403),
        (&groups, "POST", "/Users/.search", 403),
        (&groups, "POST", "/Users", 403),
        (&groups, "GET", "/Users/1", 403),
    ];
    for (tenant, method, path, expected) in cases {
        let request = ask(&receiver, method, tenant, path).bearer_auth(&tenant.token);
        assert_eq!(answer(request.json(&json!({}))).await.status(), expected, "{method} {path}");
    }
    receiver.stop().await;
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_whether_announced_or_not() {
    let receiver = Receiver::start_with(|settings| settings.max_body = 1000).await;
    let tenant = receiver.tenant().await;
    let large = json!({ "userName": "ada", "displayName": "x".repeat(2000) }).to_string();
    let request = ask(&receiver, "POST", &tenant, "/Users").bearer_auth(&tenant.token);
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
    let http = receiver.http();
    let request = http.get(format!("{}/Users", tenant.url)).bearer_auth(&tenant.token);
    assert_eq!(answer(request).await.status(), 200);
    let before = Instant::now();
    receiver.stop().await;
    assert!(before.elapsed() < Duration::from_secs(5), "it took {:?}", before.elapsed());
}

#[tokio::test]
async fn http_2_is_spoken_on_the_same_port() {
    let receiver = Receiver::start().await;
    let tenant = receiver.tenant().await;
    let http = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let request = http.post(format!("{}/Users", tenant.url)).bearer_auth(&tenant.token);
    let response = answer(request.json(&json!({ "userName": "two@example.com" }))).await;
    assert_eq!((response.version(), response.status().as_u16()), (reqwest::Version::HTTP_2, 201));
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    assert!(location.starts_with(&format!("{}/Users/", tenant.url)), "{location}");
    receiver.stop().await;
}

#[tokio::test]
async fn a_location_is_under_the_url_that_the_client_used() {
    let receiver = Receiver::start().await;
    let tenant = receiver.tenant().await;
    let path = tenant.url.strip_prefix(&format!("http://{}", receiver.authority())).unwrap();
    let request = ask(&receiver, "POST", &tenant, "/Users").bearer_auth(&tenant.token);
    let request = request.header("Host", "scim.acme.example").header("X-Forwarded-Proto", "https");
    let response = answer(request.json(&json!({ "userName": "where@example.com" }))).await;
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    assert!(location.starts_with(&format!("https://scim.acme.example{path}/Users/")), "{location}");
    receiver.stop().await;
}

#[tokio::test]
async fn every_answer_has_an_id_of_its_own() {
    let receiver = Receiver::start().await;
    let tenant = receiver.tenant().await;
    let mut ids = Vec::new();
    for token in [&tenant.token, &tenant.token, &"wrong".to_owned()] {
        let response = answer(ask(&receiver, "GET", &tenant, "/Users").bearer_auth(token)).await;
        ids.push(response.headers()["x-request-id"].to_str().unwrap().to_owned());
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3);
    receiver.stop().await;
}

#[tokio::test]
async fn a_stopped_api_server_is_answered_503_and_nothing_of_the_request_stays() {
    let (plane, namespace) = tokio::task::spawn_blocking(|| {
        let plane = ControlPlane::start(Options { controller_manager: false, ..Options::default() }).unwrap();
        install_crds(&plane);
        let namespace = new_namespace(&plane);
        (plane, namespace)
    })
    .await
    .unwrap();
    let receiver = Receiver::start_on(&plane, namespace, |_| ()).await;
    let tenant = receiver.tenant().await;
    let create = || {
        let request = ask(&receiver, "POST", &tenant, "/Users").bearer_auth(&tenant.token);
        request.json(&json!({ "userName": "durable@example.com" })).timeout(Duration::from_secs(60))
    };

    plane.kill(Component::ApiServer).unwrap();
    let response = create().send().await.unwrap();
    assert_eq!(response.status(), 503);
    assert!(response.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() > 0);
    let found = answer(ask(&receiver, "GET", &tenant, "/Users").bearer_auth(&tenant.token)).await;
    assert_eq!(found.json::<Value>().await.unwrap()["totalResults"], 0);

    let plane = tokio::task::spawn_blocking(|| {
        plane.start_component(Component::ApiServer).unwrap();
        plane
    });
    let plane = plane.await.unwrap();
    assert_eq!(create().send().await.unwrap().status(), 201);
    receiver.stop().await;
    drop(plane);
}

#[tokio::test]
async fn a_log_at_its_most_talkative_names_nobody_and_no_secret() {
    let log = Log::default();
    let (to, filter) = (log.clone(), EnvFilter::new("trace,hyper=info,hyper_util=info,h2=info,reqwest=info"));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(move || to.clone());
    tracing::subscriber::set_global_default(subscriber.finish()).unwrap();
    let receiver = Receiver::start().await;
    let tenant = receiver.tenant().await;
    let send = |method: &str, path: &str, body: &str| {
        answer(ask(&receiver, method, &tenant, path).bearer_auth(&tenant.token).body(body.to_owned()))
    };
    let body = r#"{"userName": "who@secret.example", "password": "pass-secret", "externalId": "ext-secret"}"#;
    let created: Value = send("POST", "/Users", body).await.json().await.unwrap();
    let path = format!("/Users/{}", created["id"].as_str().unwrap());
    assert_eq!(send("POST", "/Users", body).await.status(), 409);
    assert_eq!(send("PUT", &path, body).await.status(), 200);
    let patch = r#"{"Operations": [{"op": "replace", "path": "password", "value": "pass-secret"},
        {"op": "replace", "path": "emails[value co \"who@secret.example\"].display", "value": "x"}]}"#;
    assert_eq!(send("PATCH", &path, patch).await.status(), 400);
    let filter = "/Users?filter=userName%20eq%20%22who@secret.example%22&secret-query=1";
    assert_eq!(send("GET", filter, "").await.status(), 200);
    assert_eq!(send("GET", "/Users?filter=userName%20eq%20who@secret.example", "").await.status(), 400);
    assert_eq!(send("POST", "/Users", r#"{"userName": "who@secret.example" broken"#).await.status(), 400);
    receiver.stop().await;

    let log = log.text();
    assert!(log.contains("answered") && log.contains("/Users/{id}"), "{log}");
    for secret in ["secret", "%40", tenant.token.as_str()] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret:?} is in the log");
    }
}

/// What was logged so far.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
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
