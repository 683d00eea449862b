//! The conditions of a tenant, as kstatus defines them. Pure.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::report::Problem;
use crate::{api::TokenStatus, store::SharedValues};

const UNIQUE_VALUES_SHARED: &str = "UniqueValuesShared";

/// From when on a token counts as expiring.
const EXPIRES_SOON: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What the conditions are derived from.
pub(super) struct Facts<'a> {
    pub(super) generation: Option<i64>,
    pub(super) now: Timestamp,
    pub(super) before: &'a [Condition],
    pub(super) suspended: bool,
    /// What only a person can put right.
    pub(super) problems: &'a [Problem],
    /// Values that must be unique and are not, when that is known.
    pub(super) shared: Option<&'a [SharedValues]>,
    /// Why the last attempt to write a Secret failed.
    pub(super) failure: Option<&'a str>,
    /// The tokens, and whether each is in its Secret.
    pub(super) tokens: &'a [(TokenStatus, bool)],
}

/// Status, reason and message of one condition.
struct Says(&'static str, &'static str, String);

impl Facts<'_> {
    /// All six, in a stable order.
    pub(super) fn conditions(&self) -> Vec<Condition> {
        [
            ("Ready", Some(self.ready())),
            ("IdentityProviderConnected", Some(self.connected())),
            ("TokensExpiring", Some(self.expiring())),
            (UNIQUE_VALUES_SHARED, self.shared.map(shared)),
            ("Reconciling", Some(self.reconciling())),
            ("Stalled", Some(self.stalled())),
        ]
        .into_iter()
        .filter_map(|(type_, says)| match says {
            Some(says) => Some(condition(type_, says, self.generation, self.now, self.before)),
            // What is not known now is as it was said before.
            None => self.before.iter().find(|before| before.type_ == type_).cloned(),
        })
        .collect()
    }

    fn ready(&self) -> Says {
        let valid = self.tokens.iter().filter(|(row, delivered)| self.is_valid(row, *delivered)).count();
        if let Some(problem) = self.problems.first() {
            return Says("False", problem.reason, problem.message.clone());
        }
        if self.suspended {
            return Says(
                "False",
                "Suspended",
                "every request is answered 503, and apps are left as they are, until spec.suspend is removed"
                    .into(),
            );
        }
        if valid > 0 {
            return Says(
                "True",
                "Serving",
                format!("the endpoint is served, {} valid", count(valid, "token is", "tokens are")),
            );
        }
        if let Some(failure) = self.failure {
            return Says("False", "SecretNotWritten", failure.to_owned());
        }
        if self.is_issuing() {
            return Says("False", "IssuingTokens", "tokens are being put into their Secrets".into());
        }
        let rotate = "rotate: kubectl annotate scimtenant <name> rollcall.dev/rotate='*'";
        Says("False", "TokenExpired", format!("every token has expired; {rotate}"))
    }

    /// Once connected, always: a rotated token that waits for its first use does not take that back.
    fn connected(&self) -> Says {
        let was = self
            .before
            .iter()
            .any(|before| before.type_ == "IdentityProviderConnected" && before.status == "True");
        if was || self.tokens.iter().any(|(row, _)| row.last_used_at.is_some()) {
            Says("True", "RequestReceived", "a request with a valid token has arrived".into())
        } else {
            let message = "no request with a valid token yet: paste url and token of the Secret into the identity provider";
            Says("Unknown", "NoRequestYet", message.into())
        }
    }

    fn expiring(&self) -> Says {
        let soon = self.tokens.iter().filter_map(|(row, _)| {
            let expiry = row.expires_at.as_ref()?.0;
            (expiry < self.now.checked_add(EXPIRES_SOON).unwrap_or(Timestamp::MAX))
                .then_some((expiry, &row.name))
        });
        match soon.min() {
            Some((expiry, name)) => {
                let verb = if expiry <= self.now { "expired" } else { "expires" };
                let rotate =
                    format!("rotate it: kubectl annotate scimtenant <name> rollcall.dev/rotate={name}");
                Says("True", "ExpiresSoon", format!("token {name} {verb} at {expiry}; {rotate}"))
            }
            None => Says("False", "NoneExpiresSoon", "no token expires within 7 days".into()),
        }
    }

    fn reconciling(&self) -> Says {
        match self.failure {
            Some(failure) => Says("True", "Retrying", failure.to_owned()),
            None if self.is_issuing() => {
                Says("True", "IssuingTokens", "tokens are being put into their Secrets".into())
            }
            None => Says("False", "UpToDate", "spec and Secrets are as they should be".into()),
        }
    }

    fn stalled(&self) -> Says {
        match self.problems.first() {
            Some(problem) => Says("True", problem.reason, problem.message.clone()),
            None => Says("False", "NotStalled", "nothing waits for a person".into()),
        }
    }

    fn is_issuing(&self) -> bool {
        self.tokens.iter().any(|(_, delivered)| !delivered)
    }

    fn is_valid(&self, row: &TokenStatus, delivered: bool) -> bool {
        let lives = |expiry: Option<&Time>| expiry.is_none_or(|expiry| expiry.0 > self.now);
        let previous = row.previous.as_ref().is_some_and(|old| lives(old.expires_at.as_ref()));
        previous || (delivered && lives(row.expires_at.as_ref()))
    }
}

/// How many values are shared, and not which: those may be anybody's address.
fn shared(shared: &[SharedValues]) -> Says {
    if shared.is_empty() {
        return Says("False", "NoneShared", "no value that must be unique is shared".into());
    }
    let each = |it: &SharedValues| format!("{} of {}", count(it.values, "value", "values"), it.attribute);
    let all: Vec<String> = shared.iter().map(each).collect();
    let message = format!(
        "several users or teams have the same {}, since before it had to be unique: all but one should get another, or none",
        all.join(" and the same ")
    );
    Says("True", "SharedBefore", message)
}

/// The conditions of a tenant that waits in its deletion: `waits_for` says for whom, or for what.
pub(super) fn deleting(problem: Option<&Problem>, progress: &str, facts: &Facts<'_>) -> Vec<Condition> {
    let reason = problem.map_or("Deleting", |problem| problem.reason);
    let message = problem.map_or(progress, |problem| &problem.message);
    let flag = |set: bool| if set { "True" } else { "False" };
    [
        ("Ready", Says("False", reason, message.to_owned())),
        ("IdentityProviderConnected", facts.connected()),
        ("TokensExpiring", Says("False", "Deleting", "no token works any more".into())),
        ("Reconciling", Says(flag(problem.is_none()), reason, message.to_owned())),
        ("Stalled", Says(flag(problem.is_some()), reason, message.to_owned())),
    ]
    .into_iter()
    .map(|(type_, says)| condition(type_, says, facts.generation, facts.now, facts.before))
    .collect()
}

/// `lastTransitionTime` only moves with `status`.
fn condition(
    type_: &str,
    says: Says,
    generation: Option<i64>,
    now: Timestamp,
    before: &[Condition],
) -> Condition {
    let Says(status, reason, message) = says;
    let same = before.iter().find(|before| before.type_ == type_ && before.status == status);
    Condition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message,
        observed_generation: generation,
        last_transition_time: same.map_or(Time(now), |before| before.last_transition_time.clone()),
    }
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
