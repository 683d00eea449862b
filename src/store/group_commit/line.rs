//! The changes of one team that wait for a commit, in the order in which they came.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

use super::batch::TeamChange;
use crate::store::{error::StoreError, retry::Attempts, view::TeamView};

/// What a change is answered with: the team as it was stored.
pub(super) type Answer = Result<TeamView, StoreError>;

/// One team's line.
#[derive(Debug, Default)]
pub(in crate::store) struct Line(Mutex<VecDeque<Waiting>>);

/// A change in the line, and who waits for it.
pub(super) struct Waiting {
    pub(super) change: TeamChange,
    attempts: Attempts,
    answer: oneshot::Sender<Answer>,
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waiting").finish_non_exhaustive()
    }
}

impl Line {
    /// Puts a change at the end of the line. Its answer comes from a commit.
    pub(super) fn join(&self, change: TeamChange) -> oneshot::Receiver<Answer> {
        let (answer, answered) = oneshot::channel();
        self.lock().push_back(Waiting { change, attempts: Attempts::default(), answer });
        answered
    }

    /// The first whose answer somebody still waits for.
    pub(super) fn next(&self) -> Option<Waiting> {
        let mut line = self.lock();
        while let Some(first) = line.pop_front() {
            if !first.answer.is_closed() {
                return Some(first);
            }
        }
        None
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Puts changes back to where they came from, in their order.
    pub(super) fn put_back(&self, changes: impl DoubleEndedIterator<Item = Waiting>) {
        let mut line = self.lock();
        for waiting in changes.rev() {
            line.push_front(waiting);
        }
    }

    /// Answers everybody with the same failure.
    pub(super) fn fail(&self, error: &StoreError) {
        let all = std::mem::take(&mut *self.lock());
        for waiting in all {
            waiting.answer(Err(error.clone()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        // Each change of it is one push or pop.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Whoever asked may have gone.
    pub(super) fn answer(self, answer: Answer) {
        let _ = self.answer.send(answer);
    }

    /// Itself, to be stored without others.
    pub(super) fn alone(mut self) -> Self {
        self.change.alone = true;
        self
    }

    /// Itself, if a lost compare-and-swap may be tried again for it; otherwise it is answered.
    pub(super) fn patient(self) -> Option<Self> {
        match self.attempts.check_conflict() {
            Ok(()) => Some(self),
            Err(error) => {
                self.answer(Err(error));
                None
            }
        }
    }
}
