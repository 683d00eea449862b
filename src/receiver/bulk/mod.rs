//! `/Bulk`, RFC 7644 section 3.7: many writes in one request.

mod execute;
mod write;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};

use self::execute::execute;
use super::{
    ReceiverError, ReceiverState,
    auth::{Granted, SendBulk},
    body::ScimJson,
    location::Links,
    respond::Json,
    shares::{self, WRITE},
};
use crate::scim::bulk::{BulkRequest, response::bulk_response};

/// RFC 7644 section 3.7: the answer is 200 whatever became of the operations, each of which has a status of its own.
pub(super) async fn bulk(
    State(state): State<ReceiverState>,
    granted: Granted<SendBulk>,
    links: Links,
    ScimJson(body): ScimJson,
) -> Result<Response, ReceiverError> {
    let request = BulkRequest::parse(body, state.settings.bulk_operations)?;
    let work = request.operations.iter().map(|_| WRITE).sum();
    shares::wait(&state, &granted.access.tenant, work).await?;
    // It holds what any of its operations needs.
    let results = Box::pin(execute(&state, &granted, &links, request)).await;
    Ok(Json(bulk_response(results)).into_response())
}
