//! What a writer does, call by call.

use rollcall::store::claims::protocol::{self, Answer, Ask, Machine, Next, Orphan, Outcome, Retire, Text};

use super::{
    server::{Names, Server, Write, each, text, version},
    wrong::Wrong,
};

/// What a writer does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Doing {
    Write(protocol::Write),
    Retire(Retire),
    Sweep(Orphan),
}

/// An operation under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Writer {
    pub doing: Doing,
    pub write: Write,
    /// What is done afterwards, in a protocol that has its order wrong.
    then: Option<Retire>,
    /// Whether the write has taken effect.
    pub done: bool,
}

impl Doing {
    pub fn next(&self) -> Next {
        match self {
            Self::Write(machine) => machine.next(),
            Self::Retire(machine) => machine.next(),
            Self::Sweep(machine) => machine.next(),
        }
    }

    pub fn told(self, answer: Answer, patient: bool) -> Self {
        match self {
            Self::Write(machine) => Self::Write(machine.told(answer, patient)),
            Self::Retire(machine) => Self::Retire(machine.told(answer, patient)),
            Self::Sweep(machine) => Self::Sweep(machine.told(answer, patient)),
        }
    }
}

impl Writer {
    fn new(doing: Doing, write: Write) -> Self {
        Self { doing, write, then: None, done: false }
    }

    pub fn create(id: u8, names: Names) -> Self {
        let write = protocol::Write::create(text(id), claims(names));
        Self::new(Doing::Write(write), Write::Create { id, names })
    }

    pub fn sweep(server: &Server, claim: u8) -> Option<Self> {
        let listed = server.claims[usize::from(claim)]?;
        let orphan = Orphan::new(text(claim), text(listed.version), text(listed.holder));
        Some(Self::new(Doing::Sweep(orphan), Write::Nothing))
    }

    pub fn rename(server: &Server, id: u8, names: Names) -> Option<Self> {
        let (old, seen) = (server.names(id)?, version(server.objects[usize::from(id)]?));
        let write = protocol::Write::change(text(id), claims(names & !old), claims(old & !names));
        Some(Self::new(Doing::Write(write), Write::Rename { id, names, seen }))
    }

    pub fn delete(server: &Server, id: u8, wrong: Wrong) -> Option<Self> {
        let (names, seen) = (server.names(id)?, version(server.objects[usize::from(id)]?));
        let (write, retire) = (Write::Delete { id, seen }, Retire::new(text(id), claims(names)));
        if wrong == Wrong::ClaimGoesBeforeItsObject {
            let first = Doing::Retire(Retire::claim_alone(text(id), claims(names).pop()?));
            return Some(Self { then: Some(retire), ..Self::new(first, write) });
        }
        Some(Self::new(Doing::Retire(retire), write))
    }

    /// Does its next call, and tells the answer. How it ended, if it has.
    pub fn step(&mut self, server: &mut Server, patient: bool, wrong: Wrong) -> Option<Outcome> {
        if let Next::Ask(ask) = self.doing.next() {
            let answer = server.call(&ask, self.write, wrong);
            self.done |= matches!((&ask, &answer), (Ask::Write, Answer::Stored(_)));
            self.told(answer, patient);
        }
        self.ended()
    }

    pub fn told(&mut self, answer: Answer, patient: bool) {
        self.doing = self.doing.clone().told(answer, patient);
        if self.doing.next() == Next::Ask(Ask::Wait) {
            self.doing = self.doing.clone().told(Answer::Waited, patient);
        }
    }

    pub fn ended(&mut self) -> Option<Outcome> {
        let Next::End(outcome) = self.doing.next() else { return None };
        let Some(then) = self.then.take() else { return Some(outcome) };
        self.doing = Doing::Retire(then);
        None
    }
}

fn claims(names: Names) -> Vec<Text> {
    each(names).map(text).collect()
}
