//! Creating and changing an object with values that are unique.

use super::{Acquire, Acquired, Answer, Ask, Held, Machine, Next, Outcome, Refusal, Text};

/// One attempt to write an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Write {
    kind: Kind,
    id: Text,
    /// The claims that are still to be got; the next one is the last.
    wanted: Vec<Text>,
    held: Vec<Held>,
    /// The claims on values that the object has now and won't have; the next one to be noted is the last.
    needless: Vec<Text>,
    /// Those that are to be deleted once the object is written.
    ///
    /// Their versions were read while the object still had the old values. Read afterwards, one could be that which
    /// another writer gave the claim to rename the object back, who would then lose the claim on a value that is in use.
    old: Vec<Noted>,
    doing: Doing,
}

/// Name and version of a claim.
type Noted = (Text, Text);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Create,
    Change,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Doing {
    Acquiring(Acquire),
    /// Reads a claim that is to be deleted afterwards.
    Noting(Text),
    Writing,
    /// The answer to a create was not that it is stored, for this reason.
    Looking(Answer),
    /// The last thing to do, and how it ends.
    Deleting {
        first: Noted,
        others: Vec<Noted>,
        then: Outcome,
    },
    Done(Outcome),
}

impl Write {
    /// Creates an object under a new id, with the claims on its values.
    pub fn create(id: Text, claims: Vec<Text>) -> Self {
        Self::new(Kind::Create, id, claims, Vec::new())
    }

    /// Changes an object, with the claims on the values that it gets, and on those that it has no longer.
    pub fn change(id: Text, gained: Vec<Text>, lost: Vec<Text>) -> Self {
        Self::new(Kind::Change, id, gained, lost)
    }

    /// Claims are got in the order in which they are given.
    fn new(kind: Kind, id: Text, mut wanted: Vec<Text>, mut needless: Vec<Text>) -> Self {
        wanted.reverse();
        needless.reverse();
        let (held, old, doing) = (Vec::new(), Vec::new(), Doing::Writing);
        let mut write = Self { kind, id, wanted, held, needless, old, doing };
        write.doing = write.prepare();
        write
    }

    /// What comes next before the object can be written: all claims are got before one is noted.
    fn prepare(&mut self) -> Doing {
        if let Some(claim) = self.wanted.pop() {
            return Doing::Acquiring(Acquire::new(claim, self.id.clone()));
        }
        self.needless.pop().map_or(Doing::Writing, Doing::Noting)
    }

    fn acquired(&mut self, acquired: Acquired) -> Doing {
        match acquired {
            Acquired::Held(held) => {
                self.held.push(held);
                self.prepare()
            }
            Acquired::Taken(claim) => self.give_up(Outcome::Taken(claim)),
            Acquired::Failed => self.give_up(Outcome::Failed),
        }
    }

    fn noted(&mut self, claim: Text, answer: Answer) -> Doing {
        match answer {
            Answer::Claim(Some((holder, version))) if holder == self.id => self.old.push((claim, version)),
            // There is none, or it is another's, or can't be read: then it is left to the sweeper.
            _ => {}
        }
        self.prepare()
    }

    fn written(&mut self, answer: Answer) -> Doing {
        match (self.kind, answer) {
            (_, Answer::Stored(_)) => self.finish(),
            (Kind::Create, why @ (Answer::Refused(Refusal::Exists) | Answer::Lost)) => Doing::Looking(why),
            (Kind::Change, Answer::Refused(Refusal::Outdated)) => self.give_up(Outcome::Outdated),
            (_, Answer::Refused(_)) => self.give_up(Outcome::Failed),
            // What may have been stored keeps its claims, so that its values stay unique.
            (_, Answer::Lost | Answer::Claim(_) | Answer::Holder(..) | Answer::Waited) => {
                Doing::Done(Outcome::Failed)
            }
        }
    }

    /// After a create that was refused because its id is used, or whose answer was lost.
    fn looked(&mut self, why: &Answer, answer: &Answer) -> Doing {
        match (answer, why) {
            (Answer::Stored(_), _) => self.finish(),
            // A placeholder stands there: a claim was taken over, or is about to be, because we were too slow.
            (_, Answer::Refused(_)) => Doing::Done(Outcome::Outdated),
            (_, _) => Doing::Done(Outcome::Failed),
        }
    }

    fn finish(&mut self) -> Doing {
        delete(std::mem::take(&mut self.old), Outcome::Stored)
    }

    /// What was ours before stays.
    fn give_up(&mut self, then: Outcome) -> Doing {
        let held = std::mem::take(&mut self.held).into_iter();
        delete(held.filter(|it| !it.was_ours).map(|it| (it.claim, it.version)).collect(), then)
    }
}

fn delete(mut claims: Vec<Noted>, then: Outcome) -> Doing {
    match claims.pop() {
        Some(first) => Doing::Deleting { first, others: claims, then },
        None => Doing::Done(then),
    }
}

impl Machine for Write {
    fn next(&self) -> Next {
        Next::Ask(match &self.doing {
            Doing::Acquiring(acquire) => match acquire.next() {
                Ok(ask) => ask,
                Err(_) => return Next::End(Outcome::Failed),
            },
            Doing::Noting(claim) => Ask::Claim { claim: claim.clone() },
            Doing::Writing => Ask::Write,
            Doing::Looking(_) => Ask::Look,
            Doing::Deleting { first: (claim, version), others: _, then: _ } => {
                Ask::DeleteClaim { claim: claim.clone(), version: version.clone() }
            }
            Doing::Done(outcome) => return Next::End(outcome.clone()),
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
            Doing::Noting(claim) => self.noted(claim, answer),
            Doing::Writing => self.written(answer),
            Doing::Looking(why) => self.looked(&why, &answer),
            // What could not be deleted is found by the sweeper, and by whoever wants the value next.
            Doing::Deleting { first: _, others, then } => delete(others, then),
            Doing::Done(outcome) => Doing::Done(outcome),
        };
        self
    }
}
