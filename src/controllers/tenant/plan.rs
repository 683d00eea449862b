//! From what is there to what has to be done about a tenant. Pure: time and randomness are given.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::Resource;

use super::{
    conditions::Facts,
    report::{Note, Problem},
    rotation::Rotation,
    secret::{Found, Template},
    token_plan::{Case, Issue, Outcome},
};
use crate::{
    api::{ScimTenant, ScimTenantStatus, TokenSpec, TokenStatus, names},
    store::{Counts, SharedValues, tenants::token_specs, token::NoRandomness},
};

/// What was observed of one tenant.
pub(super) struct Observed<'a> {
    pub(super) tenant: &'a ScimTenant,
    /// Every Secret of [`secret_names`], by its name.
    pub(super) secrets: &'a BTreeMap<String, Found>,
    /// The tenant's base URL.
    pub(super) endpoint: &'a str,
    /// How many users and teams there are, when that may be written again.
    pub(super) counts: Option<Counts>,
    /// Values that must be unique and are not, when that is known.
    pub(super) shared: Option<&'a [SharedValues]>,
    /// Why the last attempt to write a Secret failed.
    pub(super) failure: Option<&'a str>,
    /// In whole seconds.
    pub(super) now: Timestamp,
}

/// What has to be done, in this order.
#[derive(Default)]
pub(super) struct Plan {
    /// The rotation annotation, pinned. Nothing else is done before that is stored.
    pub(super) pin: Option<String>,
    /// Secrets of ours whose tokens are gone from the spec, or have moved.
    pub(super) remove: Vec<Secret>,
    /// The status as it should be.
    pub(super) status: ScimTenantStatus,
    /// Secrets to create, or (with a resourceVersion) to update.
    pub(super) write: Vec<Secret>,
    /// Whether the rotation annotation has been dealt with.
    pub(super) rotation_done: bool,
    /// What to tell people of it.
    pub(super) notes: Vec<Note>,
}

/// The Secrets to look at: those that the spec wants and those that the status knows.
pub(super) fn secret_names(tenant: &ScimTenant) -> BTreeSet<String> {
    let wanted = token_specs(tenant).iter().map(|spec| secret_name(tenant, spec)).collect::<Vec<_>>();
    wanted.into_iter().chain(rows(tenant).iter().map(|row| row.secret_name.clone())).collect()
}

/// Plans for a tenant that is not being deleted.
pub(super) fn plan(observed: &Observed<'_>, issue: Issue<'_>) -> Result<Plan, NoRandomness> {
    let tenant = observed.tenant;
    let annotation = tenant.metadata.annotations.as_ref().and_then(|all| all.get(names::ANNOTATION_ROTATE));
    let rotation = Rotation::read(annotation.map(String::as_str), rows(tenant));
    if let Rotation::Pin(pin) = rotation {
        return Ok(Plan {
            pin: Some(pin),
            status: tenant.status.clone().unwrap_or_default(),
            ..Plan::default()
        });
    }
    let specs = token_specs(tenant);
    let outcomes = outcomes(observed, &specs, &rotation, issue)?;
    let mut plan = Plan { remove: obsolete(observed, &specs, &outcomes), ..Plan::default() };
    plan.notes.extend(plan.remove.iter().map(|secret| Note::Removed { secret: name_of(secret) }));
    let (mut problems, mut tokens) = (Vec::new(), Vec::new());
    for Outcome { row, write, delivered, problem, note } in outcomes {
        tokens.extend(row.map(|row| (row, delivered)));
        plan.write.extend(write);
        plan.notes.extend(note);
        problems.extend(problem);
    }
    plan.rotation_done = match rotation {
        Rotation::NotAsked | Rotation::Pin(_) => false,
        Rotation::Nothing => true,
        Rotation::Of(_) => tokens.iter().all(|(row, delivered)| *delivered && !rotation.replaces(row)),
    };
    if rotation == Rotation::Nothing {
        plan.notes.push(Note::NothingToRotate);
    }
    plan.status = status(observed, &problems, tokens);
    Ok(plan)
}

