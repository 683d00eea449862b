//! Bulk requests, RFC 7644 section 3.7: many operations in one message, which may refer to each other.
//!
//! [`BulkRequest::parse`] reads the message, [`plan()`] brings its operations into an order in which every reference is
//! to something that exists by then, [`mod@reference`] puts ids in the place of references, and [`response`] writes down
//! what became of each operation. Carrying them out is the caller's.

mod parse;
mod plan;
pub mod reference;
pub mod response;

use std::fmt;

use serde_json::Value;

pub use plan::{Step, plan};

use super::ScimError;
use super::version::Conditions;

/// The URN of a bulk request.
pub const BULK_REQUEST_URN: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

/// The body of a bulk request.
#[derive(Debug, Clone, PartialEq)]
pub struct BulkRequest {
    /// After so many errors nothing more is begun; never zero.
    pub fail_on_errors: Option<usize>,
    pub operations: Vec<BulkOperation>,
}

/// One operation: what its client calls it, and what is to be done, if that can be understood.
#[derive(Debug, Clone, PartialEq)]
pub struct BulkOperation {
    pub method: Option<Method>,
    pub bulk_id: Option<String>,
    /// The bulkIds that it refers to, each once.
    pub references: Vec<String>,
    pub task: Result<Task, ScimError>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Post,
    Put,
    Patch,
    Delete,
}

/// What is to be done, and with which kind of resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    pub endpoint: Endpoint,
    pub action: Action,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    Users,
    Groups,
}

/// Its `Debug` leaves the data out, in which may be a password.
#[derive(Clone, PartialEq)]
pub enum Action {
    Create(Value),
    Replace(Target, Conditions, Value),
    Patch(Target, Conditions, Value),
    Delete(Target, Conditions),
}

/// A resource that is there, or will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Id(String),
    /// What the operation of this bulkId creates.
    BulkId(String),
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create(_) => f.write_str("Create"),
            Self::Replace(target, conditions, _) => write!(f, "Replace({target:?}, {conditions:?})"),
            Self::Patch(target, conditions, _) => write!(f, "Patch({target:?}, {conditions:?})"),
            Self::Delete(target, conditions) => write!(f, "Delete({target:?}, {conditions:?})"),
        }
    }
}

impl Method {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}
