//! The Kubernetes objects seen as tenants, users and teams.

pub mod namespaces;
pub mod tenant;
pub mod tenants;
pub mod token;
pub mod token_use;

pub use namespaces::Namespaces;
pub use tenant::TenantKey;
pub use tenants::{Access, Tenants};
pub use token::Token;
