//! Creating and changing an object whose value is unique.

use super::{Acquire, Acquired, Answer, Ask, Held, Machine, Next, Outcome, Refusal, Text};

/// One attempt to write an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Write {
    kind: Kind,
    doing: Doing,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Create,
    /// The claim on the value that it has now, if it gets another.
    Change {
        id: Text,
        old: Option<Text>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Doing {
    Acquiring(Acquire),
    /// Reads the claim that is to be deleted afterwards.
    Noting {
        held: Held,
        old: Text,
    },
    Writing(Claims),
    /// The answer to a create was not that it is stored, for this reason.
    Looking {
        claims: Claims,
        why: Answer,
    },
    /// The last thing to do, and how it ends.
    Deleting {
        claim: Text,
        version: Text,
        then: Outcome,
    },
    Done(Outcome),
}

/// The claims that a write is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Claims {
    held: Option<Held>,
    /// Name and version of the one that is not needed any more once the object is written.
    ///
    /// The version was read while the object still had the old value. Read afterwards, it could be the one that another
    /// writer gave the claim to rename the object back, who would then lose the claim on a value that is in use.
    old: Option<(Text, Text)>,
}

impl Write {
    /// Creates an object under a new id.
    pub fn create(claim: Text, id: Text) -> Self {
        Self { kind: Kind::Create, doing: Doing::Acquiring(Acquire::new(claim, id)) }
    }

    /// Changes an object's value, and whatever else.
    pub fn rename(id: Text, claim: Text, old: Text) -> Self {
        let acquire = Acquire::new(claim, id.clone());
        Self { kind: Kind::Change { id, old: Some(old) }, doing: Doing::Acquiring(acquire) }
    }

    /// Changes an object that keeps its value.
    pub fn keep(id: Text) -> Self {
        let claims = Claims { held: None, old: None };
        Self { kind: Kind::Change { id, old: None }, doing: Doing::Writing(claims) }
    }

    fn acquired(&self, acquired: Acquired) -> Doing {
        match (acquired, &self.kind) {
            (Acquired::Held(held), Kind::Change { id: _, old: Some(old) }) => {
                Doing::Noting { held, old: old.clone() }
            }
            (Acquired::Held(held), Kind::Create | Kind::Change { id: _, old: None }) => {
                Doing::Writing(Claims { held: Some(held), old: None })
            }
            (Acquired::Taken, _) => Doing::Done(Outcome::Taken),
            (Acquired::Failed, _) => Doing::Done(Outcome::Failed),
        }
    }

    fn noted(&self, held: Held, claim: Text, answer: Answer) -> Doing {
        let old = match (answer, &self.kind) {
            (Answer::Claim(Some((holder, version))), Kind::Change { id, old: _ }) if holder == *id => {
                Some((claim, version))
            }
            // There is none, or it is another's, or can't be read: then it is left to the sweeper.
            (_, _) => None,
        };
        Doing::Writing(Claims { held: Some(held), old })
    }

    fn written(&self, claims: Claims, answer: Answer) -> Doing {
        match (&self.kind, answer) {
            (_, Answer::Stored(_)) => finished(claims),
            (Kind::Create, why @ (Answer::Refused(Refusal::Exists) | Answer::Lost)) => {
                Doing::Looking { claims, why }
            }
            (Kind::Change { .. }, Answer::Refused(Refusal::Outdated)) => {
                give_up(claims.held, Outcome::Outdated)
            }
            (_, Answer::Refused(_)) => give_up(claims.held, Outcome::Failed),
            // What may have been stored keeps its claim, so that the value stays unique.
            (_, Answer::Lost | Answer::Claim(_) | Answer::Holder(..) | Answer::Waited) => {
                Doing::Done(Outcome::Failed)
            }
        }
    }
}

fn finished(claims: Claims) -> Doing {
    match claims.old {
        Some((claim, version)) => Doing::Deleting { claim, version, then: Outcome::Stored },
        None => Doing::Done(Outcome::Stored),
    }
}

fn give_up(held: Option<Held>, then: Outcome) -> Doing {
    match held {
        Some(Held { claim, version, was_ours: false }) => Doing::Deleting { claim, version, then },
        Some(_) | None => Doing::Done(then),
    }
}

/// After a create that was refused because its id is used, or whose answer was lost.
fn looked(claims: Claims, why: &Answer, answer: Answer) -> Doing {
    match (answer, why) {
        (Answer::Stored(_), _) => finished(claims),
        // A placeholder stands there: our claim was taken over, or is about to be, because we were too slow.
        (_, Answer::Refused(_)) => Doing::Done(Outcome::Outdated),
        (_, _) => Doing::Done(Outcome::Failed),
    }
}

impl Machine for Write {
    fn next(&self) -> Next {
        Next::Ask(match &self.doing {
            Doing::Acquiring(acquire) => match acquire.next() {
                Ok(ask) => ask,
                Err(_) => return Next::End(Outcome::Failed),
            },
            Doing::Noting { held: _, old } => Ask::Claim { claim: old.clone() },
            Doing::Writing(_) => Ask::Write,
            Doing::Looking { .. } => Ask::Look,
            Doing::Deleting { claim, version, then: _ } => {
                Ask::DeleteClaim { claim: claim.clone(), version: version.clone() }
            }
            Doing::Done(outcome) => return Next::End(*outcome),
        })
    }

    fn told(mut self, answer: Answer, patient: bool) -> Self {
        let doing = std::mem::replace(&mut self.doing, Doing::Done(Outcome::Failed));
        self.doing = match doing {
            Doing::Acquiring(acquire) => {
                let acquire = acquire.told(answer, patient);
                match acquire.next() {
                    Ok(_) => Doing::Acquiring(acquire),
                    Err(acquired) => self.acquired(acquired),
                }
            }
            Doing::Noting { held, old } => self.noted(held, old, answer),
            Doing::Writing(claims) => self.written(claims, answer),
            Doing::Looking { claims, why } => looked(claims, &why, answer),
            // What could not be deleted is found by the sweeper, and by whoever wants the value next.
            Doing::Deleting { claim: _, version: _, then } => Doing::Done(then),
            Doing::Done(outcome) => Doing::Done(outcome),
        };
        self
    }
}
