//! Values that must be unique and are not, as several had them before the tenant said so.
//!
//! Such a value is not taken from anybody, and whoever has it may keep it through every other change. Nobody new gets it,
//! as the leader claims it for the first of them ([`super::values`]). How many there are is for people to see, who alone
//! can tell whose it is.

use std::collections::{BTreeSet, HashMap};

use super::{directory::Directory, rules::TenantRules, searched, tenant::TenantKey, view::Found};
use crate::scim::{Document, rules::Unique};

/// How many values of an attribute that must be unique are those of several users, or of several teams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedValues {
    /// The attribute's canonical path.
    pub attribute: String,
    /// How many, at least one.
    pub values: usize,
}

impl Directory {
    /// Every attribute of which values are shared. Looks at everybody.
    pub fn shared_values(&self, tenant: &TenantKey, rules: &TenantRules) -> Vec<SharedValues> {
        let users = || self.users(tenant, &[]).into_iter().map(Found::User);
        let teams = || self.teams(tenant, &[]).into_iter().map(Found::Team);
        let of_users = rules.users.unique.iter().map(|unique| self.shared_of(tenant, unique, users()));
        let of_teams = rules.groups.unique.iter().map(|unique| self.shared_of(tenant, unique, teams()));
        of_users.chain(of_teams).filter(|shared| shared.values > 0).collect()
    }

    fn shared_of(
        &self,
        tenant: &TenantKey,
        unique: &Unique,
        all: impl Iterator<Item = Found>,
    ) -> SharedValues {
        let mut owners: HashMap<String, usize> = HashMap::new();
        for found in all {
            for value in values(self, tenant, unique, &found) {
                *owners.entry(value).or_default() += 1;
            }
        }
        let values = owners.values().filter(|owners| **owners > 1).count();
        SharedValues { attribute: unique.path().to_owned(), values }
    }
}

/// The values that a resource has of a unique attribute, in the form in which they are compared.
pub(super) fn values(
    directory: &Directory,
    tenant: &TenantKey,
    unique: &Unique,
    found: &Found,
) -> BTreeSet<String> {
    let name = unique.top_level();
    let value = searched::value(directory, tenant, found, name);
    value.map(|it| unique.values(&Document::from_iter([(name.to_owned(), it)]))).unwrap_or_default()
}
