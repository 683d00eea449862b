//! What clients did and what they were answered, by what it was done to.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

use crate::check::{Event, NamesOp, Ownership, Register, RegisterOp, explain};

/// Everything that happened.
#[derive(Debug)]
pub struct History {
    start: Instant,
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    /// Titles, names and memberships, by whose they are.
    registers: BTreeMap<String, Vec<Event<RegisterOp>>>,
    /// Names, by the arena in which they are fought for.
    arenas: BTreeMap<usize, Vec<Event<NamesOp>>>,
    /// Who had a name, when somebody asked.
    look_ups: Vec<LookUp>,
    /// What can't be right whatever else happened.
    complaints: Vec<String>,
    answers: Answers,
}

/// How many requests there were, and how many of them were answered other than by 503.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answers {
    pub requests: usize,
    pub definite: usize,
}

#[derive(Clone, Debug)]
struct LookUp {
    arena: usize,
    span: Span,
    name: String,
    owner: Option<String>,
}

/// When a request began and ended, and whose it was.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub client: usize,
    pub replica: usize,
    pub began: Duration,
    /// `None` if nobody knows what has come of it.
    pub ended: Option<Duration>,
}

impl Answers {
    /// How many of a hundred requests since then had a definite answer.
    pub fn percent_since(self, before: Self) -> usize {
        let Self { requests, definite } = self;
        (definite - before.definite) * 100 / (requests - before.requests).max(1)
    }
}

impl Span {
    fn event<Op>(self, op: Op) -> Event<Op> {
        let Self { client, replica, began, ended } = self;
        Event { client, replica, began, ended, op }
    }
}

impl History {
    pub fn new() -> Self {
        Self { start: Instant::now(), books: Mutex::default() }
    }

    pub fn now(&self) -> Duration {
        self.start.elapsed()
    }

    pub fn count(&self, is_definite: bool) {
        let answers = &mut self.books().answers;
        answers.requests += 1;
        answers.definite += usize::from(is_definite);
    }

    pub fn answers(&self) -> Answers {
        self.books().answers
    }

    /// Something that was done to one register.
    pub fn register(&self, whose: &str, span: Span, op: RegisterOp) {
        self.books().registers.entry(whose.to_owned()).or_default().push(span.event(op));
    }

    /// Something that was done to a name in an arena.
    pub fn name(&self, arena: usize, span: Span, op: NamesOp) {
        self.books().arenas.entry(arena).or_default().push(span.event(op));
    }

    /// Somebody asked who has a name in an arena.
    pub fn looked_up(&self, arena: usize, span: Span, name: &str, owner: Option<String>) {
        let name = name.to_owned();
        self.books().look_ups.push(LookUp { arena, span, name, owner });
    }

    pub fn complain(&self, complaint: String) {
        self.books().complaints.push(complaint);
    }

    /// Everything that can't be explained, for people to read.
    pub fn judge(&self) -> Vec<String> {
        let mut books = self.books();
        books.spread_look_ups();
        let mut found = books.complaints.clone();
        for (whose, events) in &books.registers {
            let told = explain::<Register>(events);
            found.extend(told.map(|it| format!("this history of {whose} can't be explained:\n{it}")));
        }
        for (arena, events) in &books.arenas {
            let told = explain::<Ownership>(events);
            found.extend(told.map(|it| format!("this history of arena {arena} can't be explained:\n{it}")));
        }
        found
    }

    /// In one line, how much there was.
    pub fn summary(&self) -> String {
        let books = self.books();
        let events: usize = books.registers.values().map(Vec::len).sum::<usize>()
            + books.arenas.values().map(Vec::len).sum::<usize>();
        format!(
            "{} requests, {} of them with a definite answer; {events} events of {} registers and {} arenas",
            books.answers.requests,
            books.answers.definite,
            books.registers.len(),
            books.arenas.len()
        )
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap()
    }
}

impl Books {
    /// What a look-up says of each who was there, or may have been: that they had the name, or had not.
    fn spread_look_ups(&mut self) {
        for LookUp { arena, span, name, owner } in std::mem::take(&mut self.look_ups) {
            let fighters = self.arenas.get(&arena).into_iter().flatten();
            let mut fighters: Vec<String> = fighters
                .filter(|event| Some(event.began) < span.ended)
                .filter_map(|event| match &event.op {
                    NamesOp::Create { who, name: _ } => Some(who.clone()),
                    NamesOp::Rename { .. } | NamesOp::Delete { .. } | NamesOp::Taken { .. } => None,
                })
                .collect();
            fighters.extend(owner.clone().filter(|owner| !fighters.contains(owner)));
            for fighter in fighters {
                let has_it = owner.as_ref() == Some(&fighter);
                let op = if has_it {
                    RegisterOp::Read(Some(name.clone()))
                } else {
                    RegisterOp::ReadOther(name.clone())
                };
                self.registers.entry(fighter).or_default().push(span.event(op));
            }
        }
    }
}
