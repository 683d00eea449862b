//! What a SCIM server answered, and what that means for the one who asked.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header::RETRY_AFTER};
use jiff::{Timestamp, fmt::rfc2822};
use serde_json::{Map, Value};

use crate::downstream::{ApplyError, Blame};

/// How much of a server's own explanation is passed on.
const MAX_DETAIL: usize = 200;

/// The longest wait that a server may ask for; more would let one odd date park an app for good.
const MAX_WAIT: Duration = Duration::from_hours(24);

/// An answer about the item asked for. (What concerns the whole app is an [`ApplyError`] already.)
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Done; with the resource, where the server shows it.
    Done(Option<Map<String, Value>>),
    /// There is no such resource (404, 410).
    Missing,
    /// The server does not want this.
    Refused(Refusal),
}

/// Why the server does not want it.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    status: StatusCode,
    detail: String,
}

impl Answer {
    /// Sorts an answer by its status, as RFC 7644 section 3.12 describes them.
    pub fn sort(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Result<Self, ApplyError> {
        match status.as_u16() {
            200..=299 => Ok(Self::Done(resource(body)?)),
            404 | 410 => Ok(Self::Missing),
            401 | 403 => Err(app(format!(
                "the app refuses our token ({}): put a valid one, with the right to manage users and groups, in the Secret",
                status.as_u16()
            ))),
            300..=399 => Err(app(format!(
                "the app redirects elsewhere ({}), which is not followed: set the URL to where it leads",
                status.as_u16()
            ))),
            405 | 501 => Ok(Self::Refused(Refusal { status, detail: detail(body) })),
            408 | 425 | 429 | 500..=599 => Err(ApplyError {
                blame: Blame::App,
                message: format!("the app is overloaded or broken: it answered {status}"),
                retry_after: retry_after(headers, Timestamp::now()),
            }),
            _ => Ok(Self::Refused(Refusal { status, detail: detail(body) })),
        }
    }
}

impl Refusal {
    /// The name, or whatever must be unique, is taken.
    pub fn is_conflict(&self) -> bool {
        self.status == StatusCode::CONFLICT
    }

    /// The server may know another way to say the same: it does not do this method, or not this form of it.
    pub fn may_be_said_otherwise(&self) -> bool {
        matches!(self.status.as_u16(), 400 | 405 | 501)
    }

    /// The error of this item. `doing` completes "the app refused to ...".
    pub fn into_error(self, doing: &str) -> ApplyError {
        let Self { status, detail } = self;
        let colon = if detail.is_empty() { "" } else { ": " };
        item(format!("the app refused to {doing} ({}){colon}{detail}", status.as_u16()))
    }

    /// The same without the server's explanation.
    pub fn without_detail(mut self) -> Self {
        self.detail.clear();
        self
    }

    /// The same with every occurrence of a secret taken out: a server may echo what it was sent.
    pub fn without(mut self, secret: &str) -> Self {
        self.detail = self.detail.replace(secret, "[token]");
        self
    }
}

/// An error that concerns the whole app.
pub fn app(message: impl Into<String>) -> ApplyError {
    ApplyError { blame: Blame::App, message: message.into(), retry_after: None }
}

/// An error that concerns one user or team.
pub fn item(message: impl Into<String>) -> ApplyError {
    ApplyError { blame: Blame::Item, message: message.into(), retry_after: None }
}

fn resource(body: &[u8]) -> Result<Option<Map<String, Value>>, ApplyError> {
    if body.is_empty() {
        return Ok(None);
    }
    serde_json::from_slice(body).map(Some).map_err(|_| {
        app("the app answered something that is not a JSON object: is the URL its SCIM base URL?")
    })
}

/// RFC 7644 section 3.12: `detail` is a human-readable message. It comes from outside, so it is clipped and cleaned.
fn detail(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let detail = ["detail", "message"].iter().find_map(|key| body.get(key)?.as_str()).unwrap_or_default();
    detail.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_DETAIL).collect()
}

/// RFC 9110 section 10.2.3: seconds, or an HTTP date.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if let Ok(seconds) = text.parse() {
        Duration::from_secs(seconds)
    } else {
        let then = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
        // A date in the past is no wait.
        Duration::try_from(then.duration_since(now)).unwrap_or_default()
    };
    Some(wait.min(MAX_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(text: &str) -> Option<Duration> {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
        retry_after(&headers, "2015-10-21T07:28:00Z".parse().unwrap())
    }

    fn blame(status: u16, body: &str) -> Option<Blame> {
        let status = StatusCode::from_u16(status).unwrap();
        Answer::sort(status, &HeaderMap::new(), body.as_bytes()).err().map(|error| error.blame)
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(wait("120"), Some(Duration::from_mins(2)));
        assert_eq!(wait("Wed, 21 Oct 2015 07:29:30 GMT"), Some(Duration::from_secs(90)));
        assert_eq!(wait("Wed, 21 Oct 2015 07:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("99999999999"), Some(MAX_WAIT));
        assert_eq!(wait("soon"), None);
    }

    #[test]
    fn what_concerns_everybody_is_the_app_s_fault() {
        for status in [301, 401, 403, 408, 429, 500, 502, 503] {
            assert_eq!(blame(status, ""), Some(Blame::App), "{status}");
        }
        assert_eq!(blame(200, "<html>"), Some(Blame::App));
        assert_eq!(blame(200, "[1]"), Some(Blame::App));
        for status in [200, 204, 400, 404, 405, 409, 410, 413, 422, 501] {
            assert_eq!(blame(status, ""), None, "{status}");
        }
    }

    #[test]
    fn a_detail_is_clipped_and_cleaned() {
        let body = serde_json::json!({ "detail": format!("a\nb{}", "x".repeat(500)) }).to_string();
        let detail = detail(body.as_bytes());
        assert!(detail.starts_with("a bx"));
        assert_eq!(detail.len(), MAX_DETAIL);
    }
}
