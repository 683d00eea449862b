//! What an identity provider does to a group whose members are in slices, so that the slices split or merge.

use std::{collections::BTreeSet, sync::Arc};

use futures::{StreamExt as _, stream};
use reqwest::Method;
use rollcall::api::{MembershipSlice, Team, names};
use serde_json::{Value, json};

use crate::{
    lane::Site,
    operator::eventually,
    scim::{group, patch, refs},
    sweep::Operation,
};

/// Enough for four slices.
pub const PEOPLE: usize = 4_010;

/// So many are in one slice, and not in the Team itself.
const FEW: usize = 300;

/// So many are in two slices.
const MANY: usize = 2_100;

/// A large group.
pub struct Group {
    pub id: String,
    name: String,
}

/// The users who are members of large groups.
pub async fn people(lane: &crate::lane::Lane, count: usize) -> Arc<[String]> {
    let site = &lane.site;
    let created =
        stream::iter(0..count).map(|number| async move { site.person(&format!("p{number}")).await });
    created.buffer_unordered(16).collect::<Vec<_>>().await.into()
}

/// Adds so many members that the one slice becomes two.
pub struct Grow(pub Arc<[String]>);

impl Operation for Grow {
    type Subject = Group;
    const NAME: &'static str = "split the slices of a group";

    async fn prepare(&self, site: &Site, number: usize) -> Group {
        new_group(site, format!("grow-{number}"), &self.0[..FEW]).await
    }

    async fn act(&self, site: &Site, group: &Group) {
        let add = json!([{"op": "add", "path": "members", "value": refs(&self.0[FEW..MANY])}]);
        change(site, group, &add).await;
        assert_eq!(site.members(&group.id).await, set(&self.0[..MANY]), "what was acknowledged is there");
    }

    async fn look(&self, site: &Site, group: &Group) {
        let members = site.members(&group.id).await;
        assert!([FEW, MANY].map(|it| set(&self.0[..it])).contains(&members), "{} members", members.len());
    }

    async fn settle(&self, site: &Site, group: &Group) {
        until_slices(site, group, 2).await;
    }

    async fn check(&self, site: &Site, group: &Group) {
        assert_eq!(site.members(&group.id).await, set(&self.0[..MANY]));
        farewell(site, group, &self.0[0]).await;
    }
}

/// Replaces so many members by so few that four slices become one.
pub struct Shrink(pub Arc<[String]>);

impl Operation for Shrink {
    type Subject = Group;
    const NAME: &'static str = "merge the slices of a group";

    async fn prepare(&self, site: &Site, number: usize) -> Group {
        new_group(site, format!("shrink-{number}"), &self.0).await
    }

    async fn act(&self, site: &Site, group: &Group) {
        let replace = json!([{"op": "replace", "path": "members", "value": refs(&self.0[..FEW])}]);
        change(site, group, &replace).await;
        assert_eq!(site.members(&group.id).await, set(&self.0[..FEW]), "what was acknowledged is there");
    }

    async fn look(&self, site: &Site, group: &Group) {
        let members = site.members(&group.id).await;
        assert!([FEW, PEOPLE].map(|it| set(&self.0[..it])).contains(&members), "{} members", members.len());
    }

    async fn settle(&self, site: &Site, group: &Group) {
        until_slices(site, group, 1).await;
    }

    async fn check(&self, site: &Site, group: &Group) {
        assert_eq!(site.members(&group.id).await, set(&self.0[..FEW]));
        farewell(site, group, &self.0[0]).await;
    }
}

pub fn set(people: &[String]) -> BTreeSet<String> {
    people.iter().cloned().collect()
}

pub async fn new_group(site: &Site, name: String, members: &[String]) -> Group {
    let id = site.create("/Groups", group(&name, members)).await;
    Group { id, name }
}

pub async fn change(site: &Site, group: &Group, operations: &Value) {
    let (status, answer) =
        site.push(Method::PATCH, &format!("/Groups/{}", group.id), patch(operations)).await;
    assert!(matches!(status, 200 | 204), "{status} {answer}");
}

/// Waits until there are the slices that the Team names, and no others. After a crash there may be others, which are
/// swept later.
pub async fn until_slices(site: &Site, group: &Group, expected: usize) {
    let team: Team = site.api().get(&group.id).await.unwrap();
    assert_eq!(team.spec.membership.slice_names().count(), expected);
    let labels = format!("{}={}", names::LABEL_TEAM, group.id);
    eventually("old slices are gone", || async {
        let there = site.all::<MembershipSlice>(&labels).await.len();
        (there == expected || site.proxy.has_cut()).then_some(())
    })
    .await;
}

/// The group can still be changed and deleted, with its slices, and its name be used again.
pub async fn farewell(site: &Site, group: &Group, member: &str) {
    let remove = json!([{"op": "remove", "path": format!("members[value eq \"{member}\"]")}]);
    change(site, group, &remove).await;
    assert!(!site.members(&group.id).await.contains(member));
    let team: Team = site.api().get(&group.id).await.unwrap();
    site.delete(&format!("/Groups/{}", group.id)).await;
    site.is_free("/Groups", "displayName", &group.name).await;
    site.until_gone::<Team>(&group.id).await;
    for slice in team.spec.membership.slice_names().filter(|name| !name.is_empty()) {
        site.until_gone::<MembershipSlice>(slice).await;
    }
}
