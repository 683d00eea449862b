//! Deleting an object with values that are unique.

use super::{Answer, Ask, Machine, Next, Outcome, Refusal, Text};

/// Marks an object as deleted, or only gives up its claims when that has happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Retire {
    id: Text,
    /// The claims that are still to be given up, but the one that is being read or deleted.
    claims: Vec<Text>,
    doing: Doing,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Doing {
    Marking,
    Reading { claim: Text },
    Deleting { claim: Text, version: Text },
    Done(Outcome),
}

impl Retire {
    /// Deletes exactly the version of the object that was looked at: a rename under way would leave its claim behind.
    pub fn new(id: Text, claims: Vec<Text>) -> Self {
        Self { id, claims, doing: Doing::Marking }
    }

    /// Deletes only the claim, of an object that is gone or about which its owner says that it doesn't use the value.
    pub fn claim_alone(id: Text, claim: Text) -> Self {
        Self { id, claims: Vec::new(), doing: Doing::Reading { claim } }
    }

    fn next_claim(&mut self) -> Doing {
        self.claims.pop().map_or(Doing::Done(Outcome::Stored), |claim| Doing::Reading { claim })
    }
}

impl Machine for Retire {
    fn next(&self) -> Next {
        Next::Ask(match &self.doing {
            Doing::Marking => Ask::Write,
            Doing::Reading { claim } => Ask::Claim { claim: claim.clone() },
            Doing::Deleting { claim, version } => {
                Ask::DeleteClaim { claim: claim.clone(), version: version.clone() }
            }
            Doing::Done(outcome) => return Next::End(outcome.clone()),
        })
    }

    fn told(mut self, answer: Answer, _: bool) -> Self {
        let doing = std::mem::replace(&mut self.doing, Doing::Done(Outcome::Failed));
        self.doing = match (doing, answer) {
            (Doing::Marking, Answer::Stored(_)) => self.next_claim(),
            (Doing::Marking, Answer::Refused(Refusal::Outdated)) => Doing::Done(Outcome::Outdated),
            (Doing::Marking, _) => Doing::Done(Outcome::Failed),
            (Doing::Reading { claim }, Answer::Claim(Some((holder, version)))) if holder == self.id => {
                Doing::Deleting { claim, version }
            }
            // There is nothing to be given up, or it could not be: then it is left to the sweeper.
            (Doing::Reading { .. } | Doing::Deleting { .. }, _) => self.next_claim(),
            (Doing::Done(outcome), _) => Doing::Done(outcome),
        };
        self
    }
}
