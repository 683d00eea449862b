//! `/Users`.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::Value;

use super::{
    ReceiverError, ReceiverState,
    auth::{Granted, ReadUsers, WriteUsers},
    body::ScimJson,
    list::{self, Kinds},
    location::Links,
    precondition::Conditional,
    query::{Asked, Listed},
    request::{ResourceId, check_id},
    resource, respond,
};
use crate::{
    scim::{
        Document,
        list::ListQuery,
        normalize::{Normalized, normalize},
        patch::{self, PatchRequest},
        project::Projection,
        version::{Conditions, Reading},
    },
    store::{StoreError, TenantKey, UserView},
};

type Answer = Result<Response, ReceiverError>;

/// What these URLs list.
const KINDS: Kinds = Kinds { users: true, groups: false };

/// RFC 7644 section 3.4.2.
pub(super) async fn list(
    State(state): State<ReceiverState>,
    granted: Granted<ReadUsers>,
    links: Links,
    Listed(query): Listed,
) -> Answer {
    list::answer(&state, &granted.tenant, &links, KINDS, &query)
}

/// RFC 7644 section 3.4.3: the same with the query in the body, where no proxy logs it.
pub(super) async fn search(
    State(state): State<ReceiverState>,
    granted: Granted<ReadUsers>,
    links: Links,
    ScimJson(body): ScimJson,
) -> Answer {
    let query = ListQuery::parse_search(&body, state.settings.pages)?;
    list::answer(&state, &granted.tenant, &links, KINDS, &query)
}

/// RFC 7644 section 3.3.
pub(super) async fn create(
    State(state): State<ReceiverState>,
    granted: Granted<WriteUsers>,
    links: Links,
    asked: Asked,
    ScimJson(body): ScimJson,
) -> Answer {
    let projection = asked.projection(&state.schemas.user)?;
    let user = write_new(&state, &granted.tenant, body).await?;
    answer(&state, &granted.tenant, &links, StatusCode::CREATED, &user, &projection)
}

/// RFC 7644 section 3.4.1.
pub(super) async fn read(
    State(state): State<ReceiverState>,
    granted: Granted<ReadUsers>,
    links: Links,
    asked: Asked,
    Conditional(conditions): Conditional,
    ResourceId(id): ResourceId,
) -> Answer {
    let projection = asked.projection(&state.schemas.user)?;
    let user = state.store.user(&granted.tenant, &id)?;
    match conditions.reading(&user.version()) {
        Reading::Send => answer(&state, &granted.tenant, &links, StatusCode::OK, &user, &projection),
        Reading::NotModified => Ok(respond::unchanged(&user.version())),
        Reading::Failed => Err(StoreError::VersionMismatch { current: user.version() }.into()),
    }
}

/// RFC 7644 section 3.5.1: what the body leaves out is cleared, but for `active`, which the store keeps.
pub(super) async fn replace(
    State(state): State<ReceiverState>,
    granted: Granted<WriteUsers>,
    links: Links,
    asked: Asked,
    Conditional(conditions): Conditional,
    ResourceId(id): ResourceId,
    ScimJson(body): ScimJson,
) -> Answer {
    let projection = asked.projection(&state.schemas.user)?;
    let user = write_whole(&state, &granted.tenant, &id, &conditions, body).await?;
    answer(&state, &granted.tenant, &links, StatusCode::OK, &user, &projection)
}

/// RFC 7644 section 3.5.2.
pub(super) async fn patch(
    State(state): State<ReceiverState>,
    granted: Granted<WriteUsers>,
    links: Links,
    asked: Asked,
    Conditional(conditions): Conditional,
    ResourceId(id): ResourceId,
    ScimJson(body): ScimJson,
) -> Answer {
    let projection = asked.projection(&state.schemas.user)?;
    let user = write_changes(&state, &granted.tenant, &id, &conditions, body).await?;
    answer(&state, &granted.tenant, &links, StatusCode::OK, &user, &projection)
}

/// RFC 7644 section 3.6.
pub(super) async fn delete(
    State(state): State<ReceiverState>,
    granted: Granted<WriteUsers>,
    Conditional(conditions): Conditional,
    ResourceId(id): ResourceId,
) -> Answer {
    state.store.delete_user(&granted.tenant, &id, &conditions).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Stores the user that a body describes.
pub(super) async fn write_new(
    state: &ReceiverState,
    tenant: &TenantKey,
    body: Value,
) -> Result<UserView, ReceiverError> {
    // The password is dropped here: nobody signs in to us with it, so the safest place for it is nowhere.
    let Normalized { document, id: _, password: _, members: _ } =
        normalize(body, &state.schemas.user, &state.settings.limits)?;
    Ok(state.store.create_user(tenant, document).await?)
}

/// Makes a user what a body says, and nothing else.
pub(super) async fn write_whole(
    state: &ReceiverState,
    tenant: &TenantKey,
    id: &str,
    conditions: &Conditions,
    body: Value,
) -> Result<UserView, ReceiverError> {
    let Normalized { document, id: claimed, password: _, members: _ } =
        normalize(body, &state.schemas.user, &state.settings.limits)?;
    check_id(claimed.as_deref(), id)?;
    Ok(state.store.change_user(tenant, id, conditions, |_| Ok(document.clone())).await?)
}

/// Makes a PATCH's changes to a user.
pub(super) async fn write_changes(
    state: &ReceiverState,
    tenant: &TenantKey,
    id: &str,
    conditions: &Conditions,
    body: Value,
) -> Result<UserView, ReceiverError> {
    let (schema, limits) = (&state.schemas.user, &state.settings.limits);
    let request = PatchRequest::parse(body, limits)?;
    let apply = |document| {
        let mut patched = patch::apply(&request, schema, document, limits)?.document;
        // A removed `active` is unassigned, which is not the same as one that a PUT says nothing of.
        patched.entry("active").or_insert(Value::Null);
        Ok(patched)
    };
    Ok(state.store.change_user(tenant, id, conditions, apply).await?)
}

/// A user as a client sees them. Groups are looked up only for those who want them.
pub(super) fn show(
    state: &ReceiverState,
    tenant: &TenantKey,
    links: &Links,
    user: &UserView,
    projection: &Projection,
) -> Result<Document, StoreError> {
    let groups =
        projection.includes("groups").then(|| state.store.groups_of(tenant, user.id())).transpose()?;
    Ok(resource::user(user, groups, links))
}

fn answer(
    state: &ReceiverState,
    tenant: &TenantKey,
    links: &Links,
    status: StatusCode,
    user: &UserView,
    projection: &Projection,
) -> Answer {
    let document = show(state, tenant, links, user, projection)?;
    Ok(respond::resource(status, &document, projection, &state.schemas.user))
}
