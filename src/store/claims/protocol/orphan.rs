//! Deleting what a crash has left: a claim whose holder doesn't use it, or a slice that its team doesn't name.

use super::{Answer, Ask, Holder, Machine, Next, Outcome, Refusal, Text, fence};

/// Deletes a claim (or slice) in the version in which it was listed, unless its holder uses it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Orphan {
    claim: Text,
    version: Text,
    holder: Text,
    doing: Doing,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Doing {
    Looking,
    Fencing(Ask),
    /// Whether it came to be used before we fenced.
    LookingAgain,
    Deleting,
    Done(Outcome),
}

impl Orphan {
    /// `version` is the one in which the claim named `holder`.
    pub fn new(claim: Text, version: Text, holder: Text) -> Self {
        Self { claim, version, holder, doing: Doing::Looking }
    }
}

/// [`Outcome::Taken`] means that it is used and stays.
impl Machine for Orphan {
    fn next(&self) -> Next {
        Next::Ask(match &self.doing {
            Doing::Looking | Doing::LookingAgain => {
                Ask::Holder { id: self.holder.clone(), claim: self.claim.clone() }
            }
            Doing::Fencing(ask) => ask.clone(),
            Doing::Deleting => Ask::DeleteClaim { claim: self.claim.clone(), version: self.version.clone() },
            Doing::Done(outcome) => return Next::End(outcome.clone()),
        })
    }

    fn told(mut self, answer: Answer, _: bool) -> Self {
        self.doing = match (self.doing, answer) {
            (Doing::Looking | Doing::LookingAgain, Answer::Holder(Holder::UsesIt, _)) => {
                Doing::Done(Outcome::Taken(self.claim.clone()))
            }
            (Doing::Looking, Answer::Holder(holder, seen)) => {
                fence(&self.holder, holder, seen).map_or(Doing::Deleting, Doing::Fencing)
            }
            // A write by somebody else is as good as ours.
            (Doing::Fencing(_), Answer::Stored(_))
            | (Doing::Fencing(Ask::Placeholder { .. }), Answer::Refused(Refusal::Exists))
            | (Doing::Fencing(Ask::Touch { .. }), Answer::Refused(Refusal::Outdated)) => Doing::LookingAgain,
            (Doing::LookingAgain, Answer::Holder(..)) => Doing::Deleting,
            (Doing::Deleting, Answer::Stored(_)) => Doing::Done(Outcome::Stored),
            (Doing::Deleting, Answer::Refused(Refusal::Outdated)) => Doing::Done(Outcome::Outdated),
            (Doing::Done(outcome), _) => Doing::Done(outcome),
            (_, _) => Doing::Done(Outcome::Failed),
        };
        self
    }
}
