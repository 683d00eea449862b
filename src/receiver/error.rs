//! What can go wrong between an identity provider and us, and how each is answered.
//!
//! Every error is a SCIM error body (RFC 7644 section 3.12). What a client can act on is in its `detail`;
//! what only an operator can act on is logged, once, and not sent.

use std::{panic::AssertUnwindSafe, time::Duration};

use axum::{
    http::{
        HeaderName, HeaderValue, Method, StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use futures::FutureExt;

use crate::{scim::ScimError, store::StoreError};

/// The media type of everything that we send, RFC 7644 section 8.1.
pub(super) const SCIM_JSON: HeaderValue = HeaderValue::from_static("application/scim+json");

/// When to come back if nothing tells better: soon enough for a person who lifts a suspension, seldom enough
/// for a connector that retries thousands of requests.
const RETRY_LATER: Duration = Duration::from_secs(30);

/// Why a request is not answered as it was meant.
#[derive(Debug, thiserror::Error)]
pub enum ReceiverError {
    /// Not everything has been read from the API server yet.
    #[error("the service has just started and is not ready yet; try again")]
    Starting,
    /// No token, or not one of this tenant, or one that has expired.
    #[error("a valid bearer token of this tenant is needed")]
    Unauthorized,
    /// The tenant is suspended by a person.
    #[error("this tenant is suspended; its owner can resume it")]
    Suspended,
    /// The tenant asks for more than its share.
    #[error("this tenant sends more than its share while others send too; slow down")]
    TooManyRequests {
        /// When its share will allow the next one.
        retry_after: Duration,
    },
    /// No route has this URL.
    #[error("there is no such URL; the base URL ends in /v2, and /Users and /Groups follow")]
    NoSuchUrl,
    /// The URL has a route, but not for this method.
    #[error("{0} can't be used on this URL; the Allow header says what can")]
    MethodNotAllowed(Method),
    /// `/Me` with a token that stands for nobody.
    #[error(
        "a token stands for an identity provider, who is no person, so there is no /Me; ask for /Users/{{id}}"
    )]
    NobodyIsMe,
    /// The body is not JSON by its own account, or it is compressed.
    #[error("the body must be application/scim+json or application/json, not compressed")]
    UnsupportedMediaType,
    /// The body is larger than what is accepted.
    #[error("the body is too large, at most {limit} bytes are accepted; send members in several requests")]
    BodyTooLarge {
        /// The most bytes that are accepted.
        limit: usize,
    },
    /// The connection broke, or the client stopped, in the middle of the body.
    #[error("the body ended before it was complete")]
    BodyInterrupted,
    /// It took longer than a request may.
    #[error("this took too long and was given up; try again")]
    TimedOut,
    /// A bug of ours. Whoever caught it has logged it.
    #[error("an internal error; the request's id is in the X-Request-Id header")]
    Internal,
    /// The request is at fault, as SCIM sees it.
    #[error(transparent)]
    Scim(#[from] ScimError),
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An answer to an error: what SCIM says, and when to try again.
struct Answer {
    error: ScimError,
    retry_after: Option<Duration>,
}

impl From<ScimError> for Answer {
    fn from(error: ScimError) -> Self {
        Self { error, retry_after: None }
    }
}

impl ReceiverError {
    /// What a client is told, where the error is one of several in an answer.
    pub(super) fn into_scim(self) -> ScimError {
        self.answer().error
    }

    fn answer(self) -> Answer {
        let detail = self.to_string();
        let plain = |status| Answer::from(ScimError::new(status, detail.clone()));
        match self {
            Self::Unauthorized => plain(401),
            Self::NoSuchUrl => plain(404),
            Self::MethodNotAllowed(_) => plain(405),
            Self::BodyTooLarge { .. } => plain(413),
            Self::UnsupportedMediaType => plain(415),
            Self::Internal => plain(500),
            Self::NobodyIsMe => plain(501),
            Self::BodyInterrupted => ScimError::invalid_syntax(detail).into(),
            Self::TooManyRequests { retry_after } => Answer { retry_after: Some(retry_after), ..plain(429) },
            Self::Suspended => Answer { retry_after: Some(RETRY_LATER), ..plain(503) },
            Self::Starting | Self::TimedOut => {
                Answer { retry_after: Some(Duration::from_secs(1)), ..plain(503) }
            }
            Self::Scim(error) => error.into(),
            Self::Store(error) => store_answer(error),
        }
    }
}

fn store_answer(error: StoreError) -> Answer {
    let detail = error.to_string();
    match error {
        StoreError::NotFound { .. } => ScimError::not_found(detail).into(),
        StoreError::Taken { .. } => ScimError::uniqueness(detail).into(),
        StoreError::VersionMismatch { .. } => ScimError::new(412, detail).into(),
        StoreError::Declared { .. } => ScimError::new(403, detail).into(),
        StoreError::Scim(error) => error.into(),
        // What the API server says of a rejected object quotes it: its sender may see that, a log may not.
        StoreError::Rejected(_) => ScimError::invalid_value(detail).into(),
        StoreError::Unavailable { reason, retry_after } => {
            tracing::warn!(%reason, "the store is unavailable, answered 503");
            let detail = "this can't be stored or read now; nothing of it has happened, try again";
            Answer { error: ScimError::new(503, detail), retry_after: Some(retry_after) }
        }
    }
}

impl IntoResponse for ReceiverError {
    fn into_response(self) -> Response {
        let challenge = matches!(self, Self::Unauthorized);
        let Answer { error, retry_after } = self.answer();
        let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = error.body().to_string();
        let mut response = (status, [(CONTENT_TYPE, SCIM_JSON)], body).into_response();
        let headers = response.headers_mut();
        if challenge {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"rollcall\""));
        }
        if let Some(retry_after) = retry_after {
            headers.insert(RETRY_AFTER, whole_seconds(retry_after).into());
        }
        response
    }
}

