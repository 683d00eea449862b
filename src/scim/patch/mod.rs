//! PATCH, RFC 7644 section 3.5.2.

use serde_json::Value;

use super::Document;
use super::error::ScimError;
use super::json::Limits;
use super::member::MemberChange;
use super::password::Password;
use super::path::PatchPath;
use super::schema::ResourceSchema;

/// The body of a PATCH, parsed; it can be applied again and again, to replay it after a conflict.
#[derive(Debug, Clone, PartialEq)]
pub struct PatchRequest {
    pub operations: Vec<Operation>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    pub op: PatchOp,
    pub path: Option<PatchPath>,
    pub value: Option<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchOp {
    Add,
    Remove,
    Replace,
}

/// What a PATCH made of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Patched {
    pub document: Document,
    pub password: Option<Password>,
    /// A Group's changes of members, in their order; empty for every other resource.
    pub members: Vec<MemberChange>,
}

impl PatchRequest {
    pub fn parse(_body: Value, _limits: &Limits) -> Result<Self, ScimError> {
        Err(ScimError::new(501, "not yet"))
    }
}

/// Applies all operations or none.
pub fn apply(
    _request: &PatchRequest,
    _schema: &ResourceSchema,
    _document: Document,
    _limits: &Limits,
) -> Result<Patched, ScimError> {
    Err(ScimError::new(501, "not yet"))
}
