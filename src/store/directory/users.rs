//! The users of one tenant in memory, with the indexes that equality filters use.

use std::{collections::BTreeMap, sync::Arc};

use kube::ResourceExt;

use super::{index::Index, is_newer};
use crate::{
    api::{User, UserSpec},
    scim::fold::fold_case,
    store::{membership::Id, view::UserView},
};

/// The users of one tenant that SCIM shows: neither being deleted nor a mere placeholder of an id.
#[derive(Debug, Default)]
pub(super) struct Users {
    by_id: BTreeMap<Id, UserView>,
    by_user_name: Index,
    by_external_id: Index,
    by_email: Index,
    active: usize,
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

    pub(super) fn active(&self) -> usize {
        self.active
    }

    /// The ids that can match `attribute eq value`, if that attribute is indexed. The filter decides.
    pub(super) fn candidates(&self, attribute: &str, value: &str) -> Option<Vec<Id>> {
        match attribute.to_ascii_lowercase().as_str() {
            "id" => Some(self.by_id.get_key_value(value).map(|(id, _)| id.clone()).into_iter().collect()),
            "username" => Some(self.by_user_name.get(&fold_case(value)).to_vec()),
            "externalid" => Some(self.by_external_id.get(value).to_vec()),
            "emails" | "emails.value" => Some(self.by_email.get(&fold_case(value)).to_vec()),
            _ => None,
        }
    }

    /// Takes a version of a user in, unless a newer one is here. Says whether it did.
    pub(super) fn put(&mut self, user: Arc<User>) -> bool {
        let id: Id = user.name_any().into();
        if let Some(old) = self.by_id.get(&id)
            && !is_newer(user.as_ref(), old.object())
        {
            return false;
        }
        self.remove(&id);
        self.index(&id, &user.spec, super::index::Index::insert);
        self.active += usize::from(user.spec.active);
        self.by_id.insert(id, UserView(user));
        true
    }

    /// Forgets a user; says whether there was one.
    pub(super) fn remove(&mut self, id: &str) -> bool {
        let Some((id, old)) = self.by_id.remove_entry(id) else { return false };
        self.active -= usize::from(old.object().spec.active);
        self.index(&id, &old.object().spec, |index, value, id| index.remove(value, id));
        true
    }

    fn index(&mut self, id: &Id, spec: &UserSpec, change: impl Fn(&mut Index, &str, &Id)) {
        change(&mut self.by_user_name, &fold_case(&spec.user_name), id);
        if let Some(external_id) = &spec.external_id {
            change(&mut self.by_external_id, external_id, id);
        }
        for email in spec.emails.iter().filter_map(|email| email.value.as_deref()) {
            change(&mut self.by_email, &fold_case(email), id);
        }
    }
}
