//! A few names that several clients want for users of theirs.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    check::{NamesOp, RegisterOp},
    people::{Asking, Person},
    scim::{named, patch},
    service::{Answer, Service},
};

/// The names of an arena. Few, so that two clients often want the same.
pub fn names(arena: usize) -> Vec<String> {
    ["a", "b", "c", "d"].map(|letter| format!("name-{arena}-{letter}")).into()
}

/// Creates a user of this name; `key` is used once only.
pub async fn create(
    service: &Service,
    asking: Asking,
    arena: usize,
    (key, name): (&str, &str),
) -> Option<Person> {
    let body = json!({"userName": name, "externalId": key});
    let (span, answer) = service.ask(asking, Method::POST, "/Users", &body).await;
    let (who, name) = (key.to_owned(), name.to_owned());
    let created = match answer {
        Answer::Said(201, created) => created["id"].as_str().map(str::to_owned),
        Answer::Unknown => None,
        Answer::Unsent => return None,
        Answer::Said(409, _) => {
            service.history.name(arena, span, NamesOp::Taken { who, name });
            return None;
        }
        Answer::Said(status, answer) => {
            service.history.complain(format!("{key} could not be created: {status} {answer}"));
            return None;
        }
    };
    service.history.register(key, span, RegisterOp::Create(name.clone()));
    service.history.name(arena, span, NamesOp::Create { who, name });
    created.map(|id| Person { id, key: key.to_owned() })
}

/// Gives a user another name. False if there is nobody any more.
pub async fn rename(service: &Service, asking: Asking, arena: usize, person: &Person, name: &str) -> bool {
    let change = json!([{"op": "replace", "path": "userName", "value": name}]);
    let path = format!("/Users/{}", person.id);
    let (span, answer) = service.ask(asking, Method::PATCH, &path, &patch(&change)).await;
    let (who, name) = (person.key.clone(), name.to_owned());
    match answer {
        Answer::Said(200 | 204, _) | Answer::Unknown => {
            service.history.register(&who, span, RegisterOp::Write(name.clone()));
            service.history.name(arena, span, NamesOp::Rename { who, name });
        }
        Answer::Said(409, _) => service.history.name(arena, span, NamesOp::Taken { who, name }),
        Answer::Said(404, _) => {
            service.history.register(&who, span, RegisterOp::Missed);
            return false;
        }
        Answer::Unsent => {}
        Answer::Said(status, answer) => {
            service.history.complain(format!("{who} could not be renamed: {status} {answer}"));
        }
    }
    true
}

/// Deletes a user, and so gives the name up.
pub async fn delete(service: &Service, asking: Asking, arena: usize, person: &Person) {
    let (span, answer) =
        service.ask(asking, Method::DELETE, &format!("/Users/{}", person.id), &Value::Null).await;
    let who = person.key.clone();
    match answer {
        Answer::Said(204, _) | Answer::Unknown => {
            service.history.register(&who, span, RegisterOp::Delete);
            service.history.name(arena, span, NamesOp::Delete { who });
        }
        Answer::Said(404, _) => service.history.register(&who, span, RegisterOp::Missed),
        Answer::Unsent => {}
        Answer::Said(status, answer) => {
            service.history.complain(format!("{who} could not be deleted: {status} {answer}"));
        }
    }
}

/// Asks who has a name. False if there was no answer.
pub async fn look_up(service: &Service, asking: Asking, arena: usize, name: &str) -> bool {
    let path = format!("/Users?{}", named("userName", name));
    let (span, answer) = service.ask(asking, Method::GET, &path, &Value::Null).await;
    let list = match answer {
        Answer::Said(200, list) => list,
        Answer::Unsent | Answer::Unknown => return false,
        Answer::Said(status, answer) => {
            service.history.complain(format!("nobody could be asked for {name}: {status} {answer}"));
            return true;
        }
    };
    let owners = list["Resources"].as_array().into_iter().flatten();
    let owners: Vec<String> = owners.filter_map(|it| it["externalId"].as_str().map(str::to_owned)).collect();
    if owners.len() > 1 {
        let (replica, began) = (span.replica, span.began);
        service.history.complain(format!("{name} is of two at once, {owners:?}, on {replica} at {began:?}"));
    }
    service.history.looked_up(arena, span, name, owners.first().cloned());
    true
}
