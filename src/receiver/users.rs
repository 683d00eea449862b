//! `/Users`.

use std::sync::OnceLock;

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
        normalize::Normalized,
        password::Password,
        patch::PatchRequest,
        project::Projection,
        version::{Conditions, Reading},
    },
    store::{Access, StoreError, TenantKey, UserView},
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
    list::answer(&state, &granted.access, &links, KINDS, &query)
}

/// RFC 7644 section 3.4.3: the same with the query in the body, where no proxy logs it.
pub(super) async fn search(
    State(state): State<ReceiverState>,
    granted: Granted<ReadUsers>,
    links: Links,
    ScimJson(body): ScimJson,
) -> Answer {
    let query = ListQuery::parse_search(&body, state.settings.pages)?;
    list::answer(&state, &granted.access, &links, KINDS, &query)
}

/// RFC 7644 section 3.3.
pub(super) async fn create(
    State(state): State<ReceiverState>,
    granted: Granted<WriteUsers>,
    links: Links,
    asked: Asked,
    ScimJson(body): ScimJson,
) -> Answer {
    let projection = asked.projection(&granted.access.rules.users.schema)?;
    let user = write_new(&state, &granted.access, body).await?;
    answer(&state, &granted.access, &links, StatusCode::CREATED, &user, &projection)
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
    let projection = asked.projection(&granted.access.rules.users.schema)?;
    let user = state.store.user(&granted.access.tenant, &id)?;
    match conditions.reading(&user.version()) {
        Reading::Send => answer(&state, &granted.access, &links, StatusCode::OK, &user, &projection),
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
    let projection = asked.projection(&granted.access.rules.users.schema)?;
    let user = write_whole(&state, &granted.access, &id, &conditions, body).await?;
    answer(&state, &granted.access, &links, StatusCode::OK, &user, &projection)
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
    let projection = asked.projection(&granted.access.rules.users.schema)?;
    let user = write_changes(&state, &granted.access, &id, &conditions, body).await?;
    answer(&state, &granted.access, &links, StatusCode::OK, &user, &projection)
}

/// RFC 7644 section 3.6.
pub(super) async fn delete(
    State(state): State<ReceiverState>,
    granted: Granted<WriteUsers>,
    Conditional(conditions): Conditional,
    ResourceId(id): ResourceId,
) -> Answer {
    let Granted { access, .. } = granted;
    state.store.delete_user(&access.tenant, &id, &conditions, &access.rules.users.unique).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Stores the user that a body describes.
pub(super) async fn write_new(
    state: &ReceiverState,
    access: &Access,
    body: Value,
) -> Result<UserView, ReceiverError> {
    let Access { tenant, rules, .. } = access;
    let Normalized { document, id: _, password, members: _ } =
        rules.users.create(body, &state.settings.limits)?;
    let unique = &rules.users.unique;
    let user = state.store.create_user(tenant, document, unique).await?;
    if let Err(error) = keep(state, access, &user, password).await {
        // Nothing of a request that failed is to be seen, so that it can simply be sent again.
        state.store.delete_user(tenant, user.id(), &Conditions::default(), unique).await?;
        return Err(error);
    }
    Ok(user)
}

/// Makes a user what a body says, as far as it is the client's to say.
pub(super) async fn write_whole(
    state: &ReceiverState,
    access: &Access,
    id: &str,
    conditions: &Conditions,
    body: Value,
) -> Result<UserView, ReceiverError> {
    let Access { tenant, rules, .. } = access;
    let Normalized { document, id: claimed, password, members: _ } =
        rules.users.read(body, &state.settings.limits)?;
    check_id(claimed.as_deref(), id)?;
    let replace = |before: Document| rules.users.replace(&before, &document);
    let user = state.store.change_user(tenant, id, conditions, &rules.users.unique, replace).await?;
    keep(state, access, &user, password).await?;
    Ok(user)
}

/// Makes a PATCH's changes to a user.
pub(super) async fn write_changes(
    state: &ReceiverState,
    access: &Access,
    id: &str,
    conditions: &Conditions,
    body: Value,
) -> Result<UserView, ReceiverError> {
    let (Access { tenant, rules, .. }, limits) = (access, &state.settings.limits);
    let request = PatchRequest::parse(body, limits)?;
    // The same each time: what a PATCH makes of a password does not depend on the document.
    let password = OnceLock::new();
    let apply = |before: Document| {
        let mut patched = rules.users.patch(&request, &before, limits)?;
        password.get_or_init(|| patched.password);
        // A removed `active` is unassigned, which is not the same as one that a PUT says nothing of.
        patched.document.entry("active").or_insert(Value::Null);
        Ok(patched.document)
    };
    let user = state.store.change_user(tenant, id, conditions, &rules.users.unique, apply).await?;
    keep(state, access, &user, password.into_inner().flatten()).await?;
    Ok(user)
}

/// Keeps a hash of a password where the tenant says so. Elsewhere it is dropped here: nobody signs in to us with it, so
/// the safest place for it is nowhere.
async fn keep(
    state: &ReceiverState,
    access: &Access,
    user: &UserView,
    password: Option<Password>,
) -> Result<(), ReceiverError> {
    match password {
        Some(password) if access.rules.keeps_passwords => {
            Ok(state.store.keep_password(&access.tenant, user, password).await?)
        }
        Some(_) | None => Ok(()),
    }
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
    access: &Access,
    links: &Links,
    status: StatusCode,
    user: &UserView,
    projection: &Projection,
) -> Answer {
    let document = show(state, &access.tenant, links, user, projection)?;
    Ok(respond::resource(status, document, projection, &access.rules.users.schema))
}
