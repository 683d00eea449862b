//! What is logged of a request, and what is not.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tracing_subscriber::EnvFilter;

use crate::{answer, ask, support::Receiver};

#[tokio::test]
async fn a_log_at_its_most_talkative_names_nobody_and_no_secret() {
    let log = Log::default();
    let (to, filter) = (log.clone(), EnvFilter::new("trace,hyper=info,hyper_util=info,h2=info,reqwest=info"));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(move || to.clone());
    tracing::subscriber::set_global_default(subscriber.finish()).unwrap();
    let receiver = Receiver::start().await;
    let tenant = receiver.tenant().await;
    let send = |method: &str, path: &str, body: &str| {
        answer(ask(method, &tenant, path).bearer_auth(&tenant.token).body(body.to_owned()))
    };
    let body = r#"{"userName": "who@secret.example", "password": "pass-secret", "externalId": "ext-secret"}"#;
    let created: Value = send("POST", "/Users", body).await.json().await.unwrap();
    let path = format!("/Users/{}", created["id"].as_str().unwrap());
    assert_eq!(send("POST", "/Users", body).await.status(), 409);
    assert_eq!(send("PUT", &path, body).await.status(), 200);
    let changes = r#"{"Operations": [{"op": "replace", "path": "password", "value": "pass-secret"},
        {"op": "replace", "path": "emails[value co \"who@secret.example\"].display", "value": "x"}]}"#;
    assert_eq!(send("PATCH", &path, changes).await.status(), 400);
    let filter = "/Users?filter=userName%20eq%20%22who@secret.example%22&secret-query=1";
    assert_eq!(send("GET", filter, "").await.status(), 200);
    assert_eq!(send("GET", "/Users?filter=userName%20eq%20who@secret.example", "").await.status(), 400);
    assert_eq!(send("POST", "/Users", r#"{"userName": "who@secret.example" broken"#).await.status(), 400);
    let bulk = r#"{"Operations": [{"method": "POST", "path": "/Users", "bulkId": "secret-id",
        "data": {"userName": "who@secret.example", "password": "pass-secret", "title": "bulkId:secret-title"}}]}"#;
    assert_eq!(send("POST", "/Bulk", bulk).await.status(), 200);
    assert_eq!(send("GET", "/Users?cursor=secret-cursor", "").await.status(), 400);
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
