//! What an app has of each user and team: the rows of `status.apps`, in memory while a worker runs.

use std::collections::HashMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::queue::Key;
use crate::{
    api::{AppliedState, AppliedTo, ForwardedPassword},
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
        /// What became of a password, if one was offered.
        password: Option<ForwardedPassword>,
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

    /// Takes over what another worker knew, which is newer than what was loaded.
    pub(super) fn take_over(&mut self, newer: Self) {
        self.0.extend(newer.0);
    }

    pub(super) fn forget(&mut self, key: &Key) {
        self.0.remove(key);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &AppliedTo)> {
        self.0.iter()
    }

    /// What the app had.
    pub(super) fn had(&self, key: &Key) -> Had {
        self.get(key).map_or_else(Had::default, |row| Had {
            remote_id: row.remote_id.clone(),
            attributes: row.attributes.clone(),
        })
    }

    /// Takes in what became of an attempt.
    pub(super) fn record(&mut self, app: &str, key: &Key, outcome: Outcome, now: Timestamp) {
        let before = self.0.get(key);
        let answered = match &outcome {
            Outcome::Granted { password, .. } => password.clone(),
            Outcome::Revoked { .. } | Outcome::Failed { .. } => None,
        };
        let revision = before.and_then(|row| row.revision);
        let (state, revision, has, error, retry_at) = match outcome {
            Outcome::Granted { has, generation, password: _ } => {
                (AppliedState::Granted, Some(generation), has, None, None)
            }
            Outcome::Revoked { has, generation } => {
                (AppliedState::Revoked, generation.or(revision), has, None, None)
            }
            Outcome::Failed { error, retry_at } => {
                let error: String = error.chars().take(LONGEST_ERROR).collect();
                let Had { remote_id, attributes } = self.had(key);
                let has = Has { remote_id, attributes, changed: false, password: None };
                (AppliedState::Failing, revision, has, Some(error), retry_at.map(as_shown))
            }
        };
        let Has { remote_id, attributes, changed: _, password: _ } = has;
        // Another account, or none, has no password of ours.
        let known = before.filter(|row| remote_id.is_some() && row.remote_id == remote_id);
        let password = answered.or_else(|| known.and_then(|row| row.password.clone()));
        let since = match before {
            Some(before) if before.state == state => before.since.clone(),
            Some(_) | None => as_shown(now),
        };
        let name = app.to_owned();
        let row =
            AppliedTo { name, state, revision, since, remote_id, attributes, password, error, retry_at };
        self.0.insert(key.clone(), row);
    }
}

/// A time as a status has it, in whole seconds, so that a row is equal to itself once it was read back.
fn as_shown(time: Timestamp) -> Time {
    Time(Timestamp::from_second(time.as_second()).unwrap_or(time))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

    use super::*;
    use crate::api::ForwardingState;

    fn granted(remote_id: &str, password: Option<ForwardedPassword>) -> Outcome {
        let has = Has { remote_id: Some(remote_id.to_owned()), ..Has::default() };
        Outcome::Granted { has, generation: 1, password }
    }

    #[test]
    fn a_row_remembers_the_password_of_an_account_until_there_is_another_account() {
        let (mut rows, key, now) = (Rows::default(), Key::User("ada".to_owned()), Timestamp::now());
        let password = ForwardedPassword {
            state: ForwardingState::Forwarded,
            revision: "1".to_owned(),
            until: MicroTime(now),
            error: None,
        };
        let mut after = |outcome| {
            rows.record("chat", &key, outcome, now);
            rows.get(&key).unwrap().password.clone()
        };
        assert_eq!(after(granted("7", Some(password.clone()))), Some(password.clone()));
        assert_eq!(after(granted("7", None)), Some(password.clone()));
        let failed = Outcome::Failed { error: "no".to_owned(), retry_at: None };
        assert_eq!(after(failed), Some(password));
        assert_eq!(after(granted("8", None)), None);
    }

    #[test]
    fn a_row_is_the_same_when_it_was_read_back() {
        let (mut rows, key) = (Rows::default(), Key::User("ada".to_owned()));
        let now: Timestamp = "2026-11-23T18:00:00.123456789Z".parse().unwrap();
        let failed = Outcome::Failed { error: "no".to_owned(), retry_at: Some(now) };
        for outcome in [granted("7", None), failed] {
            rows.record("chat", &key, outcome, now);
            let row = rows.get(&key).unwrap();
            let read: AppliedTo = serde_json::from_str(&serde_json::to_string(row).unwrap()).unwrap();
            assert_eq!(read, *row);
        }
    }
}
