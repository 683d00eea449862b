//! What a client can ask about the service: `/ServiceProviderConfig`, `/ResourceTypes`, `/Schemas`.
//!
//! RFC 7644 section 4, RFC 7643 sections 5 to 7. What is said here is what is enforced: schemas and resource
//! types are printed from the very tables that documents are checked with, and the caller says what is on.

use std::time::Duration;

use serde_json::{Value, json};

use super::list::{PageSizes, Place, list_response};
use super::schema::{ResourceSchema, Schema};

const CONFIG_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
const RESOURCE_TYPE_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
const SCHEMA_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";

/// What the service can do.
#[allow(clippy::struct_excessive_bools, reason = "each is one independent line of the configuration body")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Features {
    pub patch: bool,
    pub bulk: Option<BulkLimits>,
    /// The largest page that a query gets; `None` if there are no filters.
    pub filter_max_results: Option<usize>,
    pub change_password: bool,
    pub sort: bool,
    pub etag: bool,
    pub pagination: Pagination,
}

/// What one bulk request may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BulkLimits {
    pub max_operations: usize,
    /// In bytes.
    pub max_payload_size: usize,
}

/// How lists are paged: by index, or by cursor where a client asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pagination {
    pub sizes: PageSizes,
    /// How long a cursor is good for.
    pub cursor_timeout: Duration,
}

/// The `/ServiceProviderConfig` body. `base` is the tenant's base URL without a slash at its end.
pub fn service_provider_config(features: &Features, base: &str) -> Value {
    let Features { patch, bulk, filter_max_results, change_password, sort, etag, pagination } = features;
    let Pagination { sizes, cursor_timeout } = pagination;
    json!({
        "schemas": [CONFIG_URN],
        "patch": { "supported": patch },
        "bulk": {
            "supported": bulk.is_some(),
            "maxOperations": bulk.map_or(0, |bulk| bulk.max_operations),
            "maxPayloadSize": bulk.map_or(0, |bulk| bulk.max_payload_size),
        },
        "filter": { "supported": filter_max_results.is_some(), "maxResults": filter_max_results.unwrap_or(0) },
        "changePassword": { "supported": change_password },
        "sort": { "supported": sort },
        "etag": { "supported": etag },
        // RFC 9865 section 4. Clients that know nothing of cursors expect pages by index.
        "pagination": {
            "cursor": true,
            "index": true,
            "defaultPaginationMethod": "index",
            "defaultPageSize": sizes.default,
            "maxPageSize": sizes.most,
            "cursorTimeout": cursor_timeout.as_secs(),
        },
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "Bearer token",
            "description": "A token from the tenant's Secret, sent as: Authorization: Bearer <token>",
            "specUri": "https://www.rfc-editor.org/info/rfc6750",
            "primary": true,
        }],
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": format!("{base}/ServiceProviderConfig"),
        },
    })
}

/// One entry of `/ResourceTypes`.
pub fn resource_type(resource: &ResourceSchema, base: &str) -> Value {
    let extensions: Vec<Value> = resource
        .extensions
        .iter()
        .map(|extension| {
            let Schema { id, required, .. } = extension;
            json!({ "schema": id, "required": required })
        })
        .collect();
    json!({
        "schemas": [RESOURCE_TYPE_URN],
        "id": resource.name,
        "name": resource.name,
        "endpoint": resource.endpoint,
        "description": resource.description,
        "schema": resource.core.id,
        "schemaExtensions": extensions,
        "meta": {
            "resourceType": "ResourceType",
            "location": format!("{base}/ResourceTypes/{}", resource.name),
        },
    })
}

/// The whole `/ResourceTypes` body.
pub fn resource_types(resources: &[&ResourceSchema], base: &str) -> Value {
    let types: Vec<Value> = resources.iter().map(|resource| resource_type(resource, base)).collect();
    list_response(types.len(), Place::Index(1), types)
}

/// One entry of `/Schemas`.
pub fn schema(schema: &Schema, base: &str) -> Value {
    json!({
        "schemas": [SCHEMA_URN],
        "id": schema.id,
        "name": schema.name,
        "description": schema.description,
        "attributes": schema.attributes,
        "meta": { "resourceType": "Schema", "location": format!("{base}/Schemas/{}", schema.id) },
    })
}

/// The whole `/Schemas` body: every schema of the resource types once.
pub fn schemas(resources: &[&ResourceSchema], base: &str) -> Value {
    let mut seen: Vec<&Schema> = Vec::new();
    for resource in resources {
        for one in std::iter::once(&resource.core).chain(&resource.extensions) {
            if !seen.iter().any(|other| other.id == one.id) {
                seen.push(one);
            }
        }
    }
    let bodies: Vec<Value> = seen.into_iter().map(|one| schema(one, base)).collect();
    list_response(bodies.len(), Place::Index(1), bodies)
}
