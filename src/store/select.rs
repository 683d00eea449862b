//! Lists of users and teams: filtered, sorted, one page at a time.

use serde_json::{Value, json};

use super::{
    Store,
    directory::Directory,
    error::StoreError,
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
        let users = self.answer(|it| it.users(tenant, &selection.terms()))?;
        Ok(selection.page(users, |user| searchable(user.document(), user.id(), None))?)
    }

    /// One page of teams.
    pub fn teams(&self, tenant: &TenantKey, selection: &Selection<'_>) -> Result<Page<TeamView>, StoreError> {
        // Members are no part of a team's document, and putting them there is only worth it for a filter on them.
        let by_member =
            selection.query.filter.as_ref().is_some_and(|it| it.mentions("members", selection.schema));
        let page = self.answer(|directory| {
            selection.page(directory.teams(tenant, &selection.terms()), |team| {
                let members = by_member.then(|| member_values(directory, tenant, team.id()));
                searchable(team.document(), team.id(), members)
            })
        })?;
        Ok(page?)
    }
}

fn member_values(directory: &Directory, tenant: &TenantKey, team: &str) -> Value {
    let members = directory.team_with_members(tenant, team).map(|(_, members)| members);
    members.iter().flat_map(|members| members.iter()).map(|id| json!({"value": id.as_ref()})).collect()
}

impl Selection<'_> {
    /// The equalities that must hold, from which an index may know the few that can match.
    fn terms(&self) -> Vec<EqTerm> {
        let parts = self.query.filter.iter().flat_map(Filter::conjuncts);
        parts.filter_map(|part| part.equality(self.schema)).collect()
    }

    fn page<T>(&self, all: Vec<T>, document: impl Fn(&T) -> Document) -> Result<Page<T>, ScimError> {
        let matcher = self.query.filter.as_ref().map(|filter| filter.compile(self.schema)).transpose()?;
        let fits = |item: &T| matcher.as_ref().is_none_or(|matcher| matcher.matches(&document(item)));
        let mut items: Vec<T> = all.into_iter().filter(fits).collect();
        if let Some(sort_by) = &self.query.sort_by {
            let sorter = Sorter::new(sort_by, self.query.sort_order, self.schema)?;
            let keyed = items.into_iter().map(|item| (sorter.key(&document(&item)), item));
            let mut keyed: Vec<(SortKey, T)> = keyed.collect();
            keyed.sort_by(|(one, _), (other, _)| sorter.compare(one, other));
            items = keyed.into_iter().map(|(_, item)| item).collect();
        }
        let total = items.len();
        let skip = self.query.start_index.saturating_sub(1);
        Ok(Page { total, items: items.into_iter().skip(skip).take(self.query.count).collect() })
    }
}

/// The document that a filter is about: with `id`, and with `members` where the filter asks for them.
fn searchable(mut document: Document, id: &str, members: Option<Value>) -> Document {
    document.insert("id".to_owned(), json!(id));
    if let Some(members) = members {
        document.insert("members".to_owned(), members);
    }
    document
}
