//! What was learned of how an app departs from the standard. A restart learns it again.

use std::sync::{Mutex, PoisonError};

use super::membership::Removal;

/// What is known of one app.
#[derive(Debug, Default)]
pub struct Habits(Mutex<Learned>);

#[derive(Clone, Copy, Debug, Default)]
struct Learned {
    removal: Option<Removal>,
    members_shown: Option<MembersShown>,
    creates_without_members: bool,
}

/// When a group's members are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MembersShown {
    /// In every answer.
    Always,
    /// When `attributes` names them.
    OnRequest,
}

impl Habits {
    /// How members are known to be removed; `None` until one has been seen to go.
    pub fn removal(&self) -> Option<Removal> {
        self.learned(|learned| learned.removal)
    }

    pub fn learn_removal(&self, removal: Removal) {
        self.learned(|learned| learned.removal = Some(removal));
    }

    /// When members are shown; `None` until some have been.
    pub fn members_shown(&self) -> Option<MembersShown> {
        self.learned(|learned| learned.members_shown)
    }

    pub fn learn_members_shown(&self, shown: MembersShown) {
        self.learned(|learned| learned.members_shown = Some(shown));
    }

    /// Whether a new group may come with members.
    pub fn creates_with_members(&self) -> bool {
        self.learned(|learned| !learned.creates_without_members)
    }

    pub fn learn_to_create_without_members(&self) {
        self.learned(|learned| learned.creates_without_members = true);
    }

    fn learned<T>(&self, with: impl FnOnce(&mut Learned) -> T) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
