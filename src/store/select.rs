//! Lists of users and teams: filtered, sorted, one page at a time.

use std::borrow::Cow;

use super::{
    Store,
    directory::{Directory, Window},
    error::StoreError,
    page::{Page, Start, cut},
    searched,
    tenant::TenantKey,
    view::{Found, Placed},
};
use crate::scim::{
    ScimError,
    filter::{EqTerm, Filter},
    list::ListQuery,
    schema::ResourceSchema,
    sort::{SortKey, Sorter},
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
    pub fn list(&self, tenant: &TenantKey, selection: &Selection<'_>) -> Result<Page<Placed>, StoreError> {
        let page = self.answer(|directory| directory.list(tenant, selection))?;
        Ok(page?)
    }
}

impl Directory {
    /// One page of users, of teams, or of both, as far as they are known here.
    pub fn list(&self, tenant: &TenantKey, selection: &Selection<'_>) -> Result<Page<Placed>, ScimError> {
        let Selection { users, teams, query, start } = selection;
        let everyone = teams.is_none() && query.filter.is_none() && query.sort_by.is_none();
        if let (Some(_), true) = (users, everyone) {
            return Ok(self.users_page(tenant, &Window { start, count: query.count }));
        }
        let mut all = Vec::new();
        if let Some(schema) = users {
            let found = self.users(tenant, &terms(query, schema)).into_iter().map(Found::User);
            all.extend(self.matching(tenant, query, schema, found)?);
        }
        if let Some(schema) = teams {
            let found = self.teams(tenant, &terms(query, schema)).into_iter().map(Found::Team);
            all.extend(self.matching(tenant, query, schema, found)?);
        }
        Ok(cut(selection.in_order(self, tenant, all)?, start, query.count, Placed::position))
    }
}

impl Selection<'_> {
    fn in_order(
        &self,
        directory: &Directory,
        tenant: &TenantKey,
        mut all: Vec<Found>,
    ) -> Result<Vec<Placed>, ScimError> {
        let Some(sort_by) = &self.query.sort_by else {
            // Each kind is in order already; two are to be one list.
            if self.users.is_some() && self.teams.is_some() {
                all.sort_by(|one, other| one.order().cmp(&other.order()));
            }
            return Ok(all.into_iter().map(Placed::from).collect());
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
        let placed = all.into_iter().map(|found| {
            let sorter = match &found {
                Found::User(_) => &users,
                Found::Team(_) => &teams,
            };
            let key = sorter.as_ref().map(|sorter| {
                let name = sorter.top_level();
                let value = searched::value(directory, tenant, &found, name);
                sorter.key(&value.map(|value| (name.to_owned(), value)).into_iter().collect())
            });
            Placed { key: key.unwrap_or_else(|| SortKey::absent(self.query.sort_order)), found }
        });
        let mut placed: Vec<Placed> = placed.collect();
        // Those of one key are in the order of creation, so that each has one place and a cursor finds it again.
        placed.sort_by(|one, other| {
            one.key.cmp(&other.key).then_with(|| one.found.order().cmp(&other.found.order()))
        });
        Ok(placed)
    }
}

/// The equalities that must hold, from which an index may know the few that can match.
fn terms(query: &ListQuery, schema: &ResourceSchema) -> Vec<EqTerm> {
    let parts = query.filter.iter().flat_map(Filter::conjuncts);
    parts.filter_map(|part| part.equality(schema)).collect()
}

impl Directory {
    /// Those that the query's filter selects.
    fn matching(
        &self,
        tenant: &TenantKey,
        query: &ListQuery,
        schema: &ResourceSchema,
        all: impl Iterator<Item = Found>,
    ) -> Result<Vec<Found>, ScimError> {
        let Some(filter) = &query.filter else { return Ok(all.collect()) };
        let matcher = filter.compile(schema)?;
        let fits = |found: &Found| {
            matcher.matches_by(&|name| searched::value(self, tenant, found, name).map(Cow::Owned))
        };
        Ok(all.filter(fits).collect())
    }
}
