//! As much of an API server as the claim protocol sees: claims, objects, versions, compare-and-swap.

use rollcall::store::claims::protocol::{Answer, Ask, Holder, Refusal, Text};

use super::wrong::Wrong;

/// A set of names, a bit for each: what an object uses.
pub type Names = u8;

/// How many names there are.
pub const NAMES: usize = 3;

/// How many ids there are: more than the writers use.
pub const IDS: usize = 7;

/// A claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Claim {
    pub holder: u8,
    pub version: u8,
}

/// An object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Object {
    Live {
        names: Names,
        version: u8,
    },
    /// Marked as deleted; its finalizer keeps it.
    Marked {
        version: u8,
    },
    Placeholder {
        version: u8,
    },
}

/// What an operation writes when its machine says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Write {
    Create { id: u8, names: Names },
    Rename { id: u8, names: Names, seen: u8 },
    Delete { id: u8, seen: u8 },
    Nothing,
}

/// The stored state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Server {
    pub claims: [Option<Claim>; NAMES],
    /// Versions never come back, even if a claim is deleted and made again.
    pub last: [u8; NAMES],
    pub objects: [Option<Object>; IDS],
}

/// Names of claims, ids and versions are short texts.
pub fn text(number: u8) -> Text {
    number.to_string().into()
}

pub fn number(text: &Text) -> u8 {
    text.parse().unwrap()
}

/// The names in a set.
pub fn each(names: Names) -> impl Iterator<Item = u8> {
    (0..NAMES as u8).filter(move |name| has(names, *name))
}

pub fn has(names: Names, name: u8) -> bool {
    names & only(name) != 0
}

pub fn only(name: u8) -> Names {
    1 << name
}

impl Server {
    /// The names of a live object.
    pub fn names(&self, id: u8) -> Option<u8> {
        match self.objects[usize::from(id)] {
            Some(Object::Live { names, .. }) => Some(names),
            _ => None,
        }
    }

    /// Ids and names of live objects.
    pub fn live(&self) -> impl Iterator<Item = (u8, u8)> + '_ {
        (0..IDS as u8).filter_map(|id| Some((id, self.names(id)?)))
    }

    /// Each name that is used, and by whom.
    pub fn used(&self) -> impl Iterator<Item = (u8, u8)> + '_ {
        self.live().flat_map(|(id, names)| each(names).map(move |name| (id, name)))
    }

    /// Does what is asked.
    pub fn call(&mut self, ask: &Ask, write: Write, wrong: Wrong) -> Answer {
        match ask {
            Ask::Claim { claim } => {
                let found = self.claims[index(claim)];
                Answer::Claim(found.map(|it| (text(it.holder), text(it.version))))
            }
            Ask::CreateClaim { claim, holder } => match self.claims[index(claim)] {
                None => self.write_claim(index(claim), number(holder)),
                Some(_) => Answer::Refused(Refusal::Exists),
            },
            Ask::SwapClaim { claim, holder, version } => {
                let (at, holder) = (index(claim), number(holder));
                match self.claims[at] {
                    Some(it) if wrong == Wrong::HeldClaimIsNotWritten && it.holder == holder => {
                        Answer::Stored(text(it.version))
                    }
                    Some(it) if it.version == number(version) || wrong == Wrong::ClaimsWithoutVersion => {
                        self.write_claim(at, holder)
                    }
                    _ => Answer::Refused(Refusal::Outdated),
                }
            }
            Ask::DeleteClaim { claim, version } => {
                let at = index(claim);
                let unnoted = wrong == Wrong::OldClaimIsReadAfterTheSwap;
                let ours = |it: Claim| match write {
                    Write::Rename { id, names, .. } => unnoted && !has(names, at as u8) && it.holder == id,
                    _ => false,
                };
                match self.claims[at] {
                    Some(it) if it.version == number(version) || ours(it) => {
                        self.claims[at] = None;
                        Answer::Stored(version.clone())
                    }
                    _ => Answer::Refused(Refusal::Outdated),
                }
            }
            Ask::Holder { id, claim } => self.holder(number(id), number(claim), wrong),
            Ask::Placeholder { id } => match &mut self.objects[index(id)] {
                free @ None => stored(free, Object::Placeholder { version: 1 }),
                Some(_) => Answer::Refused(Refusal::Exists),
            },
            Ask::Touch { id, version } => match &mut self.objects[index(id)] {
                Some(Object::Live { version: at, .. }) if *at == number(version) => {
                    if wrong != Wrong::HoldersAreNotTouched {
                        *at += 1;
                    }
                    Answer::Stored(text(*at))
                }
                _ => Answer::Refused(Refusal::Outdated),
            },
            Ask::Write => self.write(write, wrong),
            Ask::Look => match write {
                Write::Create { id, .. } if self.names(id).is_some() => Answer::Stored(text(1)),
                _ => Answer::Lost,
            },
            Ask::Wait => Answer::Waited,
        }
    }

    fn write(&mut self, write: Write, wrong: Wrong) -> Answer {
        match write {
            Write::Create { id, names } => match &mut self.objects[usize::from(id)] {
                free @ None => stored(free, Object::Live { names, version: 1 }),
                Some(_) => Answer::Refused(Refusal::Exists),
            },
            Write::Rename { id, names, seen } => match &mut self.objects[usize::from(id)] {
                Some(Object::Live { version, names: now })
                    if *version == seen || wrong == Wrong::ObjectsWithoutVersion =>
                {
                    (*now, *version) = (names, *version + 1);
                    Answer::Stored(text(*version))
                }
                _ => Answer::Refused(Refusal::Outdated),
            },
            Write::Delete { id, seen } => match &mut self.objects[usize::from(id)] {
                Some(object @ Object::Live { .. }) if version(*object) == seen => {
                    *object = Object::Marked { version: seen + 1 };
                    Answer::Stored(text(seen + 1))
                }
                _ => Answer::Refused(Refusal::Outdated),
            },
            Write::Nothing => Answer::Lost,
        }
    }

    fn write_claim(&mut self, at: usize, holder: u8) -> Answer {
        self.last[at] += 1;
        self.claims[at] = Some(Claim { holder, version: self.last[at] });
        Answer::Stored(text(self.last[at]))
    }

    fn holder(&self, id: u8, claim: u8, wrong: Wrong) -> Answer {
        let object = self.objects[usize::from(id)];
        let holder = match object {
            None if wrong == Wrong::NoPlaceholder => Holder::Gone,
            None => Holder::Missing,
            Some(Object::Live { names, .. }) if has(names, claim) => Holder::UsesIt,
            Some(Object::Live { .. }) => Holder::UsesAnother,
            Some(Object::Marked { .. }) => Holder::Deleting,
            Some(Object::Placeholder { .. }) => Holder::Placeholder,
        };
        Answer::Holder(holder, object.map(|it| text(version(it))))
    }
}

pub fn version(object: Object) -> u8 {
    match object {
        Object::Live { version, .. } | Object::Marked { version } | Object::Placeholder { version } => {
            version
        }
    }
}

fn stored(place: &mut Option<Object>, object: Object) -> Answer {
    *place = Some(object);
    Answer::Stored(text(version(object)))
}

fn index(text: &Text) -> usize {
    usize::from(number(text))
}
