//! What to do about one token of a tenant. Pure.
//!
//! The status is written before the Secret, always: a Secret's token counts only if the status knows its hash, so a
//! value that a person puts there is never accepted. If we die between the two writes, the status has the hash of
//! a token that nobody ever saw; the Secret does not fit, and a new one is issued.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::Time};

use super::{
    report::{Note, Problem},
    secret::{Carries, Found, Template, is_name},
};
use crate::{
    api::{PreviousToken, TokenSpec, TokenStatus},
    store::{Token, token::NoRandomness},
};

/// How long a rotated token still works unless `rotationOverlap` says otherwise.
const DEFAULT_OVERLAP: Duration = Duration::from_hours(24);

/// What is known of one token.
pub(super) struct Case<'a> {
    pub(super) spec: &'a TokenSpec,
    /// The name that its Secret should have.
    pub(super) secret_name: String,
    /// What is under that name.
    pub(super) found: &'a Found,
    /// What is under the name in its row, if that is another one.
    pub(super) found_before: Option<&'a Found>,
    pub(super) row: Option<&'a TokenStatus>,
    /// Whether a person asked to rotate this very token.
    pub(super) rotate: bool,
    /// Another token of this tenant that wants the same Secret and comes first.
    pub(super) rival: Option<&'a str>,
    pub(super) now: Timestamp,
}

/// What becomes of one token.
#[derive(Default)]
pub(super) struct Outcome {
    /// Its row in the status; none if it has no token.
    pub(super) row: Option<TokenStatus>,
    /// Its Secret, if that must be written.
    pub(super) write: Option<Secret>,
    /// Whether the Secret carries what the row says, as far as was seen.
    pub(super) delivered: bool,
    pub(super) problem: Option<Problem>,
    pub(super) note: Option<Note>,
}

pub(super) type Issue<'a> = &'a mut dyn FnMut() -> Result<Token, NoRandomness>;

impl Case<'_> {
    /// Decides. `issue` is called at most once.
    pub(super) fn decide(&self, template: &Template<'_>, issue: Issue<'_>) -> Result<Outcome, NoRandomness> {
        if let Some(problem) = self.problem() {
            return Ok(self.blocked(problem));
        }
        let existing = match self.found {
            Found::Ours(secret) => Some(secret.as_ref()),
            Found::Missing | Found::Foreign => None,
        };
        let settled = existing.zip(self.row).filter(|(secret, row)| !self.rotate && fits(secret, row));
        if let Some((secret, row)) = settled {
            let row = TokenStatus { secret_name: self.secret_name.clone(), ..self.current(row) };
            let write = template.repaired(secret, &row, self.spec.retention.unwrap_or_default());
            return Ok(Outcome { row: Some(row), write, delivered: true, ..Outcome::default() });
        }
        let token = issue()?;
        let previous = existing.zip(self.row).and_then(|(secret, row)| self.previous(secret, row));
        let write = template.with_token(&self.secret_name, &self.spec.name, &token, existing);
        let note = self.note(previous.is_some());
        Ok(Outcome {
            row: Some(self.issued(&token, previous)),
            write: Some(write),
            note: Some(note),
            ..Outcome::default()
        })
    }

    /// Why no token can be put where it should be.
    fn problem(&self) -> Option<Problem> {
        let (token, secret) = (&self.spec.name, &self.secret_name);
        if !is_name(secret) {
            return Some(Problem::invalid_secret_name(token, secret));
        }
        if let Some(rival) = self.rival {
            return Some(Problem::secret_name_taken(token, secret, rival));
        }
        match self.found {
            Found::Foreign => Some(Problem::secret_not_owned(token, secret)),
            Found::Missing | Found::Ours(_) => None,
        }
    }

    /// A token that is to move to a Secret which is not ours keeps working where it is. One whose own Secret is gone
    /// is revoked, as always.
    fn blocked(&self, problem: Problem) -> Outcome {
        let kept = match (self.row, self.found_before) {
            (Some(row), Some(Found::Ours(secret))) if fits(secret, row) => Some(self.current(row)),
            _ => None,
        };
        Outcome { delivered: kept.is_some(), row: kept, problem: Some(problem), ..Outcome::default() }
    }

    /// The row of a token that stays: times follow the spec, and an old token that has expired is dropped.
    fn current(&self, row: &TokenStatus) -> TokenStatus {
        let mut row = row.clone();
        row.expires_at = row.issued_at.as_ref().and_then(|issued| self.expiry(issued.0));
        row.previous =
            row.previous.filter(|old| old.expires_at.as_ref().is_none_or(|expiry| expiry.0 > self.now));
        row
    }

    /// The old token that goes on working beside the new one: after a rotation, and after one that was interrupted between
    /// its two writes, in which case the Secret still carries the old token. In every other case somebody took the
    /// token away or put something else in its place, and what it was must stop.
    fn previous(&self, secret: &Secret, row: &TokenStatus) -> Option<PreviousToken> {
        let (Carries::Token(carried) | Carries::Hash(carried)) = Carries::of(secret) else { return None };
        if row.secret_name != self.secret_name {
            return None;
        }
        if self.rotate && carried == row.hash {
            let overlap = self.spec.rotation_overlap.as_ref().map_or(DEFAULT_OVERLAP, positive);
            let end = later(self.now, overlap);
            let end = row.expires_at.as_ref().map_or(end, |expiry| expiry.0.min(end));
            let previous = PreviousToken { hash: row.hash.clone(), expires_at: Some(Time(end)) };
            return Some(previous).filter(|_| end > self.now);
        }
        row.previous.clone().filter(|old| old.hash == carried)
    }

    fn issued(&self, token: &Token, previous: Option<PreviousToken>) -> TokenStatus {
        TokenStatus {
            name: self.spec.name.clone(),
            secret_name: self.secret_name.clone(),
            hash: token.hash(),
            issued_at: Some(Time(self.now)),
            expires_at: self.expiry(self.now),
            last_used_at: None,
            previous,
        }
    }

    fn expiry(&self, issued: Timestamp) -> Option<Time> {
        self.spec.expires_after.as_ref().map(|life| Time(later(issued, positive(life))))
    }

    fn note(&self, has_previous: bool) -> Note {
        let (token, secret) = (self.spec.name.clone(), self.secret_name.clone());
        match self.row {
            _ if has_previous || self.rotate => Note::Rotated { token, secret },
            Some(_) => Note::Replaced { token, secret },
            None => Note::Issued { token, secret },
        }
    }
}

/// Whether the Secret carries the row's token, or the hash of a token that was picked up.
fn fits(secret: &Secret, row: &TokenStatus) -> bool {
    match Carries::of(secret) {
        Carries::Token(hash) => hash == row.hash,
        Carries::Hash(hash) => hash == row.hash && row.last_used_at.is_some(),
        Carries::Nothing => false,
    }
}

/// A negative time is none at all.
fn positive(given: &kube::core::Duration) -> Duration {
    if given.is_negative() { Duration::ZERO } else { (*given).into() }
}

/// Saturates at the end of time, which is as good as never.
fn later(time: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    let sum = time.checked_add(by).unwrap_or(Timestamp::MAX);
    crate::store::token_use::whole_seconds(sum)
}