fn outcomes(
    observed: &Observed<'_>,
    specs: &[TokenSpec],
    rotation: &Rotation,
    issue: Issue<'_>,
) -> Result<Vec<Outcome>, NoRandomness> {
    let tenant = observed.tenant;
    let Some(owner) = tenant.controller_owner_ref(&()) else {
        // Only an object that was never stored has no uid; nothing can be owned by it.
        return Ok(Vec::new());
    };
    let template = Template {
        owner,
        namespace: tenant.metadata.namespace.as_deref().unwrap_or_default(),
        tenant: tenant.metadata.name.as_deref().unwrap_or_default(),
        url: observed.endpoint,
    };
    specs
        .iter()
        .enumerate()
        .map(|(position, spec)| {
            let wanted = secret_name(tenant, spec);
            let row = rows(tenant).iter().find(|row| row.name == spec.name);
            let rival = specs[..position].iter().find(|other| secret_name(tenant, other) == wanted);
            let case = Case {
                spec,
                found: observed.secrets.get(&wanted).unwrap_or(&Found::Missing),
                found_before: row
                    .filter(|row| row.secret_name != wanted)
                    .and_then(|row| observed.secrets.get(&row.secret_name)),
                secret_name: wanted,
                row,
                rotate: row.is_some_and(|row| rotation.replaces(row)),
                rival: rival.map(|rival| rival.name.as_str()),
                now: observed.now,
            };
            case.decide(&template, issue)
        })
        .collect()
}

/// Secrets of ours that a row names, and that neither the spec nor any row that stays names any more.
fn obsolete(observed: &Observed<'_>, specs: &[TokenSpec], outcomes: &[Outcome]) -> Vec<Secret> {
    let wanted = specs.iter().map(|spec| secret_name(observed.tenant, spec));
    let kept = outcomes.iter().filter_map(|outcome| Some(outcome.row.as_ref()?.secret_name.clone()));
    let needed: BTreeSet<String> = wanted.chain(kept).collect();
    let known: BTreeSet<&String> = rows(observed.tenant).iter().map(|row| &row.secret_name).collect();
    known
        .into_iter()
        .filter(|name| !needed.contains(*name))
        .filter_map(|name| match observed.secrets.get(name)? {
            Found::Ours(secret) => Some(secret.as_ref().clone()),
            Found::Missing | Found::Foreign => None,
        })
        .collect()
}

fn status(
    observed: &Observed<'_>,
    problems: &[Problem],
    tokens: Vec<(TokenStatus, bool)>,
) -> ScimTenantStatus {
    let before = observed.tenant.status.clone().unwrap_or_default();
    let facts = Facts {
        generation: observed.tenant.metadata.generation,
        now: observed.now,
        before: &before.conditions,
        suspended: observed.tenant.spec.suspend,
        problems,
        shared: observed.shared,
        failure: observed.failure,
        tokens: &tokens,
    };
    let conditions = facts.conditions();
    let shown = |count: fn(Counts) -> usize, before| {
        observed.counts.map_or(before, |counts| i64::try_from(count(counts)).ok())
    };
    ScimTenantStatus {
        observed_generation: observed.tenant.metadata.generation,
        conditions,
        endpoint: Some(observed.endpoint.to_owned()),
        tokens: tokens.into_iter().map(|(row, _)| row).collect(),
        users: shown(|counts| counts.users, before.users),
        active_users: shown(|counts| counts.active_users, before.active_users),
        teams: shown(|counts| counts.teams, before.teams),
        observed_dialect: before.observed_dialect,
    }
}

fn secret_name(tenant: &ScimTenant, spec: &TokenSpec) -> String {
    let tenant = tenant.metadata.name.as_deref().unwrap_or_default();
    spec.secret_name.clone().unwrap_or_else(|| format!("{tenant}-{}", spec.name))
}

pub(super) fn rows(tenant: &ScimTenant) -> &[TokenStatus] {
    tenant.status.as_ref().map(|status| status.tokens.as_slice()).unwrap_or_default()
}

pub(super) fn name_of(secret: &Secret) -> String {
    secret.metadata.name.clone().unwrap_or_default()
}

#[cfg(test)]
mod tests;
