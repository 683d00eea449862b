//! Replicas as clients see them: requests, and how each ended.

use std::{sync::Arc, time::Duration};

use reqwest::Method;
use serde_json::Value;

use crate::history::{History, Span};

/// How long a client waits. Longer than a write may take because a replica has died.
const PATIENCE: Duration = Duration::from_secs(15);

/// The tenant at all replicas.
#[derive(Clone, Debug)]
pub struct Service {
    pub history: Arc<History>,
    replicas: Vec<String>,
    token: String,
    http: reqwest::Client,
}

/// How a request ended.
#[derive(Debug)]
pub enum Answer {
    Said(u16, Value),
    /// It was never sent.
    Unsent,
    /// It may be done at any later time.
    Unknown,
}

impl Service {
    /// `replicas` are the URLs of the tenant at each replica.
    pub fn new(replicas: Vec<String>, token: String) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        Self { history: Arc::new(History::new()), replicas, token, http }
    }

    pub fn replicas(&self) -> usize {
        self.replicas.len()
    }

    /// Sends a request to one replica.
    pub async fn ask(
        &self,
        (client, replica): (usize, usize),
        method: Method,
        path: &str,
        body: &Value,
    ) -> (Span, Answer) {
        let url = format!("{}{path}", self.replicas[replica]);
        let mut request = self.http.request(method.clone(), url).bearer_auth(&self.token);
        if !body.is_null() {
            request = request.header("content-type", "application/scim+json").body(body.to_string());
        }
        let began = self.history.now();
        let answer = self.answer(&method, path, request).await;
        let known = !matches!(answer, Answer::Unknown);
        self.history.count(matches!(answer, Answer::Said(..)));
        (Span { client, replica, began, ended: known.then(|| self.history.now()) }, answer)
    }

    async fn answer(&self, method: &Method, path: &str, request: reqwest::RequestBuilder) -> Answer {
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) if error.is_connect() => return Answer::Unsent,
            Err(_) => return Answer::Unknown,
        };
        let status = answer.status().as_u16();
        let says_when = answer.headers().contains_key("retry-after");
        let Ok(text) = answer.text().await else { return Answer::Unknown };
        match status {
            503 if says_when => return Answer::Unknown,
            500.. => self.history.complain(format!("{method} {path} was answered {status}: {text}")),
            _ => {}
        }
        Answer::Said(status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }
}
