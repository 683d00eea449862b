//! SCIM requests: as Okta sends them to Rollcall, and as we ask an app what it has.

use std::time::{Duration, Instant};

use serde_json::Value;
use ureq::Agent;
use ureq::http::Request;

use super::error::{DemoError, expect};

/// Okta waits this long.
const PATIENCE: Duration = Duration::from_mins(1);

/// A SCIM server, seen from a client.
#[derive(Debug, Clone)]
pub(super) struct Server {
    pub(super) url: String,
    token: String,
    agent: Agent,
}

/// What was answered, and when.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// `Null` when there is no body.
    pub(super) body: Value,
    pub(super) took: Duration,
    pub(super) at: Instant,
}

impl Server {
    pub(super) fn new(url: &str, token: &str) -> Self {
        let config = Agent::config_builder()
            // Loopback is never behind the proxy that the environment may name.
            .proxy(None)
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE));
        Self { url: url.to_owned(), token: token.to_owned(), agent: config.build().new_agent() }
    }

    /// The same server over new connections.
    pub(super) fn reconnected(&self) -> Self {
        Self::new(&self.url, &self.token)
    }

    /// Sends a request. `path` is as people read it; what a URL cannot hold is escaped here.
    pub(super) fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Answer, DemoError> {
        let url = format!("{}{}", self.url, escaped(path));
        let started = Instant::now();
        let unanswered =
            |reason: String| DemoError::Unanswered { method: method.to_owned(), url: url.clone(), reason };
        let request = Request::builder()
            .method(method)
            .uri(&url)
            .header("Authorization", format!("Bearer {}", self.token))
            .header("Content-Type", "application/scim+json");
        let response = match body {
            Some(body) => request.body(body.to_string()).map(|request| self.agent.run(request)),
            None => request.body(()).map(|request| self.agent.run(request)),
        };
        let mut response = response
            .map_err(|error| unanswered(error.to_string()))?
            .map_err(|error| unanswered(error.to_string()))?;
        let text = response.body_mut().read_to_string().map_err(|error| unanswered(error.to_string()))?;
        let at = Instant::now();
        let body = if text.is_empty() { Ok(Value::Null) } else { serde_json::from_str(&text) };
        let body = body.map_err(|error| unanswered(format!("{error} in the body: {text}")))?;
        Ok(Answer { status: response.status().as_u16(), body, took: at - started, at })
    }
}

impl Answer {
    /// Fails unless it has this status.
    pub(super) fn with_status(self, status: u16, what: &str) -> Result<Self, DemoError> {
        expect(self.status == status, format!("{status} for {what}"), || {
            format!("{} {}", self.status, self.body)
        })?;
        Ok(self)
    }

    /// A text of the body, empty when there is none.
    pub(super) fn text(&self, key: &str) -> &str {
        self.body[key].as_str().unwrap_or_default()
    }

    /// `totalResults` of a list.
    pub(super) fn total(&self) -> Option<u64> {
        self.body["totalResults"].as_u64()
    }
}

/// RFC 3986 section 3.4 allows neither spaces nor quotes, which every filter has.
fn escaped(path: &str) -> String {
    path.chars().fold(String::new(), |mut escaped, character| {
        match character {
            ' ' => escaped.push_str("%20"),
            '"' => escaped.push_str("%22"),
            other => escaped.push(other),
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_escaped_for_the_wire() {
        let path = r#"/Users?filter=userName eq "ada@example.com"&count=1"#;
        assert_eq!(escaped(path), "/Users?filter=userName%20eq%20%22ada@example.com%22&count=1");
    }
}
