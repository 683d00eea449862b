//! Getting a claim, before its value is used.

use super::{Answer, Ask, Held, Holder, Refusal, Text, fence};

/// Gets a claim for an object. To be begun before each attempt to write that value to the object, after the object
/// was read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Acquire {
    claim: Text,
    id: Text,
    /// The version in which the claim was read *before* its holder was fenced: the one that must be swapped.
    fenced: Option<Text>,
    doing: Doing,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Doing {
    /// Nearly every value is nobody's, so this comes first; whose it is otherwise, is then read.
    Creating,
    Reading,
    /// Writes the claim, expecting the version that was read.
    Swapping {
        version: Text,
        was_ours: bool,
    },
    /// Looks at who holds it.
    Looking {
        holder: Text,
        version: Text,
    },
    Waiting,
    Fencing(Ask),
    Done(Acquired),
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Acquired {
    /// It is ours.
    Held(Held),
    /// Somebody else uses the value of this claim.
    Taken(Text),
    /// The API server could not be asked.
    Failed,
}

/// What to do about the claim of somebody who was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Taken,
    TakeOver,
    Wait,
    Fence,
}

/// `patient` is whether a holder that doesn't use it yet is still waited for; `fenced` is whether we have fenced this
/// holder, and the claim has not been written since we read it before.
fn step(holder: Holder, patient: bool, fenced: bool) -> Step {
    match holder {
        Holder::UsesIt => Step::Taken,
        Holder::Placeholder | Holder::Deleting | Holder::Gone => Step::TakeOver,
        Holder::UsesAnother if fenced => Step::TakeOver,
        Holder::UsesAnother | Holder::Missing if patient => Step::Wait,
        Holder::UsesAnother | Holder::Missing => Step::Fence,
    }
}

impl Acquire {
    /// Nothing is asked yet.
    pub fn new(claim: Text, id: Text) -> Self {
        Self { claim, id, fenced: None, doing: Doing::Creating }
    }

    /// The next call, or how it ended.
    pub fn next(&self) -> Result<Ask, Acquired> {
        let claim = self.claim.clone();
        Ok(match &self.doing {
            Doing::Reading => Ask::Claim { claim },
            Doing::Creating => Ask::CreateClaim { claim, holder: self.id.clone() },
            Doing::Swapping { version, was_ours: _ } => {
                Ask::SwapClaim { claim, holder: self.id.clone(), version: version.clone() }
            }
            Doing::Looking { holder, version: _ } => Ask::Holder { id: holder.clone(), claim },
            Doing::Waiting => Ask::Wait,
            Doing::Fencing(ask) => ask.clone(),
            Doing::Done(acquired) => return Err(acquired.clone()),
        })
    }

    /// Goes on with the answer to it.
    #[must_use]
    pub fn told(mut self, answer: Answer, patient: bool) -> Self {
        let doing = std::mem::replace(&mut self.doing, Doing::Done(Acquired::Failed));
        self.doing = match (doing, answer) {
            (Doing::Reading, Answer::Claim(None)) => Doing::Creating,
            (Doing::Reading, Answer::Claim(Some((holder, version)))) if holder == self.id => {
                Doing::Swapping { version, was_ours: true }
            }
            (Doing::Reading, Answer::Claim(Some((holder, version)))) => Doing::Looking { holder, version },
            (Doing::Looking { holder: id, version }, Answer::Holder(holder, seen)) => {
                match step(holder, patient, self.fenced.as_ref() == Some(&version)) {
                    Step::Taken => Doing::Done(Acquired::Taken(self.claim.clone())),
                    Step::TakeOver => Doing::Swapping { version, was_ours: false },
                    Step::Wait => Doing::Waiting,
                    Step::Fence => {
                        self.fenced = Some(version);
                        fence(&id, holder, seen).map_or(Doing::Reading, Doing::Fencing)
                    }
                }
            }
            (Doing::Creating, Answer::Stored(version)) => self.held(version, false),
            (Doing::Swapping { was_ours, version: _ }, Answer::Stored(version)) => {
                self.held(version, was_ours)
            }
            // Somebody else was faster, or the holder has come to be or changed in the meantime, which is as good as our
            // own write to it: to be looked at again.
            (Doing::Fencing(_), Answer::Stored(_))
            | (Doing::Creating | Doing::Fencing(Ask::Placeholder { .. }), Answer::Refused(Refusal::Exists))
            | (
                Doing::Swapping { .. } | Doing::Fencing(Ask::Touch { .. }),
                Answer::Refused(Refusal::Outdated),
            )
            | (Doing::Waiting, Answer::Waited) => Doing::Reading,
            (Doing::Done(acquired), _) => Doing::Done(acquired),
            (_, _) => Doing::Done(Acquired::Failed),
        };
        self
    }

    fn held(&self, version: Text, was_ours: bool) -> Doing {
        Doing::Done(Acquired::Held(Held { claim: self.claim.clone(), version, was_ours }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_in_use_is_never_taken_over() {
        for patient in [true, false] {
            for fenced in [true, false] {
                assert_eq!(step(Holder::UsesIt, patient, fenced), Step::Taken);
            }
        }
    }

    #[test]
    fn nobody_is_taken_over_who_could_still_go_on() {
        assert_eq!(step(Holder::Missing, false, true), Step::Fence);
        assert_eq!(step(Holder::Missing, false, false), Step::Fence);
        assert_eq!(step(Holder::UsesAnother, false, false), Step::Fence);
    }

    #[test]
    fn a_value_that_is_nobodys_takes_one_call() {
        let acquire = Acquire::new("claim".into(), "ada".into());
        assert_eq!(acquire.next(), Ok(Ask::CreateClaim { claim: "claim".into(), holder: "ada".into() }));
        let held = Held { claim: "claim".into(), version: "7".into(), was_ours: false };
        assert_eq!(acquire.told(Answer::Stored("7".into()), true).next(), Err(Acquired::Held(held)));
    }

    #[test]
    fn a_claim_we_hold_is_written_again() {
        let ours = Answer::Claim(Some(("ada".into(), "7".into())));
        let acquire = Acquire::new("claim".into(), "ada".into());
        let acquire = acquire.told(Answer::Refused(Refusal::Exists), true).told(ours, true);
        let swap = Ask::SwapClaim { claim: "claim".into(), holder: "ada".into(), version: "7".into() };
        assert_eq!(acquire.next(), Ok(swap));
    }
}
