//! Groups that several clients join and leave, each with a user of its own.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    check::RegisterOp,
    history::Span,
    people::{Asking, Person},
    scim::{group, patch},
    service::{Answer, Service},
};

/// The values of the register that a membership is.
const IN: &str = "in";
const OUT: &str = "out";

/// A group.
#[derive(Clone, Debug)]
pub struct Group {
    id: String,
    name: String,
}

/// Creates a group that nobody is in yet; `name` is used once only. `None` if nobody knows whether it has worked.
pub async fn create(service: &Service, name: &str, crowd: &[Person]) -> Option<Group> {
    let (span, answer) = service.ask((0, 0), Method::POST, "/Groups", &group(name, &[])).await;
    let created = match answer {
        Answer::Said(201, created) => created,
        Answer::Unknown | Answer::Unsent => return None,
        Answer::Said(..) => panic!("{name} could not be created: {answer:?}"),
    };
    let group = Group { id: created["id"].as_str()?.to_owned(), name: name.to_owned() };
    for person in crowd {
        service.history.register(&key(&group, person), span, RegisterOp::Create(OUT.to_owned()));
    }
    Some(group)
}

/// Joins a group, or leaves it.
pub async fn change(service: &Service, asking: Asking, group: &Group, person: &Person, joins: bool) {
    let change = if joins {
        json!([{"op": "add", "path": "members", "value": [{"value": person.id}]}])
    } else {
        json!([{"op": "remove", "path": format!("members[value eq \"{}\"]", person.id)}])
    };
    let path = format!("/Groups/{}", group.id);
    let (span, answer) = service.ask(asking, Method::PATCH, &path, &patch(&change)).await;
    match answer {
        Answer::Said(200 | 204, _) | Answer::Unknown => {
            let value = if joins { IN } else { OUT };
            service.history.register(&key(group, person), span, RegisterOp::Write(value.to_owned()));
        }
        Answer::Unsent => {}
        Answer::Said(status, answer) => {
            service.history.complain(format!("{} could not be changed: {status} {answer}", group.name));
        }
    }
}

/// Reads who is in a group. False if there was no answer.
pub async fn read(service: &Service, asking: Asking, group: &Group, crowd: &[Person]) -> bool {
    let (span, answer) =
        service.ask(asking, Method::GET, &format!("/Groups/{}", group.id), &Value::Null).await;
    match answer {
        Answer::Said(200, read) => take_in(service, span, group, &read, crowd),
        Answer::Unsent | Answer::Unknown => return false,
        Answer::Said(status, answer) => {
            service.history.complain(format!("{} could not be read: {status} {answer}", group.name));
        }
    }
    true
}

fn take_in(service: &Service, span: Span, group: &Group, read: &Value, crowd: &[Person]) {
    let members = read["members"].as_array().into_iter().flatten();
    let mut members: Vec<&str> = members.filter_map(|it| it["value"].as_str()).collect();
    for person in crowd {
        let is_in = members.iter().position(|it| *it == person.id).map(|at| members.swap_remove(at));
        let value = if is_in.is_some() { IN } else { OUT };
        service.history.register(&key(group, person), span, RegisterOp::Read(Some(value.to_owned())));
    }
    if !members.is_empty() {
        service.history.complain(format!("{} has members whom nobody has added: {members:?}", group.name));
    }
}

fn key(group: &Group, person: &Person) -> String {
    format!("{} in {}", person.key, group.name)
}
