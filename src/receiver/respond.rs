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

/// No fewer bytes are reserved for an answer; a person has some 900.
const USUAL: usize = 1024;

/// A SCIM message that is no single resource.
pub(super) struct Json(pub(super) Value);

impl IntoResponse for Json {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, SCIM_JSON)], text(&self.0)).into_response()
    }
}

/// One resource, cut down to what was asked for, with its version and where it is.
pub(super) fn resource(
    status: StatusCode,
    document: Document,
    projection: &Projection,
    schema: &ResourceSchema,
) -> Response {
    let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, SCIM_JSON)]);
    headers.extend(meta_header(&document, "version").map(|value| (ETAG, value)));
    // The examples of RFC 7644 sections 3.4.1 and 3.5.1 have Location on every answer with a resource, not on a creation
    // alone.
    headers.extend(meta_header(&document, "location").map(|value| (LOCATION, value)));
    let body = text(&Value::Object(projection.apply(document, schema)));
    (status, headers, body).into_response()
}

/// An answer without a body to a change: what the version is now, and of what.
pub(super) fn changed(version: &str, location: &str) -> Response {
    (StatusCode::NO_CONTENT, [(ETAG, etag(version).as_str()), (LOCATION, location)]).into_response()
}

/// An answer without a body to a reader that has this version.
pub(super) fn unchanged(version: &str) -> Response {
    (StatusCode::NOT_MODIFIED, [(ETAG, etag(version))]).into_response()
}

/// JSON as it is sent. Displaying it would take twice as long.
pub(super) fn text(value: &Value) -> Vec<u8> {
    let mut text = Vec::with_capacity(USUAL);
    // Its keys are texts, and there is room in memory: nothing else could go wrong.
    _ = serde_json::to_writer(&mut text, value);
    text
}

fn meta_header(document: &Document, name: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(document.get("meta")?.get(name)?.as_str()?).ok()
}
