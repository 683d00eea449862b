//! Calls to the API server, with a time limit, and what their failures mean to the store.

use std::{future::Future, time::Duration};

use super::{error::StoreError, unreadable::said};

/// How long one call may take. It is shorter than any identity provider's patience, and long enough for an API
/// server that is busy.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// When to come back where the API server says nothing about it.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Why a call to the API server failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    #[error("no answer within {} s", CALL_TIMEOUT.as_secs())]
    TimedOut,
    /// It quotes nothing of an object.
    #[error("{}", said(.0))]
    Kube(#[from] kube::Error),
}

/// Does one call to the API server, within [`CALL_TIMEOUT`].
pub(super) async fn call<T>(request: impl Future<Output = kube::Result<T>>) -> Result<T, CallError> {
    tokio::time::timeout(CALL_TIMEOUT, request)
        .await
        .map_err(|_| CallError::TimedOut)?
        .map_err(CallError::Kube)
}

pub(super) fn is_conflict(error: &CallError) -> bool {
    status(error).is_some_and(|it| it.code == 409 && it.reason == "Conflict")
}

pub(super) fn is_already_exists(error: &CallError) -> bool {
    status(error).is_some_and(|it| it.code == 409 && it.reason == "AlreadyExists")
}

pub(super) fn is_not_found(error: &CallError) -> bool {
    status(error).is_some_and(|it| it.code == 404)
}

pub(super) fn is_forbidden(error: &CallError) -> bool {
    status(error).is_some_and(|it| it.code == 403)
}

/// Whether we can't know if the API server has stored what we sent.
pub(super) fn is_ambiguous(error: &CallError) -> bool {
    match status(error) {
        Some(status) => status.code >= 500,
        None => true,
    }
}

fn status(error: &CallError) -> Option<&kube::core::Status> {
    match error {
        CallError::Kube(kube::Error::Api(status)) => Some(status),
        CallError::Kube(_) | CallError::TimedOut => None,
    }
}

impl From<CallError> for StoreError {
    fn from(error: CallError) -> Self {
        match status(&error) {
            // The API server's own validation, CEL rules included: it names the field and the rule.
            Some(status) if status.code == 422 => Self::Rejected(causes(status)),
            Some(status) if status.code == 413 => {
                Self::Rejected("the resource is too large to be stored".to_owned())
            }
            Some(status) => {
                // An admission webhook may quote the object in its message.
                tracing::warn!(code = status.code, reason = status.reason, "the API server refused");
                let asked = status.details.as_ref().map(|it| it.retry_after_seconds).filter(|it| *it > 0);
                Self::Unavailable {
                    reason: format!("{} {}", status.code, status.reason),
                    retry_after: asked.map_or(RETRY_AFTER, |it| Duration::from_secs(u64::from(it))),
                }
            }
            None => {
                tracing::warn!(%error, "the API server could not be called");
                let reason = match error {
                    CallError::TimedOut => error.to_string(),
                    CallError::Kube(_) => "no connection".to_owned(),
                };
                Self::Unavailable { reason, retry_after: RETRY_AFTER }
            }
        }
    }
}

/// The rules that an object breaks: `spec.userName: Too long: ...`.
fn causes(status: &kube::core::Status) -> String {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let lines: Vec<String> = causes.map(|cause| format!("{}: {}", cause.field, cause.message)).collect();
    if lines.is_empty() { status.message.clone() } else { lines.join("; ") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::heard::Heard;

    #[tokio::test]
    async fn a_refusal_is_logged_without_its_words() {
        let heard = Heard::default();
        let status =
            json!({ "code": 400, "reason": "BadRequest", "message": "ada@example.com is not welcome" });
        let status: kube::core::Status = serde_json::from_value(status).unwrap();
        let error = StoreError::from(CallError::Kube(kube::Error::Api(status.boxed())));
        assert!(matches!(error, StoreError::Unavailable { .. }));
        let log = heard.text();
        assert!(log.contains("400") && log.contains("BadRequest"), "{log}");
        assert!(!log.contains("ada"), "{log}");
    }

    #[tokio::test]
    async fn an_answer_that_can_not_be_decoded_is_not_quoted() {
        let heard = Heard::default();
        let error = serde_json::from_str::<u8>("\"ada@example.com\"").unwrap_err();
        let error = CallError::Kube(kube::Error::SerdeError(error));
        let said = error.to_string();
        let _ = StoreError::from(error);
        let log = heard.text();
        assert!(log.contains("the API server could not be called"), "{log}");
        assert!(!log.contains("ada") && !said.contains("ada"), "{log} {said}");
    }
}
