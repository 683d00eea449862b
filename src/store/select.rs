//! Lists of users and teams: filtered, sorted, one page at a time.

use super::{
    Store,
    directory::Directory,
    error::StoreError,
    searched::Searched,
    tenant::TenantKey,
    view::{Page, TeamView, UserView},
};
use crate::scim::{
    Document, ScimError,
    filter::{EqTerm, Filter},
    list::{ListQuery, SortKey, Sorter},
    schema::ResourceSchema,
};

/// Which resources a list is about, and which page of it.
#[derive(Clone, Copy, Debug)]
pub struct Selection<'a> {
    /// What the attributes of the filter mean.
    pub schema: &'a ResourceSchema,
    /// Filter, order and page. Without an order, it is the order of creation.
    pub query: &'a ListQuery,
}

impl Store {
    /// One page of users.
    pub fn users(&self, tenant: &TenantKey, selection: &Selection<'_>) -> Result<Page<UserView>, StoreError> {
        let ListQuery { filter, sort_by, start_index, count, .. } = selection.query;
        if filter.is_none() && sort_by.is_none() {
            let (total, items) =
                self.answer(|it| it.users_page(tenant, start_index.saturating_sub(1), *count))?;
            return Ok(Page { total, items });
        }
        let page = self.answer(|it| it.select_users(tenant, selection))?;
        Ok(page?)
    }

    /// One page of teams.
    pub fn teams(&self, tenant: &TenantKey, selection: &Selection<'_>) -> Result<Page<TeamView>, StoreError> {
        let page = self.answer(|it| it.select_teams(tenant, selection))?;
        Ok(page?)
    }
}

impl Directory {
    /// Those users that a filter selects, in their order, one page of them.
    pub fn select_users(
        &self,
        tenant: &TenantKey,
        selection: &Selection<'_>,
    ) -> Result<Page<UserView>, ScimError> {
        selection
            .page(self.users(tenant, &selection.terms()), |searched, user| searched.user(self, tenant, user))
    }

    /// The same of teams.
    pub fn select_teams(
        &self,
        tenant: &TenantKey,
        selection: &Selection<'_>,
    ) -> Result<Page<TeamView>, ScimError> {
        selection
            .page(self.teams(tenant, &selection.terms()), |searched, team| searched.team(self, tenant, team))
    }
}

impl Selection<'_> {
    /// The equalities that must hold, from which an index may know the few that can match.
    fn terms(&self) -> Vec<EqTerm> {
        let parts = self.query.filter.iter().flat_map(Filter::conjuncts);
        parts.filter_map(|part| part.equality(self.schema)).collect()
    }

    fn page<T>(
        &self,
        all: Vec<T>,
        document: impl Fn(&Searched, &T) -> Document,
    ) -> Result<Page<T>, ScimError> {
        let ListQuery { filter, sort_by, sort_order, .. } = self.query;
        let matcher = filter.as_ref().map(|filter| filter.compile(self.schema)).transpose()?;
        let sorter = sort_by.as_ref().map(|by| Sorter::new(by, *sort_order, self.schema)).transpose()?;
        let searched = Searched::of(self.query, sorter.as_ref(), self.schema);
        let fits =
            |item: &T| matcher.as_ref().is_none_or(|matcher| matcher.matches(&document(&searched, item)));
        let mut items: Vec<T> = all.into_iter().filter(fits).collect();
        if let Some(sorter) = sorter {
            let keyed = items.into_iter().map(|item| (sorter.key(&document(&searched, &item)), item));
            let mut keyed: Vec<(SortKey, T)> = keyed.collect();
            keyed.sort_by(|(one, _), (other, _)| sorter.compare(one, other));
            items = keyed.into_iter().map(|(_, item)| item).collect();
        }
        let total = items.len();
        let skip = self.query.start_index.saturating_sub(1);
        Ok(Page { total, items: items.into_iter().skip(skip).take(self.query.count).collect() })
    }
}
