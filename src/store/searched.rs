//! The part of a resource that a filter or an order looks at, as a document: of many resources a few attributes are
//! cheap, and all of them are not.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    codec,
    directory::Directory,
    tenant::TenantKey,
    view::{TeamView, UserView},
};
use crate::scim::{
    Document,
    list::{ListQuery, Sorter},
    schema::ResourceSchema,
};

/// The top-level attributes, and the extensions, that are looked at.
#[derive(Debug)]
pub(super) struct Searched(BTreeSet<String>);

impl Searched {
    pub(super) fn of(query: &ListQuery, sorter: Option<&Sorter>, schema: &ResourceSchema) -> Self {
        let mut names = query.filter.as_ref().map(|filter| filter.top_level(schema)).unwrap_or_default();
        names.extend(sorter.map(|sorter| sorter.top_level().to_owned()));
        Self(names)
    }

    pub(super) fn user(&self, directory: &Directory, tenant: &TenantKey, user: &UserView) -> Document {
        let value = |name: &str| match name {
            "id" => Some(user.id().into()),
            "meta" => Some(meta("User", user.created(), user.last_modified())),
            "groups" => Some(groups_of(directory, tenant, user.id())),
            _ => codec::user_attribute(&user.object().spec, name),
        };
        self.document(value)
    }

    pub(super) fn team(&self, directory: &Directory, tenant: &TenantKey, team: &TeamView) -> Document {
        let value = |name: &str| match name {
            "id" => Some(team.id().into()),
            "meta" => Some(meta("Group", team.created(), team.last_modified())),
            "members" => Some(members_of(directory, tenant, team.id())),
            _ => codec::team_attribute(&team.object().spec, name),
        };
        self.document(value)
    }

    fn document(&self, value: impl Fn(&str) -> Option<Value>) -> Document {
        self.0.iter().filter_map(|name| Some((name.clone(), value(name)?))).collect()
    }
}

/// Identity providers ask for what has changed since they last asked, by `meta.lastModified`.
fn meta(
    resource_type: &str,
    created: Option<jiff::Timestamp>,
    last_modified: Option<jiff::Timestamp>,
) -> Value {
    json!({ "resourceType": resource_type, "created": created, "lastModified": last_modified })
}

fn groups_of(directory: &Directory, tenant: &TenantKey, user: &str) -> Value {
    let groups = directory.groups_of(tenant, user);
    groups.iter().map(|group| json!({ "value": group.id.as_ref(), "display": group.display })).collect()
}

fn members_of(directory: &Directory, tenant: &TenantKey, team: &str) -> Value {
    let members = directory.team_with_members(tenant, team).map(|(_, members)| members);
    members.iter().flat_map(|members| members.iter()).map(|id| json!({ "value": id.as_ref() })).collect()
}
