//! Conditions as kstatus reads them: `Ready`, and `Reconciling` or `Stalled` while it is not.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// How an object stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Verdict {
    state: State,
    reason: String,
    message: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Ready,
    Reconciling,
    Stalled,
    Paused,
}

impl Verdict {
    /// Everything is as it should be.
    pub(crate) fn ready(reason: &str, message: &str) -> Self {
        Self { state: State::Ready, reason: reason.to_owned(), message: message.to_owned() }
    }

    /// It is not yet, and will be by itself.
    pub(crate) fn reconciling(reason: &str, message: &str) -> Self {
        Self { state: State::Reconciling, reason: reason.to_owned(), message: message.to_owned() }
    }

    /// A person has to do something; the message says what.
    pub(crate) fn stalled(reason: &str, message: &str) -> Self {
        Self { state: State::Stalled, reason: reason.to_owned(), message: message.to_owned() }
    }

    /// It is left as it is, because a person wants it so.
    pub(crate) fn paused(reason: &str, message: &str) -> Self {
        Self { state: State::Paused, reason: reason.to_owned(), message: message.to_owned() }
    }
}

#[cfg(test)]
impl Verdict {
    pub(crate) fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    pub(crate) fn reason(&self) -> &str {
        &self.reason
    }
}

/// Puts a verdict into an object's conditions. kstatus' `Reconciling` and `Stalled` are there only while they hold.
pub(crate) fn set(conditions: &mut Vec<Condition>, verdict: &Verdict, generation: Option<i64>) {
    let Verdict { state, reason, message } = verdict;
    put(conditions, "Ready", *state == State::Ready, reason, message, generation);
    for (kind, abnormal) in [("Reconciling", State::Reconciling), ("Stalled", State::Stalled)] {
        if *state == abnormal {
            put(conditions, kind, true, reason, message, generation);
        } else {
            conditions.retain(|condition| condition.type_ != kind);
        }
    }
}

/// Sets one condition. Its transition time moves only when its status does.
pub(crate) fn put(
    conditions: &mut Vec<Condition>,
    kind: &str,
    status: bool,
    reason: &str,
    message: &str,
    generation: Option<i64>,
) {
    let status = if status { "True" } else { "False" };
    let before = conditions.iter().find(|condition| condition.type_ == kind);
    let since = before.filter(|it| it.status == status).map(|it| it.last_transition_time.clone());
    let condition = Condition {
        type_: kind.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message: message.to_owned(),
        observed_generation: generation,
        last_transition_time: since.unwrap_or_else(|| Time(Timestamp::now())),
    };
    match conditions.iter_mut().find(|it| it.type_ == kind) {
        Some(place) => *place = condition,
        None => conditions.push(condition),
    }
}
