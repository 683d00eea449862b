//! What an identity provider does to a group of two or three.

use reqwest::Method;
use rollcall::api::Team;
use serde_json::{Value, json};

use crate::{
    lane::{Site, granted, renamed, text},
    scim::{group, patch},
    sweep::Operation,
};

/// A group, and three users of whom the first two are in it.
pub struct Group {
    id: String,
    name: String,
    people: [(String, String); 3],
}

/// Creates a group with two members.
pub struct Create;

impl Operation for Create {
    type Subject = (String, [(String, String); 3]);
    const NAME: &'static str = "create a group";

    async fn prepare(&self, site: &Site, number: usize) -> Self::Subject {
        (granted(number), people(site, number).await)
    }

    async fn act(&self, site: &Site, (name, people): &Self::Subject) {
        let id = site.create("/Groups", group(name, &ids(&people[..2]))).await;
        assert_eq!(site.members(&id).await.len(), 2, "what was acknowledged is there");
    }

    async fn look(&self, site: &Site, (name, people): &Self::Subject) {
        let found = site.find("/Groups", "displayName", name).await;
        assert!(found.len() <= 1);
        for id in found {
            assert_eq!(site.members(&id).await, ids(&people[..2]).into_iter().collect());
        }
    }

    async fn settle(&self, site: &Site, (name, people): &Self::Subject) {
        let id = site.only("/Groups", "displayName", name).await;
        site.until_granted::<Team>(&id).await;
        let [a, b, c] = people.each_ref().map(|(_, name)| name.as_str());
        site.until_let_in(&[a, b, c], &[a, b]).await;
    }

    async fn check(&self, site: &Site, (name, people): &Self::Subject) {
        let id = site.only("/Groups", "displayName", name).await;
        farewell(site, &id, name, people).await;
    }
}

/// Adds a member and removes another.
pub struct Patch;

impl Operation for Patch {
    type Subject = Group;
    const NAME: &'static str = "change the members of a group";

    async fn prepare(&self, site: &Site, number: usize) -> Group {
        new_group(site, number).await
    }

    async fn act(&self, site: &Site, group: &Group) {
        let [out, _, into] = &group.people;
        let change = json!([{"op": "add", "path": "members", "value": [{"value": into.0}]},
            {"op": "remove", "path": format!("members[value eq \"{}\"]", out.0)}]);
        let (status, answer) = site.push(Method::PATCH, &path(group), patch(&change)).await;
        assert!(matches!(status, 200 | 204), "{status} {answer}");
        assert_eq!(site.members(&group.id).await, ids(&group.people[1..]).into_iter().collect());
    }

    async fn look(&self, site: &Site, group: &Group) {
        let members: Vec<String> = site.members(&group.id).await.into_iter().collect();
        let (mut old, mut new) = (ids(&group.people[..2]), ids(&group.people[1..]));
        old.sort();
        new.sort();
        assert!(members == old || members == new, "half of a change: {members:?}, of {:?}", group.people);
    }

    async fn settle(&self, site: &Site, group: &Group) {
        let [a, b, c] = group.people.each_ref().map(|(_, name)| name.as_str());
        site.until_let_in(&[a, b, c], &[b, c]).await;
        site.until_granted::<Team>(&group.id).await;
    }

    async fn check(&self, site: &Site, group: &Group) {
        assert_eq!(site.members(&group.id).await, ids(&group.people[1..]).into_iter().collect());
        farewell(site, &group.id, &group.name, &group.people).await;
    }
}

/// Gives a group another name.
pub struct Rename;

impl Operation for Rename {
    type Subject = Group;
    const NAME: &'static str = "rename a group";

    async fn prepare(&self, site: &Site, number: usize) -> Group {
        new_group(site, number).await
    }

