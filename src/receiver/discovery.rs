//! What the service can do, RFC 7644 section 4.

use axum::extract::{RawQuery, State};

use super::{
    ReceiverError, ReceiverState,
    auth::{Discover, Granted},
    location::Links,
    query::parameters,
    request::DiscoveryId,
    respond::Json,
};
use crate::scim::{
    ScimError,
    discovery::{self, BulkLimits, Features, Pagination},
};

pub(super) async fn service_provider_config(
    State(state): State<ReceiverState>,
    granted: Granted<Discover>,
    links: Links,
) -> Json {
    let settings = &state.settings;
    let features = Features {
        patch: true,
        bulk: Some(BulkLimits {
            max_operations: settings.bulk_operations,
            max_payload_size: settings.max_body,
        }),
        filter_max_results: Some(settings.pages.most),
        change_password: granted.access.rules.keeps_passwords,
        sort: true,
        etag: true,
        pagination: Pagination { sizes: settings.pages, cursor_timeout: settings.cursor_timeout },
    };
    Json(discovery::service_provider_config(&features, links.base()))
}

pub(super) async fn resource_types(
    granted: Granted<Discover>,
    links: Links,
    RawQuery(query): RawQuery,
) -> Result<Json, ReceiverError> {
    refuse_filter(query.as_deref())?;
    Ok(Json(discovery::resource_types(&granted.access.rules.schemas(), links.base())))
}

pub(super) async fn resource_type(
    granted: Granted<Discover>,
    links: Links,
    DiscoveryId(id): DiscoveryId,
) -> Result<Json, ReceiverError> {
    let rules = &granted.access.rules;
    let found = rules.schemas().into_iter().find(|resource| resource.name == id);
    let resource = found.ok_or_else(|| ScimError::not_found("there is no such resource type"))?;
    Ok(Json(discovery::resource_type(resource, links.base())))
}

pub(super) async fn schemas(
    granted: Granted<Discover>,
    links: Links,
    RawQuery(query): RawQuery,
) -> Result<Json, ReceiverError> {
    refuse_filter(query.as_deref())?;
    Ok(Json(discovery::schemas(&granted.access.rules.schemas(), links.base())))
}

pub(super) async fn schema(
    granted: Granted<Discover>,
    links: Links,
    DiscoveryId(id): DiscoveryId,
) -> Result<Json, ReceiverError> {
    let rules = &granted.access.rules;
    let resources = rules.schemas();
    let mut schemas =
        resources.iter().flat_map(|resource| std::iter::once(&resource.core).chain(&resource.extensions));
    let schema = schemas.find(|schema| schema.is(&id));
    let schema = schema.ok_or_else(|| ScimError::not_found("there is no such schema"))?;
    Ok(Json(discovery::schema(schema, links.base())))
}

/// RFC 7644 section 4: "If a "filter" is provided, the service provider SHOULD respond with HTTP status code 403
/// (Forbidden) to ensure that clients cannot incorrectly assume that any matching conditions specified in a filter are true."
fn refuse_filter(query: Option<&str>) -> Result<(), ScimError> {
    if parameters(query).iter().any(|(name, _)| name.eq_ignore_ascii_case("filter")) {
        return Err(ScimError::new(403, "what the service can do can't be filtered; ask without a filter"));
    }
    Ok(())
}
