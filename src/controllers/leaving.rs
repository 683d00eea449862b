//! Users and teams that were deleted: they go once no downstream app has them any more.
//!
//! Kubernetes keeps the object while it has our finalizer. Apps revoke meanwhile and say so in its status; then a
//! deleted member is taken out of its teams, and the finalizer goes.

use std::time::Duration;

use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::{Context, finalizer};
use crate::{
    api::{AppliedState, AppliedTo, names},
    store::{Change, TenantKey},
};

/// How often everything that still waits is looked at again, should a step have failed.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// Lets deleted users and teams go, until `stop`.
pub(super) async fn run(context: Context, stop: CancellationToken) {
    let mut changes = context.store.directory().subscribe();
    let mut again = tokio::time::interval(LOOK_AGAIN);
    // An app that is not known yet would not be waited for.
    if !context.until_all_is_known(&stop).await {
        return;
    }
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            change = changes.recv() => match change {
                Ok(Change::User { tenant, id }) => user(&context, &tenant, &id).await,
                Ok(Change::Team { tenant, id, moved: _ }) => team(&context, &tenant, &id).await,
                Err(RecvError::Lagged(_)) => changes = changes.resubscribe(),
                Err(RecvError::Closed) => return,
            },
            () = context.apps.news() => everything(&context).await,
            _ = again.tick() => everything(&context).await,
        }
    }
}

async fn everything(context: &Context) {
    for tenant in context.store.directory().tenants() {
        let (users, teams) = context.store.directory().leaving(&tenant);
        for id in users {
            user(context, &tenant, &id).await;
        }
        for id in teams {
            team(context, &tenant, &id).await;
        }
    }
}

async fn user(context: &Context, tenant: &TenantKey, id: &str) {
    let Some(user) = context.store.directory().leaving_user(tenant, id) else {
        return context.apps.forget(id);
    };
    let user = &user.object();
    let rows = user.status.as_ref().map(|status| status.apps.as_slice()).unwrap_or_default();
    if is_revoked(context, tenant, id, rows) && leave_teams(context, tenant, id).await {
        let_go(&Api::namespaced(context.client.clone(), &tenant.namespace), user).await;
    }
}

async fn team(context: &Context, tenant: &TenantKey, id: &str) {
    let Some(team) = context.store.directory().leaving_team(tenant, id) else {
        return context.apps.forget(id);
    };
    let rows = team.status.as_ref().map(|status| status.apps.as_slice()).unwrap_or_default();
    if is_revoked(context, tenant, id, rows) && leave_teams(context, tenant, id).await {
        let_go(&Api::namespaced(context.client.clone(), &tenant.namespace), team.as_ref()).await;
    }
}

/// Whether no app that still exists has it.
fn is_revoked(context: &Context, tenant: &TenantKey, id: &str, rows: &[AppliedTo]) -> bool {
    let revoked =
        |row: &AppliedTo| row.state == AppliedState::Revoked || !context.apps.has(tenant, &row.name);
    context.apps.have_settled(tenant, id) && rows.iter().all(revoked)
}

/// Takes it out of the teams that name it. Until then reads leave it out; it is never a member of anything new, because
/// ids are never reused.
async fn leave_teams(context: &Context, tenant: &TenantKey, id: &str) -> bool {
    for team in context.store.directory().teams_naming(tenant, id) {
        if let Err(error) = context.store.remove_member(tenant, team.id(), id).await {
            tracing::warn!(team = team.id(), member = id, %error, "could not take a deleted member out of a team; trying again");
            return false;
        }
    }
    true
}

async fn let_go<K>(api: &Api<K>, object: &K)
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
{
    let name = object.name_any();
    if let Err(error) = finalizer::set(api, &name, names::FINALIZER_REVOKE, false).await {
        tracing::warn!(name, %error, "could not let a deleted object go; trying again");
    }
}
