//! What an app has of each user and team: the rows of `status.apps`, in memory while a worker runs.

use std::collections::HashMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::queue::Key;
use crate::{
    api::{AppliedState, AppliedTo},
    downstream::{Had, Has},
};

/// How long an error may be in a status. The full text is in the log.
const LONGEST_ERROR: usize = 300;

/// One app's rows.
#[derive(Debug, Default)]
pub(super) struct Rows(HashMap<Key, AppliedTo>);

/// What became of one attempt.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// The app has it as of this generation.
    Granted {
        /// What the app has.
        has: Has,
        /// As of which generation of our object.
        generation: i64,
    },
    /// The app was told to take access away.
    Revoked {
        /// What the app still has.
        has: Has,
        /// As of which generation of our object, if there still is one.
        generation: Option<i64>,
    },
    /// It did not work.
    Failed {
        /// Why.
        error: String,
        /// When it is tried again.
        retry_at: Option<Timestamp>,
    },
}

impl Rows {
    pub(super) fn get(&self, key: &Key) -> Option<&AppliedTo> {
        self.0.get(key)
    }

    /// Takes a row over that a status already had.
    pub(super) fn load(&mut self, key: Key, row: AppliedTo) {
        self.0.insert(key, row);
    }

    pub(super) fn forget(&mut self, key: &Key) {
        self.0.remove(key);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &AppliedTo)> {
        self.0.iter()
    }

    /// What the app had.
    pub(super) fn had(&self, key: &Key) -> Had {
        Had { remote_id: self.get(key).and_then(|row| row.remote_id.clone()) }
    }

    /// The row after an attempt. `None` if it says the same as before.
    pub(super) fn record(
        &mut self,
        app: &str,
        key: &Key,
        outcome: Outcome,
        now: Timestamp,
    ) -> Option<AppliedTo> {
        let before = self.0.get(key);
        let had = before.and_then(|row| row.remote_id.clone());
        let revision = before.and_then(|row| row.revision);
        let (state, revision, remote_id, error, retry_at) = match outcome {
            Outcome::Granted { has, generation } => {
                (AppliedState::Granted, Some(generation), has.remote_id, None, None)
            }
            Outcome::Revoked { has, generation } => {
                (AppliedState::Revoked, generation.or(revision), has.remote_id, None, None)
            }
            Outcome::Failed { error, retry_at } => {
                let error: String = error.chars().take(LONGEST_ERROR).collect();
                (AppliedState::Failing, revision, had, Some(error), retry_at.map(Time))
            }
        };
        let since = match before {
            Some(before) if before.state == state => before.since.clone(),
            Some(_) | None => Time(now),
        };
        let row = AppliedTo { name: app.to_owned(), state, revision, since, remote_id, error, retry_at };
        if before == Some(&row) {
            return None;
        }
        self.0.insert(key.clone(), row.clone());
        Some(row)
    }
}
