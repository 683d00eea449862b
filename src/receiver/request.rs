//! What is common to requests of all kinds: how long they may take, and which resource they name.

use std::time::Duration;

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::request::Parts,
    response::{IntoResponse, Response},
};
use tokio::time::timeout;
use tracing::Instrument;

use super::{ReceiverError, ReceiverState};
use crate::{api::names::is_object_name, scim::ScimError};

/// Answers for a request that takes too long. A write that has begun goes on all the same, also when the client hangs
/// up: identity providers do so often, and a write that stops halfway is for crashes, not for them.
pub(super) async fn limit_time(
    limit: Duration,
    is_safe: bool,
    answer: impl Future<Output = Response> + Send + 'static,
) -> Response {
    // A read leaves nothing half done, and may end with who wanted it.
    let answer = if is_safe { timeout(limit, answer).await } else { timeout(limit, finish(answer)).await };
    answer.unwrap_or_else(|_| {
        tracing::warn!("a request took too long, answered 503");
        ReceiverError::TimedOut.into_response()
    })
}

/// Does the work in a task of its own, which ends when the work does.
async fn finish(work: impl Future<Output = Response> + Send + 'static) -> Response {
    match tokio::spawn(work.in_current_span()).await {
        Ok(response) => response,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => ReceiverError::Internal.into_response(),
        },
    }
}

/// The `{id}` of a URL, known to be one that a resource could have.
pub(super) struct ResourceId(pub(super) String);

impl FromRequestParts<ReceiverState> for ResourceId {
    type Rejection = ReceiverError;

    async fn from_request_parts(parts: &mut Parts, state: &ReceiverState) -> Result<Self, ReceiverError> {
        let id = last_segment(parts, state).await;
        id.ok_or_else(no_such_id).and_then(object_name).map(Self)
    }
}

/// An id that a resource could have.
pub(super) fn object_name(id: String) -> Result<String, ReceiverError> {
    if is_object_name(&id) { Ok(id) } else { Err(no_such_id()) }
}

/// The `{id}` of a schema or resource type.
pub(super) struct DiscoveryId(pub(super) String);

impl FromRequestParts<ReceiverState> for DiscoveryId {
    type Rejection = ReceiverError;

    async fn from_request_parts(parts: &mut Parts, state: &ReceiverState) -> Result<Self, ReceiverError> {
        last_segment(parts, state).await.map(Self).ok_or(ReceiverError::NoSuchUrl)
    }
}

/// The decoded `{id}`, if it is text.
async fn last_segment(parts: &mut Parts, state: &ReceiverState) -> Option<String> {
    let params = RawPathParams::from_request_parts(parts, state).await.ok()?;
    params.iter().find_map(|(name, value)| (name == "id").then(|| value.to_owned()))
}

/// Refuses a body that claims to be another resource than the URL's. The URL is what counts, and a client
/// that mixes two resources up must not have one overwritten with the other.
pub(super) fn check_id(claimed: Option<&str>, id: &str) -> Result<(), ScimError> {
    match claimed {
        // RFC 7644 section 3.12 has this for a PUT: "scimType":"mutability", "detail":"Attribute 'id' is readOnly".
        Some(claimed) if claimed != id => {
            Err(ScimError::mutability("the id in the body is not the one in the URL; send the same or none"))
        }
        Some(_) | None => Ok(()),
    }
}

fn no_such_id() -> ReceiverError {
    ScimError::not_found("no resource of this tenant has this id").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_name_of_an_object_and_nothing_else() {
        for id in ["0192f0c1-aaaa-7bbb-8ccc-0123456789ab", "ada", "a.b"] {
            assert!(is_object_name(id), "{id}");
        }
        for id in ["", ".", "..", "../teams/x", "a/b", "A", "é", "a?b", "a%2fb", "a-", &"a".repeat(254)] {
            assert!(!is_object_name(id), "{id}");
        }
    }
}
