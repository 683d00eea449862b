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
    let body = Value::Object(projection.apply(document, schema)).to_string();
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

fn meta_header(document: &Document, name: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(document.get("meta")?.get(name)?.as_str()?).ok()
}
