//! Groups of many members, of whom clients put dozens in and out by one PATCH: more than a Team's tail holds, so slices are
//! written, folded and split.
//!
//! The members whom a client moves are a block. A PATCH names all of a block, some as members and the others as none, and
//! whom it selects is made up anew each time. So what a read shows of a block tells which PATCH was the last, and is
//! nobody's selection if a PATCH was done in parts.

use std::{
    collections::{HashMap, HashSet},
    sync::Mutex,
};

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    check::RegisterOp,
    history::Span,
    people::Asking,
    random::Random,
    scim::{group, patch, refs},
    service::{Answer, Service},
};

/// So many are in a block. Two selections differ in about half of them: more than the 32 of a tail.
const BLOCK: usize = 80;

/// So many blocks are in a group. All clients share them.
const BLOCKS: usize = 4;

/// So many are in the largest group all the time. A dozen or two of each block more, and it has the 2,000 of two shards.
const BASE: usize = 1_880;

/// So many people are needed.
pub const PEOPLE: usize = BASE + BLOCKS * BLOCK;

/// What blocks and those who are in a group all the time are at first.
const NOBODY: &str = "nobody";
const EVERYBODY: &str = "everybody";

/// A group with blocks.
#[derive(Debug)]
pub struct LargeGroup {
    pub id: String,
    name: String,
    base: Vec<String>,
    blocks: Vec<Block>,
}

/// Some people, and everything that was selected of them in one group.
#[derive(Debug)]
struct Block {
    key: String,
    people: Vec<String>,
    selections: Mutex<HashMap<Vec<bool>, String>>,
}

impl Block {
    fn new(key: String, people: &[String]) -> Self {
        let nobody = (vec![false; people.len()], NOBODY.to_owned());
        Self { key, people: people.to_vec(), selections: Mutex::new([nobody].into()) }
    }

    /// Makes a selection up, which has this name from now on: who is in it, and who is not.
    fn select(&self, name: &str, random: &mut Random) -> (Vec<String>, Vec<String>) {
        let density = 10 + random.below(81);
        let selection: Vec<bool> = self.people.iter().map(|_| random.percent(density)).collect();
        let of = |is_in: bool| {
            let chosen = self.people.iter().zip(&selection).filter(move |(_, it)| **it == is_in);
            chosen.map(|(person, _)| person.clone()).collect()
        };
        let (chosen, others) = (of(true), of(false));
        self.selections.lock().unwrap().insert(selection, name.to_owned());
        (chosen, others)
    }

    /// The name of the selection that these members are.
    fn selected(&self, members: &HashSet<&str>) -> String {
        let selection: Vec<bool> = self.people.iter().map(|it| members.contains(it.as_str())).collect();
        let unknown = || format!("{} of {}, as nobody has selected them", count(&selection), selection.len());
        self.selections.lock().unwrap().get(&selection).cloned().unwrap_or_else(unknown)
    }
}

/// Creates a group, with 1,880 members or none beside the blocks; `name` is used once only. `None` if nobody knows whether
/// it has worked.
pub async fn create(service: &Service, name: &str, people: &[String], is_large: bool) -> Option<LargeGroup> {
    let (base, blocks) = people.split_at(BASE);
    let base = if is_large { base.to_vec() } else { Vec::new() };
    let (span, answer) = service.ask((0, 0), Method::POST, "/Groups", &group(name, &base)).await;
    let created = match answer {
        Answer::Said(201, created) => created,
        Answer::Unknown | Answer::Unsent => return None,
        Answer::Said(..) => panic!("{name} could not be created: {answer:?}"),
    };
    let blocks = blocks.chunks(BLOCK).enumerate();
    let blocks: Vec<_> =
        blocks.map(|(number, people)| Block::new(format!("block {number} of {name}"), people)).collect();
    let group = LargeGroup { id: created["id"].as_str()?.to_owned(), name: name.to_owned(), base, blocks };
    service.history.register(&group.base_key(), span, RegisterOp::Create(EVERYBODY.to_owned()));
    for block in &group.blocks {
        service.history.register(&block.key, span, RegisterOp::Create(NOBODY.to_owned()));
    }
    Some(group)
}

