//! Answers that carry SCIM JSON.

use axum::{
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CONTENT_TYPE, ETAG, LOCATION},
    },
    response::{IntoResponse, Response},
};
use serde_json::Value;

use super::error::SCIM_JSON;
use crate::scim::{Document, project::Projection, schema::ResourceSchema, version::etag};

/// A SCIM message that is no single resource.
pub(super) struct Json(pub(super) Value);

impl IntoResponse for Json {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, SCIM_JSON)], self.0.to_string()).into_response()
    }
}

/// One resource, cut down to what was asked for, with its version and, if it is new, where it is.
pub(super) fn resource(
    status: StatusCode,
    document: &Document,
    projection: &Projection,
    schema: &ResourceSchema,
) -> Response {
    let body = Value::Object(projection.apply(document, schema)).to_string();
    let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, SCIM_JSON)]);
    headers.extend(meta_header(document, "version").map(|value| (ETAG, value)));
    headers.extend(meta_header(document, "location").map(|value| {
        // RFC 7644 section 3.3 asks for Location on a creation; on other answers RFC 9110 section 8.7
        // has Content-Location, so that no client takes it for a redirection.
        let name =
            if status == StatusCode::CREATED { LOCATION } else { axum::http::header::CONTENT_LOCATION };
        (name, value)
    }));
    (status, headers, body).into_response()
}

/// An answer without a body to a change: what the version is now.
pub(super) fn changed(version: &str) -> Response {
    (StatusCode::NO_CONTENT, [(ETAG, etag(version))]).into_response()
}

/// An answer without a body to a reader that has this version.
pub(super) fn unchanged(version: &str) -> Response {
    (StatusCode::NOT_MODIFIED, [(ETAG, etag(version))]).into_response()
}

fn meta_header(document: &Document, name: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(document.get("meta")?.get(name)?.as_str()?).ok()
}
