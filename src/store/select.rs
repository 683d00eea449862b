//! Lists of users and teams: filtered, sorted, one page at a time.

use serde_json::{Value, json};

use super::{
    Store,
    error::StoreError,
    tenant::TenantKey,
    view::{Page, TeamView, UserView},
};
use crate::scim::{
    Document,
    filter::{EqTerm, Filter, conjunction, evaluate},
    list::compare,
    schema::ResourceSchema,
};

/// Which resources a list is about, and which page of it.
#[derive(Debug)]
pub struct Selection<'a> {
    /// What the attributes of the filter mean.
    pub schema: &'a ResourceSchema,
    /// Only what matches this; everything without it.
    pub filter: Option<&'a Filter>,
    /// The attribute to sort by, and whether descending. Without it, the order of creation.
    pub sort: Option<(&'a str, bool)>,
    /// The first one of the page, counted from 1.
    pub start_index: usize,
    /// How many at most.
    pub count: usize,
}

impl Store {
    /// One page of users.
    pub async fn users(&self, tenant: &TenantKey, selection: &Selection<'_>) -> Result<Page<UserView>, StoreError> {
        if selection.filter.is_none() && selection.sort.is_none() {
            let skip = selection.start_index.saturating_sub(1);
            let (total, items) = self.directory().users_page(tenant, skip, selection.count);
            return Ok(Page { total, items });
        }
        let users = self.directory().users(tenant, &selection.terms());
        Ok(selection.page(users, |user| searchable(user.document(), user.id(), None)))
    }

    /// One page of teams.
    pub async fn teams(&self, tenant: &TenantKey, selection: &Selection<'_>) -> Result<Page<TeamView>, StoreError> {
        let teams = self.directory().teams(tenant, &selection.terms());
        // Members are no part of a team's document, and putting them there is only worth it for a filter on them.
        let by_member = selection.filter.is_some_and(|filter| filter.mentions("members", selection.schema));
        Ok(selection.page(teams, |team| {
            let members = by_member.then(|| self.member_values(tenant, team.id()));
            searchable(team.document(), team.id(), members)
        }))
    }

    fn member_values(&self, tenant: &TenantKey, team: &str) -> Value {
        let members = self.directory().team_with_members(tenant, team).map(|(_, members)| members);
        members.iter().flat_map(|members| members.iter()).map(|id| json!({"value": id.as_ref()})).collect()
    }
}

impl Selection<'_> {
    fn terms(&self) -> Vec<EqTerm> {
        self.filter.and_then(|filter| conjunction(filter, self.schema)).unwrap_or_default()
    }

    fn page<T: Clone>(&self, all: Vec<T>, document: impl Fn(&T) -> Document) -> Page<T> {
        let matches = |item: &T| self.filter.is_none_or(|filter| evaluate(filter, self.schema, &document(item)));
        let mut items: Vec<T> = all.into_iter().filter(matches).collect();
        if let Some((attribute, descending)) = self.sort {
            // Each document is made once, not once for each comparison.
            let mut keyed: Vec<(Document, T)> = items.into_iter().map(|item| (document(&item), item)).collect();
            keyed.sort_by(|(a, _), (b, _)| {
                let order = compare(a, b, attribute, self.schema);
                if descending { order.reverse() } else { order }
            });
            items = keyed.into_iter().map(|(_, item)| item).collect();
        }
        let total = items.len();
        let skip = self.start_index.saturating_sub(1);
        Page { total, items: items.into_iter().skip(skip).take(self.count).collect() }
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
