//! The users of one tenant in memory, with the indexes that equality filters use.

use std::{collections::BTreeMap, ops::Bound};

use super::index::Index;
use crate::{
    scim::{cursor::Cursor, fold::fold_case},
    store::{
        membership::Id,
        page::{Page, Start},
        view::UserView,
    },
};

/// The users of one tenant that SCIM shows: neither being deleted nor a mere placeholder of an id.
#[derive(Debug, Default)]
pub(super) struct Users {
    by_id: BTreeMap<Id, UserView>,
    by_user_name: Index,
    by_external_id: Index,
    by_display_name: Index,
    by_email: Index,
    active: usize,
}

/// Which page.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Window<'a> {
    pub(in crate::store) start: &'a Start,
    pub(in crate::store) count: usize,
}

impl Users {
    pub(super) fn get(&self, id: &str) -> Option<&UserView> {
        self.by_id.get(id)
    }

    /// All of them in the order of their ids, which for UUIDv7 is the order of creation: what was created stays
    /// before what is created later, so pages are stable.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &UserView> {
        self.by_id.values()
    }

    /// One page of all of them. A page beside another one costs what is on it, however many come before.
    pub(super) fn page(&self, window: &Window<'_>) -> Page<UserView> {
        let Window { start, count } = *window;
        let total = self.by_id.len();
        let page = |items, has_previous, has_next| Page { total, items, has_previous, has_next };
        // One more than the page has tells whether there is another page.
        let one_more = count.saturating_add(1);
        match start {
            Start::Skip(skip) => {
                let items: Vec<UserView> = self.iter().skip(*skip).take(count).cloned().collect();
                let has_next = skip.saturating_add(items.len()) < total;
                page(items, *skip > 0 && total > 0, has_next)
            }
            Start::At(Cursor::First) => self.page(&Window { start: &Start::Skip(0), count }),
            Start::At(Cursor::After(place)) => {
                let (until, from) = self.split(Bound::Included(&place.id), Bound::Excluded(&place.id));
                let mut items: Vec<UserView> = from.take(one_more).cloned().collect();
                let has_next = items.len() > count;
                items.truncate(count);
                page(items, is_any(until), has_next)
            }
            Start::At(Cursor::Before(place)) => {
                let (until, from) = self.split(Bound::Excluded(&place.id), Bound::Included(&place.id));
                let mut items: Vec<UserView> = until.rev().take(one_more).cloned().collect();
                let has_previous = items.len() > count;
                items.truncate(count);
                items.reverse();
                page(items, has_previous, is_any(from))
            }
        }
    }

    /// Those up to one bound, and those from the other.
    fn split<'a>(
        &'a self,
        until: Bound<&str>,
        from: Bound<&str>,
    ) -> (impl DoubleEndedIterator<Item = &'a UserView>, impl Iterator<Item = &'a UserView>) {
        let views = |bounds| self.by_id.range::<str, _>(bounds).map(|(_, view)| view);
        (views((Bound::Unbounded, until)), views((from, Bound::Unbounded)))
    }

    pub(super) fn active(&self) -> usize {
        self.active
    }

    /// The ids that can match `attribute eq value`, if that attribute is indexed. The filter decides.
    pub(super) fn candidates(&self, attribute: &str, value: &str) -> Option<Vec<Id>> {
        match attribute.to_ascii_lowercase().as_str() {
            "id" => Some(self.by_id.get_key_value(value).map(|(id, _)| id.clone()).into_iter().collect()),
            "username" => Some(self.having(&self.by_user_name, &fold_case(value), user_name)),
            "externalid" => Some(self.having(&self.by_external_id, value, external_id)),
            "displayname" => Some(self.having(&self.by_display_name, &fold_case(value), display_name)),
            "emails" | "emails.value" => Some(self.having(&self.by_email, &fold_case(value), emails)),
            _ => None,
        }
    }

    /// Those whom an index has under a value, and who have it.
    fn having<Keys>(&self, index: &Index, value: &str, keys: impl Fn(&UserView) -> Keys) -> Vec<Id>
    where
        Keys: IntoIterator<Item = String>,
    {
        let has = |id: &&Id| {
            self.by_id.get(id.as_ref()).is_some_and(|user| keys(user).into_iter().any(|it| it == value))
        };
        index.get(value).iter().filter(has).cloned().collect()
    }

    /// Takes a version of a user in, unless a newer one is here. Says whether more than the status has changed.
    pub(super) fn put(&mut self, user: UserView) -> bool {
        let id = user.shared_id().clone();
        if let Some(old) = self.by_id.get_mut(&id) {
            if user.resource_version() <= old.resource_version() {
                return false;
            }
            if user.differs_in_status_only(old) {
                *old = user;
                return false;
            }
        }
        self.remove(&id);
        self.index(&user, Index::insert);
        self.active += usize::from(user.is_active());
        self.by_id.insert(id, user);
        true
    }

    /// Forgets a user; says whether there was one.
    pub(super) fn remove(&mut self, id: &str) -> bool {
        let Some(old) = self.by_id.remove(id) else { return false };
        self.active -= usize::from(old.is_active());
        self.index(&old, Index::remove);
        true
    }

    fn index(&mut self, user: &UserView, change: impl Fn(&mut Index, &str, &Id)) {
        let (user_name, external_id) = (user_name(user), external_id(user));
        let (display_name, emails) = (display_name(user), emails(user));
        let each = [
            (&mut self.by_user_name, user_name.as_slice()),
            (&mut self.by_external_id, external_id.as_slice()),
            (&mut self.by_display_name, display_name.as_slice()),
            (&mut self.by_email, &emails),
        ];
        for (index, values) in each {
            for value in values {
                change(index, value, user.shared_id());
            }
        }
    }
}

