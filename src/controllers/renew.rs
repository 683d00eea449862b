//! The status of a user or team as it should be: rows put into it, and what they and the apps' scopes add up to.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::{
    Context,
    agreement::{Agreement, Expected},
    conditions::{self, Verdict},
    report::{NameReport, News, Subject},
};
use crate::{
    api::{
        AppliedState, AppliedTo, Team, TeamStatus, User, UserStatus,
        names::CONDITION_NAME_CONFLICT as CONFLICT,
    },
    store::TenantKey,
};

/// What a status said.
struct Before {
    conditions: Vec<Condition>,
    apps: Vec<AppliedTo>,
}

/// What it should say.
struct Renewed {
    conditions: Vec<Condition>,
    summary: Option<String>,
    apps: Vec<AppliedTo>,
}

impl Context {
    /// Whether the status in memory is not what it should be.
    pub(super) fn has_stale_status(&self, tenant: &TenantKey, subject: &Subject) -> bool {
        let (directory, nothing_new) = (self.store.directory(), News::default());
        match subject {
            Subject::User(id) => directory.user(tenant, id).is_some_and(|it| {
                // Nothing is said of whom no app can be about; they need not be unpacked to see that.
                if !it.has_status() && !self.apps.are_in(tenant) {
                    return false;
                }
                let object = it.object();
                let mut wanted = object.clone();
                self.renew_user(&mut wanted, &nothing_new);
                wanted.status != object.status
            }),
            Subject::Team(id) => directory.team(tenant, id).is_some_and(|it| {
                let mut wanted = it.outline().clone();
                self.renew_team(&mut wanted, &nothing_new);
                wanted.status != it.outline().status
            }),
        }
    }

    /// Puts rows into a user's status, and makes the rest of it follow.
    pub(super) fn renew_user(&self, user: &mut User, news: &News) {
        let tenant = TenantKey::of(user, &user.spec.tenant_ref);
        let leaving = user.metadata.deletion_timestamp.is_some();
        let expected = Expected {
            apps: if leaving {
                BTreeSet::new()
            } else {
                self.apps.with_user(self.store.directory(), &tenant, user)
            },
            state: if user.spec.active { AppliedState::Granted } else { AppliedState::Revoked },
            generation: user.metadata.generation,
        };
        let UserStatus { observed_generation: _, conditions, summary: _, apps } =
            user.status.clone().unwrap_or_default();
        if let Some(it) = self.renew(&tenant, &expected, Before { conditions, apps }, news) {
            let Renewed { conditions, summary, apps } = it;
            let observed_generation = expected.generation;
            user.status = Some(UserStatus { observed_generation, conditions, summary, apps });
        }
    }

    /// Puts rows into a team's status, and makes the rest of it follow.
    pub(super) fn renew_team(&self, team: &mut Team, news: &News) {
        let tenant = TenantKey::of(team, &team.spec.tenant_ref);
        let leaving = team.metadata.deletion_timestamp.is_some();
        let expected = Expected {
            apps: if leaving { BTreeSet::new() } else { self.apps.with_team(&tenant, team) },
            state: AppliedState::Granted,
            generation: team.metadata.generation,
        };
        let TeamStatus { observed_generation: _, conditions, summary: _, apps } =
            team.status.clone().unwrap_or_default();
        if let Some(it) = self.renew(&tenant, &expected, Before { conditions, apps }, news) {
            let Renewed { conditions, summary, apps } = it;
            let observed_generation = expected.generation;
            team.status = Some(TeamStatus { observed_generation, conditions, summary, apps });
        }
    }

    /// `None`: no app is about it or ever was, so that there is nothing to say.
    fn renew(&self, tenant: &TenantKey, expected: &Expected, before: Before, news: &News) -> Option<Renewed> {
        let Before { mut conditions, mut apps } = before;
        if let Some(NameReport { generation, conflict }) = &news.name
            && *generation == expected.generation
        {
            let (reason, message) =
                conflict.as_deref().map_or(("NameClaimed", "the name is this object's"), |it| (CONFLICT, it));
            conditions::put(&mut conditions, CONFLICT, conflict.is_some(), reason, message, *generation);
        }
        for (name, row) in &news.rows {
            apps.retain(|it| &it.name != name);
            apps.extend(row.clone());
        }
        // An app that is gone can't be asked any more, and nobody would ever take its row away.
        apps.retain(|row| self.apps.has(tenant, &row.name));
        apps.sort_by(|a, b| a.name.cmp(&b.name));
        if expected.apps.is_empty() && apps.is_empty() && conditions.is_empty() {
            return None;
        }
        let Agreement { mut verdict, summary } = Agreement::of(expected, &apps);
        let conflict = conditions.iter().find(|it| {
            it.type_ == CONFLICT && it.status == "True" && it.observed_generation == expected.generation
        });
        if let Some(conflict) = conflict {
            verdict = Verdict::stalled(CONFLICT, &conflict.message);
        }
        conditions::set(&mut conditions, &verdict, expected.generation);
        Some(Renewed { conditions, summary, apps })
    }
}
