//! From what the store shows to the JSON that a client gets.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::location::Links;
use crate::{
    scim::{Document, project::Projection, schema::ResourceSchema, version::etag},
    store::{GroupView, MemberView, TeamView, UserView},
};

/// A user as RFC 7643 section 4.1 describes it. Where `groups` is `None`, it is left out.
pub(super) fn user(user: &UserView, groups: Option<Vec<GroupView>>, links: &Links) -> Document {
    let location = links.user(user.id());
    let meta = Meta {
        resource_type: "User",
        created: user.created(),
        modified: user.last_modified(),
        version: user.version(),
        location,
    };
    // RFC 7643 section 2.5: an attribute without a value and one that is not there are the same.
    let groups = groups.filter(|groups| !groups.is_empty());
    let groups = groups.map(|groups| groups.iter().map(|group| group_of_user(group, links)).collect());
    assemble(user.id(), user.document(), ("groups", groups), &meta)
}

/// The JSON of a user who is in no group, with the attributes that are returned by default; for benchmarks.
pub fn user_json(user: &UserView, base: &str, schema: &ResourceSchema) -> String {
    let document = self::user(user, None, &Links::new(base.to_owned()));
    Value::Object(Projection::default().apply(document, schema)).to_string()
}

/// A group as RFC 7643 section 4.2 describes it. Where `members` is `None`, it is left out.
///
/// Where nobody is a member, the list is there and empty: authentik compares members only with a list, and would
/// never add anybody to a group that has none.
pub(super) fn group(team: &TeamView, members: Option<Vec<MemberView>>, links: &Links) -> Document {
    let location = links.group(team.id());
    let meta = Meta {
        resource_type: "Group",
        created: team.created(),
        modified: team.last_modified(),
        version: team.version(),
        location,
    };
    let members =
        members.map(|members| members.iter().map(|member| member_of_group(member, links)).collect());
    assemble(team.id(), team.document(), ("members", members), &meta)
}

struct Meta {
    resource_type: &'static str,
    created: Option<Timestamp>,
    modified: Option<Timestamp>,
    version: String,
    location: String,
}

/// People read these documents: what it is comes first, then which one, what it says, and what we know of it.
fn assemble(id: &str, stored: Document, computed: (&str, Option<Vec<Value>>), meta: &Meta) -> Document {
    let mut document = stored;
    // `schemas` is the first.
    document.shift_insert(usize::from(!document.is_empty()), "id".to_owned(), id.into());
    // RFC 7643 section 2.5: an attribute without a value and one that is not there are the same.
    document.retain(|_, value| !value.is_null());
    if let (name, Some(values)) = computed {
        document.insert(name.to_owned(), Value::Array(values));
    }
    document.insert("meta".to_owned(), meta_value(meta));
    document
}

fn meta_value(meta: &Meta) -> Value {
    let Meta { resource_type, created, modified, version, location } = meta;
    let mut value = Map::from_iter([("resourceType".to_owned(), json!(resource_type))]);
    for (name, time) in [("created", created), ("lastModified", modified)] {
        if let Some(time) = time {
            value.insert(name.to_owned(), time.to_string().into());
        }
    }
    value.insert("location".to_owned(), json!(location));
    value.insert("version".to_owned(), etag(version).into());
    Value::Object(value)
}

fn group_of_user(group: &GroupView, links: &Links) -> Value {
    let GroupView { id, display, direct } = group;
    let kind = if *direct { "direct" } else { "indirect" };
    json!({ "value": id, "$ref": links.group(id), "display": display, "type": kind })
}

fn member_of_group(member: &MemberView, links: &Links) -> Value {
    let MemberView { id, display, is_team } = member;
    let (kind, location) = if *is_team { ("Group", links.group(id)) } else { ("User", links.user(id)) };
    let mut value = json!({ "value": id, "$ref": location, "type": kind });
    // Nothing stands in for a name: who adds a member without one reads back what they sent.
    if let Some(display) = display {
        value["display"] = json!(display);
    }
    value
}
