//! Whether an object may be shown: not if somebody else has its name.
//!
//! The receiver claims a name before it writes an object. People don't: what they declare may have the name of another
//! user or team. The leader then finds out who owns the name, and says so in the status of the other, so that every
//! replica keeps it back. Until it has, a replica keeps back what people declare under a name that it shows already.

use super::super::{claimant::Claimant, view::is_receivers};
use crate::api::names;

/// What the leader has said of an object's present name; `None` if it has said nothing yet.
pub(in crate::store) fn conflict<K: Claimant>(object: &K) -> Option<bool> {
    let said = object.conditions().iter().find(|it| it.type_ == names::CONDITION_NAME_CONFLICT)?;
    (said.observed_generation == object.meta().generation).then(|| said.status == "True")
}

/// Whether an object is kept back, if `others` of its name are shown; they are looked for only where that decides.
pub(super) fn is_held<K: Claimant>(object: &K, others: impl FnOnce() -> bool) -> bool {
    conflict(object).unwrap_or_else(|| !is_receivers(object) && others())
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

    use super::*;
    use crate::api::{User, UserStatus};

    /// A user of generation 2, of whose name the leader said this in another generation.
    fn user(receivers: bool, said: Option<(bool, i64)>) -> User {
        let mut user = User::default();
        user.metadata.generation = Some(2);
        if receivers {
            let label = (names::LABEL_ORIGIN.to_owned(), names::ORIGIN_RECEIVER.to_owned());
            user.metadata.labels = Some([label].into());
        }
        let condition = said.map(|(conflict, generation)| Condition {
            type_: names::CONDITION_NAME_CONFLICT.to_owned(),
            status: if conflict { "True" } else { "False" }.to_owned(),
            observed_generation: Some(generation),
            last_transition_time: Time(jiff::Timestamp::UNIX_EPOCH),
            message: String::new(),
            reason: String::new(),
        });
        user.status =
            Some(UserStatus { conditions: condition.into_iter().collect(), ..UserStatus::default() });
        user
    }

    #[test]
    fn what_the_leader_said_of_the_present_name_counts() {
        for others in [true, false] {
            assert!(is_held(&user(false, Some((true, 2))), || others));
            assert!(!is_held(&user(false, Some((false, 2))), || others));
        }
    }

    #[test]
    fn a_declared_name_that_is_shown_already_waits_for_the_leader() {
        for said in [None, Some((true, 1)), Some((false, 1))] {
            assert!(is_held(&user(false, said), || true));
            assert!(!is_held(&user(false, said), || false));
        }
    }

    #[test]
    fn what_the_receiver_has_claimed_waits_for_nobody() {
        assert!(!is_held(&user(true, None), || true));
    }
}
