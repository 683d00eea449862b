//! Users whose title changes: each is a register, from being created to being deleted.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    check::RegisterOp,
    scim::patch,
    service::{Answer, Service},
};

/// A client, and the replica that it asks.
pub type Asking = (usize, usize);

/// A user, by the id that they got, and by the key that their history has.
#[derive(Clone, Debug)]
pub struct Person {
    pub id: String,
    pub key: String,
}

/// Creates a user; `key` is used once only. `None` if nobody knows whether it has worked.
pub async fn create(service: &Service, asking: Asking, key: &str, title: &str) -> Option<Person> {
    let body = json!({"userName": key, "title": title});
    let (span, answer) = service.ask(asking, Method::POST, "/Users", &body).await;
    let create = RegisterOp::Create(title.to_owned());
    match answer {
        Answer::Said(201, created) => {
            service.history.register(key, span, create);
            Some(Person { id: created["id"].as_str()?.to_owned(), key: key.to_owned() })
        }
        Answer::Unknown => {
            service.history.register(key, span, create);
            None
        }
        Answer::Unsent => None,
        Answer::Said(status, answer) => {
            service.history.complain(format!("{key} could not be created: {status} {answer}"));
            None
        }
    }
}

/// Changes the title. False if there is nobody any more.
pub async fn write(service: &Service, asking: Asking, person: &Person, title: &str) -> bool {
    let change = json!([{"op": "replace", "path": "title", "value": title}]);
    let path = format!("/Users/{}", person.id);
    let (span, answer) = service.ask(asking, Method::PATCH, &path, &patch(&change)).await;
    let op = match answer {
        Answer::Said(200 | 204, _) | Answer::Unknown => RegisterOp::Write(title.to_owned()),
        Answer::Said(404, _) => RegisterOp::Missed,
        Answer::Unsent => return true,
        Answer::Said(status, answer) => {
            service.history.complain(format!("{} could not be changed: {status} {answer}", person.key));
            return true;
        }
    };
    let is_there = op != RegisterOp::Missed;
    service.history.register(&person.key, span, op);
    is_there
}

/// Deletes a user.
pub async fn delete(service: &Service, asking: Asking, person: &Person) {
    let (span, answer) =
        service.ask(asking, Method::DELETE, &format!("/Users/{}", person.id), &Value::Null).await;
    let op = match answer {
        Answer::Said(204, _) | Answer::Unknown => RegisterOp::Delete,
        Answer::Said(404, _) => RegisterOp::Missed,
        Answer::Unsent => return,
        Answer::Said(status, answer) => {
            let complaint = format!("{} could not be deleted: {status} {answer}", person.key);
            return service.history.complain(complaint);
        }
    };
    service.history.register(&person.key, span, op);
}

/// Reads a title. False if there was no answer.
pub async fn read(service: &Service, asking: Asking, person: &Person) -> bool {
    read_attribute(service, asking, person, "title").await
}

/// Reads an attribute. False if there was no answer.
pub async fn read_attribute(service: &Service, asking: Asking, person: &Person, attribute: &str) -> bool {
    let (span, answer) =
        service.ask(asking, Method::GET, &format!("/Users/{}", person.id), &Value::Null).await;
    let read = match answer {
        Answer::Said(200, user) => user[attribute].as_str().map(str::to_owned),
        Answer::Said(404, _) => None,
        Answer::Unsent | Answer::Unknown => return false,
        Answer::Said(status, answer) => {
            service.history.complain(format!("{} could not be read: {status} {answer}", person.key));
            return true;
        }
    };
    service.history.register(&person.key, span, RegisterOp::Read(read));
    true
}
