//! `/Groups`.

use std::sync::Arc;

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::Value;

use super::{
    ReceiverError, ReceiverState,
    auth::{Granted, ListGroups, ReadGroups, WriteGroups},
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
        member::MemberChange,
        normalize::Normalized,
        patch::PatchRequest,
        project::Projection,
        version::{Conditions, Reading},
    },
    store::{Access, StoreError, TeamView, TenantKey},
};

type Answer = Result<Response, ReceiverError>;

/// RFC 7644 section 3.4.2.
pub(super) async fn list(
    State(state): State<ReceiverState>,
    granted: Granted<ListGroups>,
    links: Links,
    Listed(query): Listed,
) -> Answer {
    list::answer(&state, &granted.access, &links, kinds(&granted), &query)
}

/// RFC 7644 section 3.4.3: the same with the query in the body, where no proxy logs it.
pub(super) async fn search(
    State(state): State<ReceiverState>,
    granted: Granted<ListGroups>,
    links: Links,
    ScimJson(body): ScimJson,
) -> Answer {
    let query = ListQuery::parse_search(&body, state.settings.pages)?;
    list::answer(&state, &granted.access, &links, kinds(&granted), &query)
}

/// RFC 7644 section 3.3.
pub(super) async fn create(
    State(state): State<ReceiverState>,
    granted: Granted<WriteGroups>,
    links: Links,
    asked: Asked,
    ScimJson(body): ScimJson,
) -> Answer {
    let projection = asked.projection(&granted.access.rules.groups.schema)?;
    let team = write_new(&state, &granted.access, body).await?;
    answer(&state, &granted.access, &links, StatusCode::CREATED, &team, &projection)
}

/// RFC 7644 section 3.4.1.
pub(super) async fn read(
    State(state): State<ReceiverState>,
    granted: Granted<ReadGroups>,
    links: Links,
    asked: Asked,
    Conditional(conditions): Conditional,
    ResourceId(id): ResourceId,
) -> Answer {
    let projection = asked.projection(&granted.access.rules.groups.schema)?;
    let team = state.store.team(&granted.access.tenant, &id)?;
    match conditions.reading(&team.version()) {
        Reading::Send => answer(&state, &granted.access, &links, StatusCode::OK, &team, &projection),
        Reading::NotModified => Ok(respond::unchanged(&team.version())),
        Reading::Failed => Err(StoreError::VersionMismatch { current: team.version() }.into()),
    }
}

/// RFC 7644 section 3.5.1.
pub(super) async fn replace(
    State(state): State<ReceiverState>,
    granted: Granted<WriteGroups>,
    links: Links,
    asked: Asked,
    Conditional(conditions): Conditional,
    ResourceId(id): ResourceId,
    ScimJson(body): ScimJson,
) -> Answer {
    let projection = asked.projection(&granted.access.rules.groups.schema)?;
    let team = write_whole(&state, &granted.access, &id, &conditions, body).await?;
    answer(&state, &granted.access, &links, StatusCode::OK, &team, &projection)
}

/// RFC 7644 section 3.5.2: 204 unless `attributes` asks for something. A group may have more members than an
/// identity provider wants to read back after each change; Entra ID asks not to be sent them.
pub(super) async fn patch(
    State(state): State<ReceiverState>,
    granted: Granted<WriteGroups>,
    links: Links,
    asked: Asked,
    Conditional(conditions): Conditional,
    ResourceId(id): ResourceId,
    ScimJson(body): ScimJson,
) -> Answer {
    let projection = asked.projection(&granted.access.rules.groups.schema)?;
    let team = write_changes(&state, &granted.access, &id, &conditions, body).await?;
    if asked.names_attributes() {
        answer(&state, &granted.access, &links, StatusCode::OK, &team, &projection)
    } else {
        Ok(respond::changed(&team.version(), &links.group(&id)))
    }
}

/// RFC 7644 section 3.6.
pub(super) async fn delete(
    State(state): State<ReceiverState>,
    granted: Granted<WriteGroups>,
    Conditional(conditions): Conditional,
    ResourceId(id): ResourceId,
) -> Answer {
    let Granted { access, .. } = granted;
    state.store.delete_team(&access.tenant, &id, &conditions, &access.rules.groups.unique).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Stores the group that a body describes.
pub(super) async fn write_new(
    state: &ReceiverState,
    access: &Access,
    body: Value,
) -> Result<TeamView, ReceiverError> {
    let Access { tenant, rules, .. } = access;
    let Normalized { document, id: _, password: _, members } =
        rules.groups.create(body, &state.settings.limits)?;
    let members = members.unwrap_or_default();
    Ok(state.store.create_team(tenant, document, members, &rules.groups.unique).await?)
}

/// Makes a group what a body says. RFC 7644 section 3.5.1 lets a server keep or clear what the body leaves out.
///
/// A group whose body says nothing of `members` keeps them, as a client that only renames must not empty a
/// group that way; an empty list says that nobody is a member.
pub(super) async fn write_whole(
    state: &ReceiverState,
    access: &Access,
    id: &str,
    conditions: &Conditions,
    body: Value,
) -> Result<TeamView, ReceiverError> {
    let Access { tenant, rules, .. } = access;
    let Normalized { document, id: claimed, password: _, members } =
        rules.groups.read(body, &state.settings.limits)?;
    check_id(claimed.as_deref(), id)?;
    let members: Vec<MemberChange> = members.map(MemberChange::ReplaceAll).into_iter().collect();
    let of = Arc::clone(rules);
    let replace = move |before: Document| Ok((of.groups.replace(&before, &document)?, members.clone()));
    Ok(state.store.change_team(tenant, id, conditions, &rules.groups.unique, replace).await?)
}

/// Makes a PATCH's changes to a group.
pub(super) async fn write_changes(
    state: &ReceiverState,
    access: &Access,
    id: &str,
    conditions: &Conditions,
    body: Value,
) -> Result<TeamView, ReceiverError> {
    let (Access { tenant, rules, .. }, limits) = (access, state.settings.limits.clone());
    let request = PatchRequest::parse(body, &limits)?;
    let of = Arc::clone(rules);
    let apply = move |before: Document| {
        of.groups.patch(&request, &before, &limits).map(|patched| (patched.document, patched.members))
    };
    Ok(state.store.change_team(tenant, id, conditions, &rules.groups.unique, apply).await?)
}

/// What these URLs list: nothing for a token that may not see groups.
fn kinds(granted: &Granted<ListGroups>) -> Kinds {
    Kinds { users: false, groups: granted.sees_groups() }
}

fn answer(
    state: &ReceiverState,
    access: &Access,
    links: &Links,
    status: StatusCode,
    team: &TeamView,
    projection: &Projection,
) -> Answer {
    let document = show(state, &access.tenant, links, team, projection)?;
    Ok(respond::resource(status, document, projection, &access.rules.groups.schema))
}

/// A group as a client sees it. Members are read only for those who want them.
pub(super) fn show(
    state: &ReceiverState,
    tenant: &TenantKey,
    links: &Links,
    team: &TeamView,
    projection: &Projection,
) -> Result<Document, StoreError> {
    let members =
        if projection.includes("members") { Some(state.store.members(tenant, team)?) } else { None };
    Ok(resource::group(team, members, links))
}
