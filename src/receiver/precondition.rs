//! The conditions in a request's headers, RFC 7644 section 3.14.

use axum::{
    extract::FromRequestParts,
    http::{
        HeaderMap,
        header::{HeaderName, IF_MATCH, IF_NONE_MATCH},
        request::Parts,
    },
};

use super::{ReceiverError, ReceiverState};
use crate::scim::version::Conditions;

/// What `If-Match` and `If-None-Match` ask for.
pub(super) struct Conditional(pub(super) Conditions);

impl FromRequestParts<ReceiverState> for Conditional {
    type Rejection = ReceiverError;

    async fn from_request_parts(parts: &mut Parts, _: &ReceiverState) -> Result<Self, ReceiverError> {
        let headers = &parts.headers;
        Ok(Self(Conditions::parse(values(headers, &IF_MATCH), values(headers, &IF_NONE_MATCH))))
    }
}

fn values<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok())
}
