//! What went wrong, in the form that RFC 7644 section 3.12 gives it.
//!
//! Every failure of this room is a [`ScimError`]: a status, sometimes a `scimType`, and a `detail`
//! that tells a person what was wrong, where, and what to send instead. Details quote at most
//! [`EXCERPT_CHARS`] characters of what a client sent, and nothing of a password.

use serde_json::{Value, json};

/// The URN of an error body.
pub const ERROR_URN: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// How much of a client's own text an error may repeat.
pub const EXCERPT_CHARS: usize = 40;

/// A failure to be answered to the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct ScimError {
    /// The HTTP status.
    pub status: u16,
    /// The detail error keyword of RFC 7644 table 9, where one fits.
    pub scim_type: Option<ScimType>,
    /// What was wrong, where, and what to do, for a person.
    pub detail: String,
}

/// The detail error keywords of RFC 7644 table 9 and RFC 9865 section 2.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScimType {
    InvalidFilter,
    TooMany,
    Uniqueness,
    Mutability,
    InvalidSyntax,
    InvalidPath,
    NoTarget,
    InvalidValue,
    InvalidVers,
    Sensitive,
    InvalidCursor,
    ExpiredCursor,
    InvalidCount,
}

impl ScimType {
    /// The keyword as it is written on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidFilter => "invalidFilter",
            Self::TooMany => "tooMany",
            Self::Uniqueness => "uniqueness",
            Self::Mutability => "mutability",
            Self::InvalidSyntax => "invalidSyntax",
            Self::InvalidPath => "invalidPath",
            Self::NoTarget => "noTarget",
            Self::InvalidValue => "invalidValue",
            Self::InvalidVers => "invalidVers",
            Self::Sensitive => "sensitive",
            Self::InvalidCursor => "invalidCursor",
            Self::ExpiredCursor => "expiredCursor",
            Self::InvalidCount => "invalidCount",
        }
    }
}

impl ScimError {
    /// An error without a `scimType`, such as 401, 404, 412 or 503.
    pub fn new(status: u16, detail: impl Into<String>) -> Self {
        Self { status, scim_type: None, detail: detail.into() }
    }

    /// An error with the status that RFC 7644 table 9 gives its keyword.
    pub fn typed(scim_type: ScimType, detail: impl Into<String>) -> Self {
        let status = match scim_type {
            ScimType::Uniqueness => 409,
            ScimType::Sensitive => 403,
            ScimType::InvalidFilter
            | ScimType::TooMany
            | ScimType::Mutability
            | ScimType::InvalidSyntax
            | ScimType::InvalidPath
            | ScimType::NoTarget
            | ScimType::InvalidValue
            | ScimType::InvalidVers
            | ScimType::InvalidCursor
            | ScimType::ExpiredCursor
            | ScimType::InvalidCount => 400,
        };
        Self { status, scim_type: Some(scim_type), detail: detail.into() }
    }

    pub fn invalid_filter(detail: impl Into<String>) -> Self {
        Self::typed(ScimType::InvalidFilter, detail)
    }

    pub fn invalid_path(detail: impl Into<String>) -> Self {
        Self::typed(ScimType::InvalidPath, detail)
    }

    pub fn invalid_syntax(detail: impl Into<String>) -> Self {
        Self::typed(ScimType::InvalidSyntax, detail)
    }

    pub fn invalid_value(detail: impl Into<String>) -> Self {
        Self::typed(ScimType::InvalidValue, detail)
    }

    pub fn mutability(detail: impl Into<String>) -> Self {
        Self::typed(ScimType::Mutability, detail)
    }

    pub fn no_target(detail: impl Into<String>) -> Self {
        Self::typed(ScimType::NoTarget, detail)
    }

    pub fn too_many(detail: impl Into<String>) -> Self {
        Self::typed(ScimType::TooMany, detail)
    }

    pub fn uniqueness(detail: impl Into<String>) -> Self {
        Self::typed(ScimType::Uniqueness, detail)
    }

    /// A 404; it does not say whether the id exists elsewhere.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(404, detail)
    }

    /// The same error with where it happened in front, such as `operation 2 (replace active): `.
    #[must_use]
    pub fn within(mut self, place: &str) -> Self {
        self.detail = format!("{place}: {}", self.detail);
        self
    }

    /// The body of the answer.
    ///
    /// RFC 7644 section 3.12: "status: The HTTP status code [...] expressed as a JSON string."
    pub fn body(&self) -> Value {
        let mut body =
            json!({ "schemas": [ERROR_URN], "status": self.status.to_string(), "detail": self.detail });
        if let (Some(scim_type), Some(object)) = (self.scim_type, body.as_object_mut()) {
            object.insert("scimType".to_owned(), scim_type.as_str().into());
        }
        body
    }
}

/// The beginning of a client's text, quoted and escaped, for use in a `detail`.
pub(crate) fn excerpt(text: &str) -> String {
    let mut chars = text.chars();
    let start: String = chars.by_ref().take(EXCERPT_CHARS).collect();
    let more = if chars.next().is_some() { "…" } else { "" };
    format!("\"{}{more}\"", start.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_a_json_string_and_the_type_is_spelled_as_the_rfc_does() {
        let body = ScimError::uniqueness("userName is taken").body();
        assert_eq!(
            body,
            json!({
                "schemas": [ERROR_URN],
                "status": "409",
                "scimType": "uniqueness",
                "detail": "userName is taken",
            })
        );
    }

    #[test]
    fn an_excerpt_repeats_forty_characters_at_most() {
        assert_eq!(excerpt(&"é".repeat(50)).chars().count(), EXCERPT_CHARS + 3);
        assert_eq!(excerpt("a\nb"), r#""a\nb""#);
    }
}