/// RFC 9110 section 10.2.3 knows whole seconds only; "now" would make a client hammer.
fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

pub(super) async fn no_such_url() -> ReceiverError {
    ReceiverError::NoSuchUrl
}

/// RFC 7644 section 3.11: "A service provider that does NOT support this feature SHOULD respond with HTTP status code
/// 501 (Not Implemented)."
pub(super) async fn nobody_is_me() -> ReceiverError {
    ReceiverError::NobodyIsMe
}

/// The answer that is being made, or one to a request whose handler panicked. What a panic says may quote the request, so
/// it is not logged here; the panic hook has printed where it happened.
pub(super) async fn or_answer_panic(answer: impl Future<Output = Response>) -> Response {
    // Nothing of the request is left to be seen in a state that it was not meant to be in.
    AssertUnwindSafe(answer).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!("a request handler panicked, answered 500");
        ReceiverError::Internal.into_response()
    })
}

/// The name of the header that carries a request's id.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    async fn sent(error: impl Into<ReceiverError>) -> (u16, axum::http::HeaderMap, Value) {
        let (parts, body) = error.into().into_response().into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        (parts.status.as_u16(), parts.headers, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn a_taken_name_is_a_uniqueness_error() {
        let (status, headers, body) =
            sent(StoreError::Taken { kind: "User", attribute: "userName".to_owned() }).await;
        assert_eq!((status, &body["status"], &body["scimType"]), (409, &"409".into(), &"uniqueness".into()));
        assert_eq!(headers[CONTENT_TYPE], "application/scim+json");
    }

    #[tokio::test]
    async fn each_store_error_has_its_status() {
        let (kind, id) = ("User", "7".to_owned());
        let cases = [
            (StoreError::NotFound { kind, id: id.clone() }, 404),
            (StoreError::VersionMismatch { current: "8".into() }, 412),
            (StoreError::Declared { kind, id }, 403),
            (StoreError::Rejected("spec.userName: too long".into()), 400),
            (StoreError::Scim(ScimError::no_target("nothing there")), 400),
        ];
        for (error, expected) in cases {
            assert_eq!(sent(error).await.0, expected);
        }
    }

    #[tokio::test]
    async fn an_unavailable_store_says_when_to_come_back_and_nothing_of_the_cause() {
        let retry_after = Duration::from_millis(1200);
        let (status, headers, body) =
            sent(StoreError::Unavailable { reason: "etcd is full".into(), retry_after }).await;
        assert_eq!((status, &headers[RETRY_AFTER]), (503, &HeaderValue::from(2)));
        assert!(!body.to_string().contains("etcd"), "{body}");
    }

    #[tokio::test]
    async fn an_unauthorised_request_is_challenged() {
        let (status, headers, body) = sent(ReceiverError::Unauthorized).await;
        assert_eq!(
            (status, &headers[WWW_AUTHENTICATE]),
            (401, &"Bearer realm=\"rollcall\"".parse().unwrap())
        );
        assert_eq!(body["status"], "401");
    }

    #[tokio::test]
    async fn a_handler_that_panics_is_answered_500_and_says_nothing_of_why() {
        let response = or_answer_panic(async { panic!("because of ada@example.com") }).await;
        assert_eq!(response.status(), 500);
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        assert!(!String::from_utf8_lossy(&body).contains("ada"));
    }

    #[test]
    fn a_wait_is_rounded_up_and_never_none() {
        let seconds = |millis| whole_seconds(Duration::from_millis(millis));
        assert_eq!([seconds(0), seconds(1), seconds(1000), seconds(1001)], [1, 1, 1, 2]);
    }
}
