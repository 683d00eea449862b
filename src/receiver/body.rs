//! The body of a request: JSON of a bounded size, whatever its client calls it.

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request},
    http::{
        HeaderMap,
        header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT},
    },
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::Value;

use super::{ReceiverError, ReceiverState, dialect};
use crate::scim::json;

/// How much of a body that is too large is read all the same, so that its sender hears why it is refused.
const DISCARD_AT_MOST: usize = 128 * 1024 * 1024;

/// A SCIM message as it was sent: sound JSON, nothing more is known of it yet.
pub(super) struct ScimJson(pub(super) Value);

impl FromRequest<ReceiverState> for ScimJson {
    type Rejection = ReceiverError;

    async fn from_request(request: Request, state: &ReceiverState) -> Result<Self, ReceiverError> {
        check_media_type(request.headers())?;
        let listen = dialect::listen(&request);
        let bytes = read(request, state.settings.max_body).await?;
        let body = json::parse(&bytes, &state.settings.limits)?;
        listen(&body);
        Ok(Self(body))
    }
}

/// RFC 7644 section 3.8 makes `application/scim+json` the type that clients should name and
/// `application/json` one they may; some name none.
fn check_media_type(headers: &HeaderMap) -> Result<(), ReceiverError> {
    let encoded = headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity");
    let Some(content_type) = headers.get(CONTENT_TYPE) else {
        return if encoded { Err(ReceiverError::UnsupportedMediaType) } else { Ok(()) };
    };
    let essence = content_type.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let known = ["application/scim+json", "application/json"];
    if encoded || !known.iter().any(|known| essence.eq_ignore_ascii_case(known)) {
        return Err(ReceiverError::UnsupportedMediaType);
    }
    Ok(())
}

async fn read(request: Request, limit: usize) -> Result<Bytes, ReceiverError> {
    // A client that says how much will come need not send it to hear that it is too much.
    let asks_first = request.headers().contains_key(EXPECT);
    let announced =
        request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let mut body = request.into_body();
    if announced.is_some_and(|length: u64| length > limit as u64) {
        if !asks_first {
            discard(body).await;
        }
        return Err(ReceiverError::BodyTooLarge { limit });
    }
    match Limited::new(&mut body, limit).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            discard(body).await;
            Err(ReceiverError::BodyTooLarge { limit })
        }
        Err(_) => Err(ReceiverError::BodyInterrupted),
    }
}

/// Takes in what is under way and of no use. Most clients read no answer before they have sent everything, and a
/// connection that is closed on them tells them nothing.
async fn discard(mut body: Body) {
    let mut left = DISCARD_AT_MOST;
    while let Some(Ok(frame)) = body.frame().await {
        left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        if left == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(name: axum::http::HeaderName, value: &str) -> bool {
        check_media_type(&HeaderMap::from_iter([(name, value.parse().unwrap())])).is_ok()
    }

    #[test]
    fn json_under_either_name_or_none_is_accepted() {
        assert!(check_media_type(&HeaderMap::new()).is_ok());
        for value in ["application/scim+json", "application/json; charset=utf-8", "Application/JSON"] {
            assert!(accepts(CONTENT_TYPE, value), "{value}");
        }
    }

    #[test]
    fn other_media_types_and_compressed_bodies_are_not() {
        for value in ["text/plain", "application/xml", "application/jsonp", ""] {
            assert!(!accepts(CONTENT_TYPE, value), "{value}");
        }
        assert!(!accepts(CONTENT_ENCODING, "gzip"));
    }
}
