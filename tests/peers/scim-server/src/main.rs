//! scim-server, a third-party SCIM server library for Rust, with its own store in memory. The library leaves HTTP and the
//! parsing of filters to others: an equality goes to its own search.
//!
//! rollcall-peer-scim-server PORT

use std::{collections::HashMap, sync::Arc};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use scim_server::{
    RequestContext, ScimServer, multi_tenant::ScimOperation, providers::StandardResourceProvider,
    resource::Resource, resource_handlers::create_user_resource_handler, storage::InMemoryStorage,
};
use serde_json::{Value, json};

type Server = Arc<ScimServer<StandardResourceProvider<InMemoryStorage>>>;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port: u16 = std::env::args().nth(1).ok_or("give a port")?.parse()?;
    let mut server = ScimServer::new(StandardResourceProvider::new(InMemoryStorage::new()))?;
    let schema = server.get_schema_by_id(USER).ok_or("the library has no schema of users")?.clone();
    let operations =
        vec![ScimOperation::Create, ScimOperation::Read, ScimOperation::List, ScimOperation::Search];
    server.register_resource_type("User", create_user_resource_handler(schema), operations)?;
    let router = Router::new()
        .route("/v2/Users", get(list).post(create))
        .route("/v2/Users/{id}", get(read))
        .with_state(Arc::new(server));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    Ok(axum::serve(listener, router).await?)
}

async fn create(State(server): State<Server>, body: axum::body::Bytes) -> Response {
    let Ok(data) = serde_json::from_slice(&body) else { return StatusCode::BAD_REQUEST.into_response() };
    match server.create_resource("User", data, &RequestContext::with_generated_id()).await {
        Ok(user) => scim(StatusCode::CREATED, shown(&server, &user)),
        Err(error) => scim(StatusCode::BAD_REQUEST, json!({ "detail": error.to_string() })),
    }
}

async fn read(State(server): State<Server>, Path(id): Path<String>) -> Response {
    match server.get_resource("User", &id, &RequestContext::with_generated_id()).await {
        Ok(Some(user)) => scim(StatusCode::OK, shown(&server, &user)),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => scim(StatusCode::INTERNAL_SERVER_ERROR, json!({ "detail": error.to_string() })),
    }
}

/// `userName eq "..."`, or everybody; the library has nothing else.
async fn list(State(server): State<Server>, Query(query): Query<HashMap<String, String>>) -> Response {
    let context = RequestContext::with_generated_id();
    let found = if let Some(filter) = query.get("filter") {
        let Some((attribute, value)) = filter.split_once(" eq ") else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        let value = Value::from(value.trim_matches('"'));
        server.find_resource_by_attribute("User", attribute, &value, &context).await.map(Vec::from_iter)
    } else {
        server.list_resources("User", &context).await
    };
    let Ok(found) = found else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let count = query.get("count").and_then(|count| count.parse().ok()).unwrap_or(100);
    let shown: Vec<Value> = found.iter().take(count).map(|user| shown(&server, user)).collect();
    scim(
        StatusCode::OK,
        json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
            "totalResults": found.len(), "startIndex": 1, "itemsPerPage": shown.len(), "Resources": shown,
        }),
    )
}

fn shown(server: &Server, user: &Resource) -> Value {
    server.serialize_resource_with_refs(user, None).unwrap_or_default()
}

fn scim(status: StatusCode, body: Value) -> Response {
    let mut response = (status, Json(body)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/scim+json"));
    response
}
