//! Lists of users, of groups, and of both at the root: RFC 7644 sections 3.4.2 and 3.4.3.

use std::time::Duration;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use tokio::time::Instant;

use super::{
    ReceiverError, ReceiverState,
    auth::{Granted, SearchAll},
    body::ScimJson,
    groups,
    location::Links,
    query::Listed,
    respond::Json,
    users,
};
use crate::{
    scim::{
        Document,
        cursor::{Cursor, CursorScope},
        list::{ListQuery, Place, list_response},
        project::Projection,
        schema::ResourceSchema,
    },
    store::{Access, Found, Page, Placed, Selection, Start, TenantKey},
};

/// Longer than a list takes that an index answers, also on a busy machine.
const INDEXED: Duration = Duration::from_millis(5);

type Answer = Result<Response, ReceiverError>;

/// Which kinds of resources a list is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kinds {
    pub(super) users: bool,
    pub(super) groups: bool,
}

/// RFC 7644 section 3.4.2.1: "Queries MAY be performed against a SCIM resource object, a resource type endpoint, or a
/// SCIM server root." That one is about all resources; a token finds those of the kinds in its scope.
pub(super) async fn list(
    State(state): State<ReceiverState>,
    granted: Granted<SearchAll>,
    links: Links,
    Listed(query): Listed,
) -> Answer {
    answer(&state, &granted.access, &links, visible(&granted), &query)
}

/// RFC 7644 section 3.4.3: the same with the query in the body, where no proxy logs it.
pub(super) async fn search(
    State(state): State<ReceiverState>,
    granted: Granted<SearchAll>,
    links: Links,
    ScimJson(body): ScimJson,
) -> Answer {
    let query = ListQuery::parse_search(&body, state.settings.pages)?;
    answer(&state, &granted.access, &links, visible(&granted), &query)
}

/// Answers a query about these kinds; about none of them, with an empty list.
pub(super) fn answer(
    state: &ReceiverState,
    access: &Access,
    links: &Links,
    kinds: Kinds,
    query: &ListQuery,
) -> Answer {
    let Access { tenant, rules, .. } = access;
    let users = kinds.users.then(|| Columns::new(query, &rules.users.schema)).transpose()?;
    let groups = kinds.groups.then(|| Columns::new(query, &rules.groups.schema)).transpose()?;
    let scope = || scope(state, tenant, kinds, query);
    let start = start(query, scope)?;
    let selection = Selection {
        users: users.as_ref().map(|it| it.schema),
        teams: groups.as_ref().map(|it| it.schema),
        query,
        start: &start,
    };
    let started = Instant::now();
    let page = state.store.list(tenant, &selection)?;
    let mut resources = Vec::with_capacity(page.items.len());
    for Placed { found, .. } in &page.items {
        let columns = match found {
            Found::User(_) => &users,
            Found::Team(_) => &groups,
        };
        if let Some(columns) = columns {
            resources.push(columns.cut(columns.show(state, tenant, links, found)?).into());
        }
    }
    // A list may look at everybody. A read takes a fraction of a millisecond, so each one counts as a read.
    let looked = started.elapsed().saturating_sub(INDEXED);
    state.shares.charge(tenant, looked.as_secs_f64() * 1e3, Instant::now());
    let body = list_response(page.total, place(&start, query, &page, scope), resources);
    Ok(Json(body).into_response())
}

/// What is shown of one kind of resource.
struct Columns<'a> {
    schema: &'a ResourceSchema,
    projection: Projection,
}

impl<'a> Columns<'a> {
    fn new(query: &ListQuery, schema: &'a ResourceSchema) -> Result<Self, ReceiverError> {
        let projection = Projection::parse(&query.attributes, &query.excluded_attributes, schema)?;
        Ok(Self { schema, projection })
    }

    fn show(
        &self,
        state: &ReceiverState,
        tenant: &TenantKey,
        links: &Links,
        found: &Found,
    ) -> Result<Document, ReceiverError> {
        Ok(match found {
            Found::User(user) => users::show(state, tenant, links, user, &self.projection)?,
            Found::Team(team) => groups::show(state, tenant, links, team, &self.projection)?,
        })
    }

    fn cut(&self, document: Document) -> Document {
        self.projection.apply(document, self.schema)
    }
}

fn visible(granted: &Granted<SearchAll>) -> Kinds {
    Kinds { users: granted.sees_users(), groups: granted.sees_groups() }
}

/// What a cursor is bound to: everything that decides who is in the list, and in which order.
fn scope(state: &ReceiverState, tenant: &TenantKey, kinds: Kinds, query: &ListQuery) -> CursorScope {
    let kinds = format!("{kinds:?}");
    let filter = query.filter.as_ref().map(ToString::to_string).unwrap_or_default();
    let sort_by = query.sort_by.as_ref().map(|by| format!("{by} {:?}", query.sort_order)).unwrap_or_default();
    let parts = [&*tenant.namespace, &*tenant.name, &kinds, &filter, &sort_by];
    CursorScope::new(&parts, Timestamp::now(), state.settings.cursor_timeout)
}

fn start(query: &ListQuery, scope: impl FnOnce() -> CursorScope) -> Result<Start, ReceiverError> {
    Ok(match query.cursor.as_deref() {
        None => Start::Skip(query.start_index.saturating_sub(1)),
        // RFC 9865 section 2: the first page is asked for with an empty cursor.
        Some("") => Start::At(Cursor::First),
        Some(text) => Start::At(scope().open(text)?),
    })
}

fn place(
    start: &Start,
    query: &ListQuery,
    page: &Page<Placed>,
    scope: impl FnOnce() -> CursorScope,
) -> Place {
    if query.cursor.is_none() {
        return Place::Index(query.start_index);
    }
    let scope = scope();
    let previous = page.items.first().filter(|_| page.has_previous).map(|it| Cursor::Before(it.position()));
    let next = page
        .has_next
        .then(|| page.items.last().map_or_else(|| same(start), |it| Cursor::After(it.position())));
    Place::Cursors { previous: previous.map(|it| scope.seal(it)), next: next.map(|it| scope.seal(it)) }
}

/// Where to go on from a page with nobody on it, though there are others after it: one of no length, or one that has lost
/// everybody, going back.
fn same(start: &Start) -> Cursor {
    match start {
        Start::At(Cursor::After(place)) => Cursor::After(place.clone()),
        Start::At(Cursor::First | Cursor::Before(_)) | Start::Skip(_) => Cursor::First,
    }
}
