//! From what a client sent with POST or PUT to a document in canonical form.

use serde_json::Value;

use super::Document;
use super::error::ScimError;
use super::json::Limits;
use super::member::MemberRef;
use super::password::Password;
use super::schema::ResourceSchema;

/// What a client's document says.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalized {
    /// Without `id`, `meta`, `password`, and for a Group `members`; `schemas` is recomputed.
    pub document: Document,
    /// The `id` in the body, which means nothing but may be compared with the one in the URL.
    pub id: Option<String>,
    pub password: Option<Password>,
    /// A Group's members; `None` when the client said nothing of them.
    pub members: Option<Vec<MemberRef>>,
}

/// Reads the body of a POST or PUT.
pub fn normalize(_body: Value, _schema: &ResourceSchema, _limits: &Limits) -> Result<Normalized, ScimError> {
    Err(ScimError::new(501, "not yet"))
}

/// Checks that no immutable attribute changed between two documents, for PUT; PATCH does so itself.
pub fn check_immutable(
    _before: &Document,
    _after: &Document,
    _schema: &ResourceSchema,
) -> Result<(), ScimError> {
    Err(ScimError::new(501, "not yet"))
}
