//! How a group of the app becomes the team: pure planning. Only the difference is ever sent.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::request::{Operation, Request, Resource, quoted};
use crate::downstream::TeamView;

/// RFC 7643 section 8.7.1.
const GROUP_SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// The most membership changes in one request: what the strictest server takes (AWS IAM Identity Center, 100).
pub const CHUNK: usize = 100;

/// What a group should look like, and what it does look like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// None: whatever it is called.
    pub display_name: Option<String>,
    /// The members, by the app's ids of them.
    pub members: BTreeSet<String>,
}

/// How members are taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// `remove members[value eq "..."]`, as RFC 7644 section 3.5.2.2 has it.
    ByFilter,
    /// `replace members`, for servers that refuse such filters or ignore them.
    WholeList,
}

/// One change of a group; one request each.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    Remove(Vec<String>),
    Add(Vec<String>),
    /// The whole list.
    Rewrite(Vec<String>),
    Rename(String),
}

impl Group {
    /// What the app should have of this team. Members whom the app does not have yet are left out.
    pub fn wanted(team: &TeamView) -> Self {
        Self {
            display_name: Some(team.display_name.clone()),
            members: team.members.iter().filter_map(|member| member.remote_id.clone()).collect(),
        }
    }

    /// What the app shows.
    pub fn shown(resource: &Map<String, Value>) -> Self {
        let members = resource.get("members").and_then(Value::as_array).into_iter().flatten();
        Self {
            display_name: resource.get("displayName").and_then(Value::as_str).map(str::to_owned),
            members: members.filter_map(|member| Some(member.get("value")?.as_str()?.to_owned())).collect(),
        }
    }

    /// Members here who are not there.
    pub fn members_beyond(&self, other: &Self) -> BTreeSet<String> {
        self.members.difference(&other.members).cloned().collect()
    }

    /// The body of a POST, with at most [`CHUNK`] members, or none.
    pub fn body(&self, external_id: &str, with_members: bool) -> Map<String, Value> {
        let mut body = Map::from_iter([
            ("schemas".to_owned(), json!([GROUP_SCHEMA])),
            ("displayName".to_owned(), json!(self.display_name)),
            ("externalId".to_owned(), external_id.into()),
        ]);
        if with_members && !self.members.is_empty() {
            body.insert("members".to_owned(), values(self.members.iter().take(CHUNK)));
        }
        body
    }

    /// The body of a PUT. The members are always in it, also when there are none: left out, they would stay.
    pub fn whole_body(&self, resource: &Resource) -> Map<String, Value> {
        Map::from_iter([
            ("schemas".to_owned(), json!([GROUP_SCHEMA])),
            ("id".to_owned(), resource.id.as_str().into()),
            ("displayName".to_owned(), json!(self.display_name)),
            ("members".to_owned(), values(&self.members)),
        ])
    }
}

/// The changes that make `shown` into `wanted`: who must go first, then who may come, then the name.
pub fn plan(wanted: &Group, shown: &Group, removal: Removal) -> Vec<Step> {
    let gone = shown.members_beyond(wanted);
    let new = wanted.members_beyond(shown);
    let mut steps: Vec<Step> = match removal {
        Removal::WholeList if !gone.is_empty() => {
            vec![Step::Rewrite(wanted.members.iter().cloned().collect())]
        }
        Removal::WholeList | Removal::ByFilter => {
            let gone = chunks(gone).into_iter().map(Step::Remove);
            gone.chain(chunks(new).into_iter().map(Step::Add)).collect()
        }
    };
    match &wanted.display_name {
        Some(name) if wanted.display_name != shown.display_name => steps.push(Step::Rename(name.clone())),
        Some(_) | None => {}
    }
    steps
}

impl Step {
    /// The request that takes this step.
    pub fn request(&self, resource: &Resource) -> Request {
        let members = || "members".to_owned();
        let operations = match self {
            // A path filter, never `remove members` with a value: some servers then remove everybody.
            Self::Remove(ids) => ids
                .iter()
                .map(|id| Operation::Remove { path: format!("members[value eq {}]", quoted(id)) })
                .collect(),
            Self::Add(ids) => vec![Operation::Add { path: members(), value: values(ids) }],
            Self::Rewrite(ids) => vec![Operation::Replace { path: members(), value: values(ids) }],
            Self::Rename(name) => {
                vec![Operation::Replace { path: "displayName".to_owned(), value: name.as_str().into() }]
            }
        };
        Request::Patch { resource: resource.clone(), operations }
    }

    /// What the step does, to complete "the app refused to ...".
    pub fn doing(&self) -> &'static str {
        match self {
            Self::Remove(_) => "remove members from the group",
            Self::Add(_) => "add members to the group",
            Self::Rewrite(_) => "replace the members of the group",
            Self::Rename(_) => "rename the group",
        }
    }
}

fn values<'a>(ids: impl IntoIterator<Item = &'a String>) -> Value {
    ids.into_iter().map(|id| json!({ "value": id })).collect()
}

fn chunks(ids: BTreeSet<String>) -> Vec<Vec<String>> {
    let ids: Vec<String> = ids.into_iter().collect();
    ids.chunks(CHUNK).map(<[String]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::downstream::scim::request::RemoteId;

    fn group(name: &str, members: impl IntoIterator<Item = usize>) -> Group {
        let members = members.into_iter().map(|member| format!("{member:03}")).collect();
        Group { display_name: Some(name.to_owned()), members }
    }

    fn printed(wanted: &Group, shown: &Group, removal: Removal) -> Vec<String> {
        let resource = Resource::group(RemoteId::parse("g").unwrap());
        plan(wanted, shown, removal).iter().map(|step| step.request(&resource).to_string()).collect()
    }

    #[test]
    fn one_more_member_of_many_is_one_member_sent() {
        let plan = printed(&group("a", 0..301), &group("a", 0..300), Removal::ByFilter);
        assert_eq!(plan, ["PATCH Groups/g: add members (1);"]);
    }

    #[test]
    fn who_must_go_goes_before_anybody_comes_and_before_a_rename() {
        let plan = printed(&group("b", [1]), &group("a", [2]), Removal::ByFilter);
        let removed = "PATCH Groups/g: remove members[value eq \"002\"];";
        assert_eq!(
            plan,
            [removed, "PATCH Groups/g: add members (1);", "PATCH Groups/g: replace displayName;"]
        );
    }

    #[test]
    fn changes_are_sent_by_the_hundred() {
        assert_eq!(plan(&group("a", 0..250), &group("a", []), Removal::ByFilter).len(), 3);
        assert_eq!(plan(&group("a", []), &group("a", 0..201), Removal::ByFilter).len(), 3);
    }

    #[test]
    fn the_whole_list_is_sent_only_to_remove_where_filters_are_refused() {
        let whole = printed(&group("a", [1]), &group("a", [1, 2]), Removal::WholeList);
        assert_eq!(whole, ["PATCH Groups/g: replace members (1);"]);
        let added = printed(&group("a", [1, 2]), &group("a", [1]), Removal::WholeList);
        assert_eq!(added, ["PATCH Groups/g: add members (1);"]);
    }

    #[test]
    fn the_last_member_can_be_removed() {
        let resource = Resource::group(RemoteId::parse("g").unwrap());
        let body = group("a", []).whole_body(&resource);
        assert_eq!(body["members"], json!([]));
        let rewrite = Step::Rewrite(Vec::new()).request(&resource).body().unwrap();
        assert_eq!(rewrite["Operations"][0], json!({ "op": "replace", "path": "members", "value": [] }));
    }
}