// What each index has of a user, in the form in which it is compared.

fn user_name(user: &UserView) -> Option<String> {
    user.field("userName").map(fold_case)
}

fn external_id(user: &UserView) -> Option<String> {
    user.field("externalId").map(str::to_owned)
}

fn display_name(user: &UserView) -> Option<String> {
    user.field("displayName").map(fold_case)
}

fn emails(user: &UserView) -> Vec<String> {
    user.emails().iter().map(|email| fold_case(email)).collect()
}

fn is_any<T>(mut all: impl Iterator<Item = T>) -> bool {
    all.next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{User, UserStatus};

    fn put(users: &mut Users, user: &User) -> bool {
        users.put(UserView::of(user))
    }

    fn user(version: u64, generation: i64, user_name: &str) -> User {
        let mut user = User::default();
        user.metadata.name = Some("7".to_owned());
        user.metadata.resource_version = Some(version.to_string());
        user.metadata.generation = Some(generation);
        user.spec.user_name = user_name.to_owned();
        user
    }

    #[test]
    fn a_status_alone_is_taken_in_and_is_no_news() {
        let mut users = Users::default();
        assert!(put(&mut users, &user(1, 1, "ada")));
        let status = Some(UserStatus { summary: Some("1/1".to_owned()), ..UserStatus::default() });
        assert!(!put(&mut users, &User { status: status.clone(), ..user(2, 1, "ada") }));
        assert_eq!(users.get("7").unwrap().object().status, status);
        assert!(!put(&mut users, &user(1, 1, "ada")), "an older version");
        assert_eq!(users.get("7").unwrap().object().status, status);
    }

    #[test]
    fn a_spec_a_label_or_a_finalizer_is_news() {
        let mut users = Users::default();
        put(&mut users, &user(1, 1, "ada"));
        assert!(put(&mut users, &user(2, 2, "grace")));
        assert!(users.candidates("userName", "ada").unwrap().is_empty());
        let mut labelled = user(3, 2, "grace");
        labelled.metadata.labels = Some([("a".to_owned(), "b".to_owned())].into());
        assert!(put(&mut users, &labelled));
        labelled.metadata.resource_version = Some("4".to_owned());
        labelled.metadata.finalizers = Some(vec!["x/y".to_owned()]);
        assert!(put(&mut users, &labelled));
    }
}