/// Selects others of a block by one PATCH; `name` is used once only.
pub async fn change(service: &Service, asking: Asking, group: &LargeGroup, name: &str, random: &mut Random) {
    let block = random.pick(&group.blocks);
    let (chosen, others) = block.select(name, random);
    let change = json!([{"op": "add", "path": "members", "value": refs(&chosen)},
        {"op": "remove", "path": "members", "value": refs(&others)}]);
    let path = format!("/Groups/{}", group.id);
    let (span, answer) = service.ask(asking, Method::PATCH, &path, &patch(&change)).await;
    match answer {
        Answer::Said(200 | 204, _) | Answer::Unknown => {
            service.history.register(&block.key, span, RegisterOp::Write(name.to_owned()));
        }
        Answer::Unsent => {}
        Answer::Said(status, answer) => {
            service.history.complain(format!("{} could not be changed: {status} {answer}", block.key));
        }
    }
}

/// Reads who is in a group. False if there was no answer.
pub async fn read(service: &Service, asking: Asking, group: &LargeGroup) -> bool {
    let path = format!("/Groups/{}", group.id);
    let (span, answer) = service.ask(asking, Method::GET, &path, &Value::Null).await;
    match answer {
        Answer::Said(200, read) => group.take_in(service, span, &read),
        Answer::Unsent | Answer::Unknown => return false,
        Answer::Said(status, answer) => {
            service.history.complain(format!("{} could not be read: {status} {answer}", group.name));
        }
    }
    true
}

impl LargeGroup {
    fn take_in(&self, service: &Service, span: Span, read: &Value) {
        let listed: Vec<&str> =
            read["members"].as_array().into_iter().flatten().filter_map(|it| it["value"].as_str()).collect();
        let mut members: HashSet<&str> = listed.iter().copied().collect();
        if members.len() < listed.len() {
            service.history.complain(format!("{} has members twice", self.name));
        }
        let read = |key: &str, value| service.history.register(key, span, RegisterOp::Read(Some(value)));
        for block in &self.blocks {
            read(&block.key, block.selected(&members));
        }
        let there = self.base.iter().filter(|it| members.contains(it.as_str())).count();
        let is_whole = there == self.base.len();
        read(&self.base_key(), if is_whole { EVERYBODY.to_owned() } else { format!("{there}") });
        for known in self.base.iter().chain(self.blocks.iter().flat_map(|block| &block.people)) {
            members.remove(known.as_str());
        }
        if !members.is_empty() {
            service.history.complain(format!("{} has members whom nobody has added: {members:?}", self.name));
        }
    }

    fn base_key(&self) -> String {
        format!("those who are in {} all the time", self.name)
    }
}

fn count(selection: &[bool]) -> usize {
    selection.iter().filter(|it| **it).count()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::check::{Event, Register, explain};

    /// Two PATCHes of a block, and a read of what is left.
    fn explained(left: impl Fn(&[String], &[String]) -> Vec<String>) -> Option<String> {
        let people: Vec<String> = (0..BLOCK).map(|number| format!("p{number}")).collect();
        let block = Block::new("block".to_owned(), &people);
        let mut random = Random::new(1);
        let (first, _) = block.select("first", &mut random);
        let (second, _) = block.select("second", &mut random);
        let left = left(&first, &second);
        let seen = block.selected(&left.iter().map(String::as_str).collect());
        let ops = [
            RegisterOp::Create(NOBODY.to_owned()),
            RegisterOp::Write("first".to_owned()),
            RegisterOp::Write("second".to_owned()),
            RegisterOp::Read(Some(seen)),
        ];
        let events: Vec<_> = ops.into_iter().zip(0..).map(|(op, number)| event(number, op)).collect();
        explain::<Register>(&events)
    }

    fn event(number: u64, op: RegisterOp) -> Event<RegisterOp> {
        let at = |moment| Duration::from_millis(number * 10 + moment);
        Event { client: 0, replica: 0, began: at(0), ended: Some(at(5)), op }
    }

    #[test]
    fn what_the_last_patch_has_selected_is_right() {
        assert_eq!(explained(|_, second| second.to_vec()), None);
    }

    #[test]
    fn a_patch_that_was_done_in_part_is_found() {
        let in_part = |first: &[String], second: &[String]| [&first[..1], second].concat();
        assert!(explained(in_part).unwrap().contains("as nobody has selected them"));
        let one_less = |_: &[String], second: &[String]| second[1..].to_vec();
        assert!(explained(one_less).unwrap().contains("as nobody has selected them"));
    }

    #[test]
    fn a_patch_that_was_lost_is_found() {
        assert!(explained(|first, _| first.to_vec()).unwrap().contains("read first"));
        assert!(explained(|_, _| Vec::new()).unwrap().contains("read nobody"));
    }
}
