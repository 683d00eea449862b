//! The part of a resource that a filter or an order looks at, as a document: of many resources a few attributes are
//! cheap, and all of them are not.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{codec, directory::Directory, tenant::TenantKey, view::Found};
use crate::scim::{Document, filter::Filter, list::Sorter, schema::ResourceSchema, version::etag};

/// The top-level attributes, and the extensions, that are looked at.
#[derive(Debug, Default)]
pub(super) struct Searched(BTreeSet<String>);

impl Searched {
    pub(super) fn in_filter(filter: &Filter, schema: &ResourceSchema) -> Self {
        Self(filter.top_level(schema))
    }

    pub(super) fn by(sorter: &Sorter) -> Self {
        Self(BTreeSet::from([sorter.top_level().to_owned()]))
    }

    pub(super) fn document(&self, directory: &Directory, tenant: &TenantKey, found: &Found) -> Document {
        let value = |name: &str| match (name, found) {
            ("id", _) => Some(found.id().into()),
            ("meta", _) => Some(meta(found)),
            ("groups", Found::User(user)) => Some(groups(directory, tenant, user.id())),
            ("members", Found::Team(team)) => Some(members(directory, tenant, team.id())),
            (_, Found::User(user)) => codec::user_attribute(&user.object().spec, name),
            (_, Found::Team(team)) => codec::team_attribute(&team.object().spec, name),
        };
        self.0.iter().filter_map(|name| Some((name.clone(), value(name)?))).collect()
    }
}

/// `meta`, but for the location, which depends on who asks.
fn meta(found: &Found) -> Value {
    let (kind, created, modified, version) = match found {
        Found::User(it) => ("User", it.created(), it.last_modified(), it.version()),
        Found::Team(it) => ("Group", it.created(), it.last_modified(), it.version()),
    };
    json!({ "resourceType": kind, "created": created, "lastModified": modified, "version": etag(&version) })
}

fn groups(directory: &Directory, tenant: &TenantKey, user: &str) -> Value {
    let groups = directory.groups_of(tenant, user);
    groups.iter().map(|group| json!({ "value": group.id.as_ref(), "display": group.display })).collect()
}

fn members(directory: &Directory, tenant: &TenantKey, team: &str) -> Value {
    let members = directory.team_with_members(tenant, team).map(|(_, members)| members);
    members.iter().flat_map(|members| members.iter()).map(|id| json!({ "value": id.as_ref() })).collect()
}
