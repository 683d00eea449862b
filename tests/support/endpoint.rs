//! How a tenant is reached.

/// Where a tenant's SCIM service is, and a token for it.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub url: String,
    pub token: String,
}
