//! What an identity provider does to a user.

use reqwest::Method;
use rollcall::api::{AppliedState, User};
use serde_json::{Value, json};

use crate::{
    lane::{Site, renamed, text},
    scim::{patch, user},
    sweep::Operation,
};

/// A user whose name changes.
pub struct Person {
    id: String,
    name: String,
}

/// Creates a user and puts them into a group.
pub struct Create;

impl Operation for Create {
    type Subject = String;
    const NAME: &'static str = "create a user";

    async fn prepare(&self, _: &Site, number: usize) -> String {
        format!("ada-{number}")
    }

    async fn act(&self, site: &Site, name: &String) {
        let id = site.create("/Users", user(name)).await;
        assert_eq!(name_of(site, &id).await, *name, "what was acknowledged is there");
        site.join_crew(&id).await;
    }

    async fn look(&self, site: &Site, name: &String) {
        assert!(site.find("/Users", "userName", name).await.len() <= 1);
    }

    async fn settle(&self, site: &Site, name: &String) {
        let id = site.only("/Users", "userName", name).await;
        site.until_granted::<User>(&id).await;
        site.until_let_in(&[name], &[name]).await;
    }

    async fn check(&self, site: &Site, name: &String) {
        let id = site.only("/Users", "userName", name).await;
        farewell(site, &id, name).await;
    }
}

/// Gives a user another name.
pub struct Rename;

impl Operation for Rename {
    type Subject = Person;
    const NAME: &'static str = "rename a user";

    async fn prepare(&self, site: &Site, number: usize) -> Person {
        person(site, format!("grace-{number}")).await
    }

    async fn act(&self, site: &Site, person: &Person) {
        rename(site, &person.id, &renamed(&person.name)).await;
    }

    async fn look(&self, site: &Site, person: &Person) {
        let name = name_of(site, &person.id).await;
        assert!([person.name.clone(), renamed(&person.name)].contains(&name), "{name}");
        assert_eq!(site.find("/Users", "userName", &name).await, [person.id.as_str()]);
    }

    async fn settle(&self, site: &Site, person: &Person) {
        let new = renamed(&person.name);
        site.until_let_in(&[&person.name, &new], &[&new]).await;
        site.until_granted::<User>(&person.id).await;
    }

    async fn check(&self, site: &Site, Person { id, name }: &Person) {
        assert_eq!(name_of(site, id).await, renamed(name));
        site.is_free("/Users", "userName", name).await;
        farewell(site, id, &renamed(name)).await;
    }
}

/// Two users get each other's names. No app has them; what apps make of a new name is seen in [`Rename`].
pub struct Swap;

impl Operation for Swap {
    type Subject = [Person; 2];
    const NAME: &'static str = "swap the names of two users";

    async fn prepare(&self, site: &Site, number: usize) -> [Person; 2] {
        let one = async |name: String| Person { id: site.person(&name).await, name };
        [one(format!("jean-{number}")).await, one(format!("betty-{number}")).await]
    }

    async fn act(&self, site: &Site, [a, b]: &[Person; 2]) {
        rename(site, &a.id, &renamed(&a.name)).await;
        rename(site, &b.id, &a.name).await;
        rename(site, &a.id, &b.name).await;
    }

    async fn look(&self, site: &Site, [a, b]: &[Person; 2]) {
        let names = [name_of(site, &a.id).await, name_of(site, &b.id).await];
        assert_ne!(names[0], names[1]);
        for (name, id) in names.iter().zip([&a.id, &b.id]) {
            assert_eq!(site.find("/Users", "userName", name).await, [id.as_str()]);
        }
    }

    async fn settle(&self, site: &Site, [a, b]: &[Person; 2]) {
        for (name, owner) in [(&a.name, b), (&b.name, a)] {
            assert_eq!(site.only("/Users", "userName", name).await, owner.id);
        }
    }

    async fn check(&self, site: &Site, [a, b]: &[Person; 2]) {
        assert_eq!(name_of(site, &a.id).await, b.name);
        assert_eq!(name_of(site, &b.id).await, a.name);
        site.is_free("/Users", "userName", &renamed(&a.name)).await;
        farewell(site, &a.id, &b.name).await;
        farewell(site, &b.id, &a.name).await;
    }
}

/// Takes a user's access away.
pub struct Deactivate;

impl Operation for Deactivate {
    type Subject = Person;
    const NAME: &'static str = "deactivate a user";

    async fn prepare(&self, site: &Site, number: usize) -> Person {
        person(site, format!("mary-{number}")).await
    }

    async fn act(&self, site: &Site, person: &Person) {
        let off = json!([{"op": "replace", "value": {"active": false}}]);
        site.must(Method::PATCH, &format!("/Users/{}", person.id), patch(&off)).await;
    }

    async fn look(&self, site: &Site, person: &Person) {
        assert_eq!(name_of(site, &person.id).await, person.name);
    }

    async fn settle(&self, site: &Site, person: &Person) {
        site.until_let_in(&[&person.name], &[]).await;
        site.until_row::<User>(&person.id, AppliedState::Revoked).await;
    }

    async fn check(&self, site: &Site, person: &Person) {
        let stored = site.must(Method::GET, &format!("/Users/{}", person.id), Value::Null).await;
        assert_eq!(stored["active"], false);
        farewell(site, &person.id, &person.name).await;
    }
}

/// Deletes a user.
pub struct Delete;

impl Operation for Delete {
    type Subject = Person;
    const NAME: &'static str = "delete a user";

    async fn prepare(&self, site: &Site, number: usize) -> Person {
        person(site, format!("joan-{number}")).await
    }

    async fn act(&self, site: &Site, person: &Person) {
        site.delete(&format!("/Users/{}", person.id)).await;
        assert_eq!(site.push(Method::GET, &format!("/Users/{}", person.id), Value::Null).await.0, 404);
    }

    async fn look(&self, site: &Site, person: &Person) {
        let found = site.find("/Users", "userName", &person.name).await;
        assert!(found.is_empty() || found == [person.id.as_str()]);
    }

    async fn settle(&self, site: &Site, person: &Person) {
        site.until_let_in(&[&person.name], &[]).await;
        site.until_gone::<User>(&person.id).await;
    }

    async fn check(&self, site: &Site, person: &Person) {
        let crew = site.only("/Groups", "displayName", "crew").await;
        assert!(!site.members(&crew).await.contains(&person.id));
        site.is_free("/Users", "userName", &person.name).await;
    }
}

async fn person(site: &Site, name: String) -> Person {
    Person { id: site.crew_member(&name).await, name }
}

async fn rename(site: &Site, id: &str, name: &str) {
    let change = json!([{"op": "replace", "path": "userName", "value": name}]);
    site.must(Method::PATCH, &format!("/Users/{id}"), patch(&change)).await;
    assert_eq!(name_of(site, id).await, name, "what was acknowledged is there");
}

async fn name_of(site: &Site, id: &str) -> String {
    text(&site.must(Method::GET, &format!("/Users/{id}"), Value::Null).await["userName"])
}

/// The user can still be changed and deleted, and the name be used again.
async fn farewell(site: &Site, id: &str, name: &str) {
    let change = json!([{"op": "replace", "path": "displayName", "value": "Farewell"}]);
    let changed = site.must(Method::PATCH, &format!("/Users/{id}"), patch(&change)).await;
    assert_eq!(
        (text(&changed["userName"]), text(&changed["displayName"])),
        (name.to_owned(), "Farewell".to_owned())
    );
    site.delete(&format!("/Users/{id}")).await;
    site.is_free("/Users", "userName", name).await;
    site.until_gone::<User>(id).await;
}
