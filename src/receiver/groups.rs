//! `/Groups`.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::{
    ReceiverError, ReceiverState,
    auth::{Granted, ListGroups, ReadGroups, WriteGroups},
    body::ScimJson,
    location::Links,
    precondition::{Expected, Known},
    query::{Asked, Listed, search_query},
    request::{ResourceId, check_id},
    resource,
    respond::{self, Json},
};
use crate::{
    scim::{
        Document,
        list::{ListQuery, list_response},
        member::MemberChange,
        normalize::Normalized,
        patch::PatchRequest,
        project::Projection,
    },
    store::{Selection, StoreError, TeamView, TenantKey},
};

type Answer = Result<Response, ReceiverError>;

/// RFC 7644 section 3.4.2.
pub(super) async fn list(
    State(state): State<ReceiverState>,
    granted: Granted<ListGroups>,
    links: Links,
    Listed(query): Listed,
) -> Answer {
    answer_list(&state, &granted, &links, &query)
}

/// RFC 7644 section 3.4.3: the same with the query in the body, where no proxy logs it.
pub(super) async fn search(
    State(state): State<ReceiverState>,
    granted: Granted<ListGroups>,
    links: Links,
    ScimJson(body): ScimJson,
) -> Answer {
    answer_list(&state, &granted, &links, &search_query(body)?)
}

/// RFC 7644 section 3.3.
pub(super) async fn create(
    State(state): State<ReceiverState>,
    granted: Granted<WriteGroups>,
    links: Links,
    asked: Asked,
    ScimJson(body): ScimJson,
) -> Answer {
    let rules = state.rules(&granted.tenant);
    let projection = asked.projection(&rules.groups.schema)?;
    let Normalized { document, id: _, password: _, members } =
        rules.groups.create(body, &state.settings.limits)?;
    let (members, unique) = (members.unwrap_or_default(), &rules.groups.unique);
    let team = state.store.create_team(&granted.tenant, document, members, unique).await?;
    answer(&state, &granted.tenant, &links, StatusCode::CREATED, &team, &projection)
}

/// RFC 7644 section 3.4.1.
pub(super) async fn read(
    State(state): State<ReceiverState>,
    granted: Granted<ReadGroups>,
    links: Links,
    asked: Asked,
    known: Known,
    ResourceId(id): ResourceId,
) -> Answer {
    let projection = asked.projection(&state.rules(&granted.tenant).groups.schema)?;
    let team = state.store.team(&granted.tenant, &id)?;
    if known.has(&team.version()) {
        return Ok(respond::unchanged(&team.version()));
    }
    answer(&state, &granted.tenant, &links, StatusCode::OK, &team, &projection)
}

/// RFC 7644 section 3.5.1, which lets a server keep or clear what the body leaves out.
///
/// A group whose body says nothing of `members` keeps them, as a client that only renames must not empty a
/// group that way; an empty list says that nobody is a member.
pub(super) async fn replace(
    State(state): State<ReceiverState>,
    granted: Granted<WriteGroups>,
    links: Links,
    asked: Asked,
    Expected(expected): Expected,
    ResourceId(id): ResourceId,
    ScimJson(body): ScimJson,
) -> Answer {
    let rules = state.rules(&granted.tenant);
    let projection = asked.projection(&rules.groups.schema)?;
    let Normalized { document, id: claimed, password: _, members } =
        rules.groups.read(body, &state.settings.limits)?;
    check_id(claimed.as_deref(), &id)?;
    let members: Vec<MemberChange> = members.map(MemberChange::ReplaceAll).into_iter().collect();
    let replace = |before: Document| Ok((rules.groups.replace(&before, &document)?, members.clone()));
    let unique = &rules.groups.unique;
    let team = state.store.change_team(&granted.tenant, &id, expected.as_deref(), unique, replace).await?;
    answer(&state, &granted.tenant, &links, StatusCode::OK, &team, &projection)
}

/// RFC 7644 section 3.5.2: 204 unless `attributes` asks for something. A group may have more members than an
/// identity provider wants to read back after each change; Entra ID asks not to be sent them.
pub(super) async fn patch(
    State(state): State<ReceiverState>,
    granted: Granted<WriteGroups>,
    links: Links,
    asked: Asked,
    Expected(expected): Expected,
    ResourceId(id): ResourceId,
    ScimJson(body): ScimJson,
) -> Answer {
    let (rules, limits) = (state.rules(&granted.tenant), &state.settings.limits);
    let projection = asked.projection(&rules.groups.schema)?;
    let request = PatchRequest::parse(body, limits)?;
    let apply = |before: Document| {
        rules.groups.patch(&request, &before, limits).map(|patched| (patched.document, patched.members))
    };
    let unique = &rules.groups.unique;
    let team = state.store.change_team(&granted.tenant, &id, expected.as_deref(), unique, apply).await?;
    if asked.names_attributes() {
        answer(&state, &granted.tenant, &links, StatusCode::OK, &team, &projection)
    } else {
        Ok(respond::changed(&team.version()))
    }
}

/// RFC 7644 section 3.6.
pub(super) async fn delete(
    State(state): State<ReceiverState>,
    granted: Granted<WriteGroups>,
    Expected(expected): Expected,
    ResourceId(id): ResourceId,
) -> Answer {
    let rules = state.rules(&granted.tenant);
    state.store.delete_team(&granted.tenant, &id, expected.as_deref(), &rules.groups.unique).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn answer(
    state: &ReceiverState,
    tenant: &TenantKey,
    links: &Links,
    status: StatusCode,
    team: &TeamView,
    projection: &Projection,
) -> Answer {
    let document = show(state, tenant, links, team, projection)?;
    Ok(respond::resource(status, &document, projection, &state.rules(tenant).groups.schema))
}

fn answer_list(
    state: &ReceiverState,
    granted: &Granted<ListGroups>,
    links: &Links,
    query: &ListQuery,
) -> Answer {
    let (tenant, rules) = (&granted.tenant, state.rules(&granted.tenant));
    let schema = &rules.groups.schema;
    let projection = Projection::parse(&query.attributes, &query.excluded_attributes, schema)?;
    if !granted.groups {
        return Ok(Json(list_response(0, query.start_index, Vec::new())).into_response());
    }
    let page = state.store.teams(tenant, &Selection { schema, query })?;
    let mut resources = Vec::with_capacity(page.items.len());
    for team in &page.items {
        let document = show(state, tenant, links, team, &projection)?;
        resources.push(projection.apply(&document, schema).into());
    }
    Ok(Json(list_response(page.total, query.start_index, resources)).into_response())
}

/// Members are read only for those who want them.
fn show(
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
