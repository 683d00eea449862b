//! The SCIM 2.0 protocol, RFC 7643 and RFC 7644: pure, no I/O, imports nothing of ours.
//!
//! A resource is a [`Document`]: a JSON object whose known attributes have their canonical spelling
//! and type. [`normalize`] makes one out of whatever a client sent, [`patch`] changes one, [`filter`]
//! tests one, [`project`] cuts one down to what was asked for. Which attributes are known, and what
//! they are, is a [`schema::ResourceSchema`], so a tenant's own extension is one more value of it.
//!
//! Members of a group and passwords never become part of a document: the first may be 50,000, the
//! second must not be kept. Both are handed to the caller beside the document.
//!
//! No function here recurses as deep as a client likes: JSON is refused below a fixed depth, filters
//! are flat lists.

pub mod bulk;
mod coerce;
pub mod cursor;
pub mod dialect;
pub mod discovery;
pub mod error;
pub mod filter;
pub mod fold;
mod instant;
pub mod json;
pub mod list;
pub mod member;
pub mod normalize;
mod number;
pub mod password;
pub mod patch;
pub mod path;
pub mod project;
pub mod rules;
pub mod schema;
pub mod sort;
mod spelled;
pub mod version;

pub use error::{ScimError, ScimType};
pub use json::Limits;

/// A resource in canonical form: attribute names spelled as the schema spells them, `schemas` first.
pub type Document = serde_json::Map<String, serde_json::Value>;
