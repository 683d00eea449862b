//! Lists of users and teams: filtered, sorted, one page at a time.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::{
    Store,
    directory::{Directory, Window},
    error::StoreError,
    page::{Page, Start, cut},
    tenant::TenantKey,
    view::{Found, TeamView, UserView},
};
use crate::scim::{
    Document, ScimError,
    filter::{EqTerm, Filter, Matcher},
    list::{ListQuery, SortKey, Sorter},
    schema::ResourceSchema,
    version::etag,
};

/// Which resources a list is about, and which page of it.
#[derive(Clone, Copy, Debug)]
pub struct Selection<'a> {
    /// What the attributes of users mean, if the list is about users.
    pub users: Option<&'a ResourceSchema>,
    /// What the attributes of teams mean, if the list is about teams.
    pub teams: Option<&'a ResourceSchema>,
    /// Filter, order and size. Without an order, it is the order of creation.
    pub query: &'a ListQuery,
    /// Where the page is.
    pub start: &'a Start,
}

impl Store {
    /// One page of users, of teams, or of both.
    pub fn list(&self, tenant: &TenantKey, selection: &Selection<'_>) -> Result<Page<Found>, StoreError> {
        let Selection { users, teams, query, start } = selection;
        let everyone = teams.is_none() && query.filter.is_none() && query.sort_by.is_none();
        if let (Some(_), true) = (users, everyone) {
            let window = Window { start, count: query.count };
            return self.answer(|directory| directory.users_page(tenant, &window));
        }
        let page = self.answer(|directory| {
            let mut all = Vec::new();
            if let Some(schema) = users {
                let found = directory.users(tenant, &terms(query, schema)).into_iter().map(Found::User);
                all.extend(Kind::new(query, schema)?.matching(directory, tenant, found));
            }
            if let Some(schema) = teams {
                let found = directory.teams(tenant, &terms(query, schema)).into_iter().map(Found::Team);
                all.extend(Kind::new(query, schema)?.matching(directory, tenant, found));
            }
            Ok::<_, ScimError>(cut(
                selection.in_order(directory, tenant, all)?,
                start,
                query.count,
                Found::position,
            ))
        })?;
        Ok(page?)
    }
}

impl Selection<'_> {
    fn in_order(
        &self,
        directory: &Directory,
        tenant: &TenantKey,
        mut all: Vec<Found>,
    ) -> Result<Vec<Found>, ScimError> {
        let Some(sort_by) = &self.query.sort_by else {
            // Each kind is in order already; two are to be one list.
            if self.users.is_some() && self.teams.is_some() {
                all.sort_by(|one, other| one.order().cmp(&other.order()));
            }
            return Ok(all);
        };
        let sorter = |schema: Option<&ResourceSchema>| {
            schema.map(|schema| Sorter::new(sort_by, self.query.sort_order, schema))
        };
        let sorters = [sorter(self.users), sorter(self.teams)];
        // RFC 7644 section 3.4.2.1: an attribute that one of several kinds doesn't have, it has no value of. One that
        // none of them has is a mistake.
        let [users, teams] = match sorters {
            [Some(Err(error)), None | Some(Err(_))] | [None, Some(Err(error))] => return Err(error),
            [users, teams] => [users.and_then(Result::ok), teams.and_then(Result::ok)],
        };
        let key = |found: &Found| match found {
            Found::User(_) => (&users, self.users),
            Found::Team(_) => (&teams, self.teams),
        };
        let keyed = all.into_iter().map(|found| {
            let key = match key(&found) {
                (Some(sorter), Some(schema)) => sorter.key(
                    &Kind { query: self.query, schema, matcher: None }.document(directory, tenant, &found),
                ),
                (None, _) | (_, None) => SortKey::default(),
            };
            (key, found)
        });
        let mut keyed: Vec<(SortKey, Found)> = keyed.collect();
        let compare = users.as_ref().or(teams.as_ref());
        keyed.sort_by(|(one, _), (other, _)| compare.map_or(Ordering::Equal, |it| it.compare(one, other)));
        Ok(keyed.into_iter().map(|(_, found)| found).collect())
    }
}

/// The equalities that must hold, from which an index may know the few that can match.
fn terms(query: &ListQuery, schema: &ResourceSchema) -> Vec<EqTerm> {
    let parts = query.filter.iter().flat_map(Filter::conjuncts);
    parts.filter_map(|part| part.equality(schema)).collect()
}

/// One kind of resource, as a query looks at it.
struct Kind<'a> {
    query: &'a ListQuery,
    schema: &'a ResourceSchema,
    matcher: Option<Matcher>,
}

impl<'a> Kind<'a> {
    fn new(query: &'a ListQuery, schema: &'a ResourceSchema) -> Result<Self, ScimError> {
        let matcher = query.filter.as_ref().map(|filter| filter.compile(schema)).transpose()?;
        Ok(Self { query, schema, matcher })
    }

    fn matching(
        &self,
        directory: &Directory,
        tenant: &TenantKey,
        all: impl Iterator<Item = Found>,
    ) -> Vec<Found> {
        let fits = |found: &Found| {
            self.matcher.as_ref().is_none_or(|it| it.matches(&self.document(directory, tenant, found)))
        };
        all.filter(fits).collect()
    }

    /// The document that a query is about: with `id`, and with what else the query asks for. Most of that is no part
    /// of a stored document, and not worth making for those who don't ask.
    fn document(&self, directory: &Directory, tenant: &TenantKey, found: &Found) -> Document {
        let mut document = match found {
            Found::User(user) => user.document(),
            Found::Team(team) => team.document(),
        };
        document.insert("id".to_owned(), found.id().into());
        if self.asks_for("meta") {
            document.insert("meta".to_owned(), meta(found));
        }
        match found {
            Found::User(user) if self.asks_for("groups") => {
                document.insert("groups".to_owned(), groups(directory, tenant, user));
            }
            Found::Team(team) if self.asks_for("members") => {
                document.insert("members".to_owned(), members(directory, tenant, team));
            }
            Found::User(_) | Found::Team(_) => {}
        }
        document
    }

    fn asks_for(&self, attribute: &str) -> bool {
        let ListQuery { filter, sort_by, .. } = self.query;
        filter.as_ref().is_some_and(|it| it.mentions(attribute, self.schema))
            || sort_by.as_ref().is_some_and(|it| it.name.eq_ignore_ascii_case(attribute))
    }
}

/// `meta`, but for the location, which depends on who asks.
fn meta(found: &Found) -> Value {
    let (kind, created, modified, version) = match found {
        Found::User(it) => ("User", it.created(), it.last_modified(), it.version()),
        Found::Team(it) => ("Group", it.created(), it.last_modified(), it.version()),
    };
    let mut meta = json!({ "resourceType": kind, "version": etag(&version) });
    for (name, time) in [("created", created), ("lastModified", modified)] {
        if let Some(time) = time {
            meta[name] = time.to_string().into();
        }
    }
    meta
}

fn groups(directory: &Directory, tenant: &TenantKey, user: &UserView) -> Value {
    let groups = directory.groups_of(tenant, user.id()).into_iter();
    groups.map(|group| json!({ "value": group.id.as_ref(), "display": group.display })).collect()
}

fn members(directory: &Directory, tenant: &TenantKey, team: &TeamView) -> Value {
    let members = directory.team_with_members(tenant, team.id()).map(|(_, members)| members);
    members.iter().flat_map(|members| members.iter()).map(|id| json!({ "value": id.as_ref() })).collect()
}
