//! Okta, as Rollcall sees it: the requests of an application of its catalogue that pushes users and groups.
//!
//! The shapes are those of Okta's SCIM 2.0 protocol reference (docs/reference/scim/scim-20).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};

use super::error::DemoError;
use super::http::{Answer, Server};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// How many requests Okta is taken to have under way at once.
pub(super) const AT_ONCE: usize = 8;

/// A person as Okta knows them after having created them.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) id: String,
    pub(super) user_name: String,
}

/// How a person is looked for before they are created.
pub(super) fn lookup(user_name: &str) -> String {
    format!("/Users?filter=userName eq \"{user_name}\"&startIndex=1&count=100")
}

/// A new person.
pub(super) fn user(user_name: &str, given: &str, family: &str) -> Value {
    json!({
        "schemas": [USER],
        "userName": user_name,
        "name": {"givenName": given, "familyName": family},
        "emails": [{"primary": true, "value": user_name, "type": "work"}],
        "displayName": format!("{given} {family}"),
        "active": true,
    })
}

/// A new group, which Okta makes empty.
pub(super) fn group(display_name: &str) -> Value {
    json!({"schemas": [GROUP], "displayName": display_name, "members": []})
}

pub(super) fn patch(operations: &Value) -> Value {
    json!({"schemas": [PATCH], "Operations": operations})
}

/// The operation that adds members.
pub(super) fn add(people: &[&Person]) -> Value {
    let members: Value =
        people.iter().map(|person| json!({"value": person.id, "display": person.user_name})).collect();
    json!({"op": "add", "path": "members", "value": members})
}

/// The operation that removes one member.
pub(super) fn remove(person: &Person) -> Value {
    json!({"op": "remove", "path": format!("members[value eq \"{}\"]", person.id)})
}

/// Does the same for each of `items`, several at once, and returns what came of it in the same order.
pub(super) fn several<T: Sync, R: Send>(items: &[T], act: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some((index, item)) = items.iter().enumerate().nth(next.fetch_add(1, Ordering::Relaxed)) {
            done.push((index, act(item)));
        }
        done
    };
    let mut done: Vec<(usize, R)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        // A worker that panicked panics here too.
        let join = |worker: thread::ScopedJoinHandle<'_, _>| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        workers.into_iter().flat_map(join).collect()
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Creates one person.
pub(super) fn create(server: &Server, body: &Value) -> Result<(Person, Answer), DemoError> {
    let answer = server.send("POST", "/Users", Some(body))?.with_status(201, "a new user")?;
    Ok((Person::from_answer(&answer), answer))
}

impl Person {
    pub(super) fn from_answer(answer: &Answer) -> Self {
        Self { id: answer.text("id").to_owned(), user_name: answer.text("userName").to_owned() }
    }
}
