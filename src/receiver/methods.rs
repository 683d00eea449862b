//! Methods that a URL does not have, and `OPTIONS`, which asks for those that it has.

use axum::{
    http::{
        HeaderValue, Method, StatusCode,
        header::{ALLOW, HeaderMap},
    },
    response::{IntoResponse, Response},
};

use super::ReceiverError;

/// Answers where a URL has no handler for a method. The router says in `Allow` which methods it has.
///
/// RFC 9110 section 9.3.7: `OPTIONS` asks for "the communication options available for the target resource".
pub(super) async fn no_such_method(method: Method) -> Response {
    match method {
        Method::OPTIONS => StatusCode::NO_CONTENT.into_response(),
        other => ReceiverError::MethodNotAllowed(other).into_response(),
    }
}

/// Names `OPTIONS` wherever methods are named: the router does not know that every URL has it.
pub(super) fn add_options(headers: &mut HeaderMap) {
    let Some(methods) = headers.get(ALLOW).and_then(|allow| allow.to_str().ok()) else { return };
    if let Ok(all) = HeaderValue::try_from(format!("{methods},OPTIONS")) {
        headers.insert(ALLOW, all);
    }
}
