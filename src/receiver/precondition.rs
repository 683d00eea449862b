//! Versions of resources as entity tags, RFC 7644 section 3.14.

use axum::{
    extract::FromRequestParts,
    http::{
        HeaderMap,
        header::{HeaderName, IF_MATCH, IF_NONE_MATCH},
        request::Parts,
    },
};

use super::{ReceiverError, ReceiverState};
use crate::scim::ScimError;

/// A version as an entity tag. It is weak: the same version may be sent with other attributes left out.
pub(super) fn etag(version: &str) -> String {
    format!("W/\"{version}\"")
}

/// The version that a write expects, from `If-Match`. `None` if there is no such header, or it is `*`: that
/// the resource exists is a condition of every write.
pub(super) struct Expected(pub(super) Option<String>);

impl FromRequestParts<ReceiverState> for Expected {
    type Rejection = ReceiverError;

    async fn from_request_parts(parts: &mut Parts, _: &ReceiverState) -> Result<Self, ReceiverError> {
        let versions = versions(&parts.headers, &IF_MATCH);
        match &versions[..] {
            [] | ["*"] => Ok(Self(None)),
            [version] => Ok(Self(Some((*version).to_owned()))),
            _ => Err(ScimError::new(400, "If-Match has several versions; send the one that was read").into()),
        }
    }
}

/// The versions that a reader has already, from `If-None-Match`.
pub(super) struct Known(Vec<String>);

impl Known {
    /// Whether the reader needs nothing new if this is the stored version.
    pub(super) fn has(&self, version: &str) -> bool {
        self.0.iter().any(|known| known == version || known == "*")
    }
}

impl FromRequestParts<ReceiverState> for Known {
    type Rejection = ReceiverError;

    async fn from_request_parts(parts: &mut Parts, _: &ReceiverState) -> Result<Self, ReceiverError> {
        Ok(Self(versions(&parts.headers, &IF_NONE_MATCH).into_iter().map(str::to_owned).collect()))
    }
}

/// The versions that a header lists, in all the forms that clients write: `W/"1"`, `"1"`, `1`.
fn versions<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Vec<&'h str> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let tags = values.flat_map(|value| value.split(',')).map(str::trim).filter(|tag| !tag.is_empty());
    tags.map(|tag| tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_back_from_every_way_to_write_it() {
        for value in ["W/\"42\"", "\"42\"", "42"] {
            let headers = HeaderMap::from_iter([(IF_MATCH, value.parse().unwrap())]);
            assert_eq!(versions(&headers, &IF_MATCH), ["42"], "{value}");
        }
        assert_eq!(etag("42"), "W/\"42\"");
    }

    #[test]
    fn a_reader_may_know_several_versions() {
        let headers = HeaderMap::from_iter([(IF_NONE_MATCH, "W/\"41\", W/\"42\"".parse().unwrap())]);
        assert_eq!(versions(&headers, &IF_NONE_MATCH), ["41", "42"]);
    }
}
