//! Whether all apps agree with a user or team: what its `Ready` and its summary say. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::conditions::Verdict;
use crate::api::{AppliedState, AppliedTo};

/// What apps should have of one user or team.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Expected {
    /// The apps in whose scope it is.
    pub(super) apps: BTreeSet<String>,
    /// What the row of each should say.
    pub(super) state: AppliedState,
    /// The object's generation, which each should have agreed to.
    pub(super) generation: Option<i64>,
}

/// What the status says of all apps together.
#[derive(Debug, PartialEq)]
pub(super) struct Agreement {
    pub(super) verdict: Verdict,
    /// `2/2`, for people; nothing where no app is about it.
    pub(super) summary: Option<String>,
}

/// Where one app stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stand {
    /// It has what it should have.
    Agrees,
    /// It was never given it.
    Pending,
    /// It has an older revision, or what it should not have (any more).
    Behind,
    /// Its last attempt failed.
    Failing,
}

impl Agreement {
    /// Every app counts in whose scope it is, also one that has not said anything yet; and every other one that
    /// still has it.
    pub(super) fn of(expected: &Expected, rows: &[AppliedTo]) -> Self {
        let rows: BTreeMap<&str, &AppliedTo> = rows.iter().map(|row| (row.name.as_str(), row)).collect();
        let names: BTreeSet<&str> =
            rows.keys().copied().chain(expected.apps.iter().map(String::as_str)).collect();
        let stands: Vec<(&str, Stand)> = names
            .into_iter()
            .filter_map(|name| Some((name, stand(expected, name, rows.get(name).copied())?)))
            .collect();
        let which = |stand| -> Vec<&str> {
            stands.iter().filter(|(_, it)| *it == stand).map(|(name, _)| *name).collect()
        };
        let (agreed, all) = (which(Stand::Agrees).len(), stands.len());
        let (failing, pending) = (which(Stand::Failing), which(Stand::Pending));
        let present = format!("{agreed} of {all} apps have the present revision");
        let verdict = if !failing.is_empty() {
            let message = format!("could not be applied to {}; it is tried again", failing.join(", "));
            Verdict::reconciling("AppsFailing", &message)
        } else if !pending.is_empty() {
            Verdict::reconciling("Pending", &format!("{present}; not applied yet to {}", pending.join(", ")))
        } else if agreed < all {
            let behind = which(Stand::Behind).join(", ");
            Verdict::reconciling("Applying", &format!("{present}; still to be applied to {behind}"))
        } else {
            Verdict::ready("Applied", &present)
        };
        let summary = match (all, failing.is_empty()) {
            (0, _) => None,
            (_, true) => Some(format!("{agreed}/{all}")),
            (_, false) => Some(format!("{agreed}/{all}, failing: {}", failing.join(","))),
        };
        Self { verdict, summary }
    }
}

/// `None`: the app is not about it, and does not have it.
fn stand(expected: &Expected, name: &str, row: Option<&AppliedTo>) -> Option<Stand> {
    match (expected.apps.contains(name), row) {
        (false, None) => None,
        (true, None) => Some(Stand::Pending),
        (_, Some(row)) if row.state == AppliedState::Failing => Some(Stand::Failing),
        (false, Some(row)) => (row.state != AppliedState::Revoked).then_some(Stand::Behind),
        (true, Some(row)) if row.state == expected.state && row.revision >= expected.generation => {
            Some(Stand::Agrees)
        }
        (true, Some(_)) => Some(Stand::Behind),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;

    fn expected(apps: &[&str]) -> Expected {
        let apps = apps.iter().map(|name| (*name).to_owned()).collect();
        Expected { apps, state: AppliedState::Granted, generation: Some(2) }
    }

    fn row(name: &str, state: AppliedState, revision: i64) -> AppliedTo {
        AppliedTo {
            name: name.to_owned(),
            state,
            revision: Some(revision),
            since: Time(Timestamp::UNIX_EPOCH),
            remote_id: None,
            attributes: Vec::new(),
            password: None,
            error: None,
            retry_at: None,
        }
    }

    fn says(expected: &Expected, rows: &[AppliedTo]) -> (bool, String, Option<String>) {
        let Agreement { verdict, summary } = Agreement::of(expected, rows);
        (verdict.is_ready(), verdict.reason().to_owned(), summary)
    }

    fn outcome(ready: bool, reason: &str, summary: &str) -> (bool, String, Option<String>) {
        (ready, reason.to_owned(), Some(summary.to_owned()))
    }

    #[test]
    fn an_app_that_has_not_said_anything_yet_counts() {
        let rows = [row("chat", AppliedState::Granted, 2)];
        assert_eq!(says(&expected(&["chat"]), &rows), outcome(true, "Applied", "1/1"));
        assert_eq!(says(&expected(&["chat", "wiki"]), &rows), outcome(false, "Pending", "1/2"));
    }

    #[test]
    fn an_app_with_an_older_revision_is_behind() {
        let rows = [row("chat", AppliedState::Granted, 1)];
        assert_eq!(says(&expected(&["chat"]), &rows), outcome(false, "Applying", "0/1"));
    }

    #[test]
    fn an_app_that_failed_is_named() {
        let rows = [row("chat", AppliedState::Granted, 2), row("wiki", AppliedState::Failing, 2)];
        let named = outcome(false, "AppsFailing", "1/2, failing: wiki");
        assert_eq!(says(&expected(&["chat", "wiki"]), &rows), named);
    }

    #[test]
    fn an_app_that_revoked_does_not_agree_to_a_grant_nor_the_other_way_round() {
        let rows = [row("chat", AppliedState::Revoked, 2)];
        assert_eq!(says(&expected(&["chat"]), &rows), outcome(false, "Applying", "0/1"));
        let inactive = Expected { state: AppliedState::Revoked, ..expected(&["chat"]) };
        assert_eq!(says(&inactive, &rows), outcome(true, "Applied", "1/1"));
        assert_eq!(
            says(&inactive, &[row("chat", AppliedState::Granted, 2)]),
            outcome(false, "Applying", "0/1")
        );
    }

    #[test]
    fn an_app_out_of_scope_counts_until_it_has_revoked() {
        let still = [row("chat", AppliedState::Granted, 1)];
        assert_eq!(says(&expected(&[]), &still), outcome(false, "Applying", "0/1"));
        let revoked = [row("chat", AppliedState::Revoked, 1)];
        assert_eq!(says(&expected(&[]), &revoked), (true, "Applied".to_owned(), None));
    }
}
