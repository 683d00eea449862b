//! Deleting an object whose value is unique.

use super::{Answer, Ask, Machine, Next, Outcome, Refusal, Text};

/// Marks an object as deleted, or only gives up its claim when that has happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Retire {
    id: Text,
    claim: Text,
    doing: Doing,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Doing {
    Marking,
    Reading,
    Deleting { version: Text },
    Done(Outcome),
}

impl Retire {
    /// Deletes exactly the version of the object that was looked at: a rename under way would leave its claim behind.
    pub fn new(id: Text, claim: Text) -> Self {
        Self { id, claim, doing: Doing::Marking }
    }

    /// Deletes only the claim, of an object that is gone or about which its owner says that it doesn't use the value.
    pub fn claim_alone(id: Text, claim: Text) -> Self {
        Self { id, claim, doing: Doing::Reading }
    }
}

impl Machine for Retire {
    fn next(&self) -> Next {
        let claim = self.claim.clone();
        Next::Ask(match &self.doing {
            Doing::Marking => Ask::Write,
            Doing::Reading => Ask::Claim { claim },
            Doing::Deleting { version } => Ask::DeleteClaim { claim, version: version.clone() },
            Doing::Done(outcome) => return Next::End(*outcome),
        })
    }

    fn told(mut self, answer: Answer, _: bool) -> Self {
        self.doing = match (self.doing, answer) {
            (Doing::Marking, Answer::Stored(_)) => Doing::Reading,
            (Doing::Marking, Answer::Refused(Refusal::Outdated)) => Doing::Done(Outcome::Outdated),
            (Doing::Marking, _) => Doing::Done(Outcome::Failed),
            (Doing::Reading, Answer::Claim(Some((holder, version)))) if holder == self.id => {
                Doing::Deleting { version }
            }
            // There is nothing to be given up, or it could not be: then it is left to the sweeper.
            (Doing::Reading | Doing::Deleting { .. }, _) => Doing::Done(Outcome::Stored),
            (Doing::Done(outcome), _) => Doing::Done(outcome),
        };
        self
    }
}