    async fn act(&self, site: &Site, group: &Group) {
        let change = json!([{"op": "replace", "path": "displayName", "value": renamed(&group.name)}]);
        site.must(Method::PATCH, &path(group), patch(&change)).await;
        assert_eq!(name_of(site, group).await, renamed(&group.name), "what was acknowledged is there");
    }

    async fn look(&self, site: &Site, group: &Group) {
        let name = name_of(site, group).await;
        assert!([group.name.clone(), renamed(&group.name)].contains(&name), "{name}");
        assert_eq!(site.find("/Groups", "displayName", &name).await, [group.id.as_str()]);
        assert_eq!(site.members(&group.id).await, ids(&group.people[..2]).into_iter().collect());
    }

    async fn settle(&self, site: &Site, group: &Group) {
        site.until_granted::<Team>(&group.id).await;
        let [a, b, c] = group.people.each_ref().map(|(_, name)| name.as_str());
        site.until_let_in(&[a, b, c], &[a, b]).await;
    }

    async fn check(&self, site: &Site, group: &Group) {
        assert_eq!(name_of(site, group).await, renamed(&group.name));
        site.is_free("/Groups", "displayName", &group.name).await;
        farewell(site, &group.id, &renamed(&group.name), &group.people).await;
    }
}

/// Deletes a group.
pub struct Delete;

impl Operation for Delete {
    type Subject = Group;
    const NAME: &'static str = "delete a group";

    async fn prepare(&self, site: &Site, number: usize) -> Group {
        new_group(site, number).await
    }

    async fn act(&self, site: &Site, group: &Group) {
        site.delete(&path(group)).await;
        assert_eq!(site.push(Method::GET, &path(group), Value::Null).await.0, 404);
    }

    async fn look(&self, site: &Site, group: &Group) {
        for id in site.find("/Groups", "displayName", &group.name).await {
            assert_eq!(site.members(&id).await, ids(&group.people[..2]).into_iter().collect());
        }
    }

    async fn settle(&self, site: &Site, group: &Group) {
        let names = group.people.each_ref().map(|(_, name)| name.as_str());
        site.until_let_in(&names, &[]).await;
        site.until_gone::<Team>(&group.id).await;
    }

    async fn check(&self, site: &Site, group: &Group) {
        site.is_free("/Groups", "displayName", &group.name).await;
    }
}

async fn people(site: &Site, number: usize) -> [(String, String); 3] {
    let one = async |who: &str| {
        let name = format!("{who}-{number}");
        (site.person(&name).await, name)
    };
    [one("ada").await, one("grace").await, one("mary").await]
}

async fn new_group(site: &Site, number: usize) -> Group {
    let (name, people) = (granted(number), people(site, number).await);
    let id = site.create("/Groups", group(&name, &ids(&people[..2]))).await;
    site.until_granted::<Team>(&id).await;
    Group { id, name, people }
}

fn ids(people: &[(String, String)]) -> Vec<String> {
    people.iter().map(|(id, _)| id.clone()).collect()
}

fn path(group: &Group) -> String {
    format!("/Groups/{}", group.id)
}

async fn name_of(site: &Site, group: &Group) -> String {
    text(&site.must(Method::GET, &path(group), Value::Null).await["displayName"])
}

/// The group can still be changed and deleted, and its name be used again.
async fn farewell(site: &Site, id: &str, name: &str, [_, out, into]: &[(String, String); 3]) {
    let path = format!("/Groups/{id}");
    let change = json!([{"op": "add", "path": "members", "value": [{"value": into.0}]},
        {"op": "remove", "path": format!("members[value eq \"{}\"]", out.0)}]);
    let (status, answer) = site.push(Method::PATCH, &path, patch(&change)).await;
    assert!(matches!(status, 200 | 204), "{status} {answer}");
    let members = site.members(id).await;
    assert!(members.contains(&into.0) && !members.contains(&out.0));
    site.delete(&path).await;
    site.is_free("/Groups", "displayName", name).await;
    site.until_gone::<Team>(id).await;
}
