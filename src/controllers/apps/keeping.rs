//! Keeping what people declare until the apps that were asked about it have revoked.
//!
//! What an identity provider pushes has our finalizer from the start. What people declare gets it before the first app is
//! asked to have it. Without it a deletion would take the rows away together with the object, and who leads next would
//! know of neither.

use std::fmt::Debug;

use k8s_openapi::NamespaceResourceScope;
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use super::queue::Key;
use crate::{
    api::{Team, User, names},
    controllers::{Context, finalizer},
    downstream::{ApplyError, Blame},
    store::TenantKey,
};

/// Makes sure that the object of a user or team stays until every app has revoked. That it does is known in memory, so
/// that nothing is asked or written twice.
///
/// # Errors
/// If it can't be kept: then no app may be asked to have it.
pub(super) async fn keep(context: &Context, tenant: &TenantKey, key: &Key) -> Result<(), ApplyError> {
    let directory = context.store.directory();
    let is_kept = match key {
        Key::User(id) => directory.user(tenant, id).is_some_and(|user| user.is_kept()),
        Key::Team(id) => directory.team(tenant, id).is_some_and(|team| is_kept(team.outline())),
    };
    if is_kept {
        return Ok(());
    }
    let put = match key {
        Key::User(id) => put_on::<User>(context, tenant, id).await,
        Key::Team(id) => put_on::<Team>(context, tenant, id).await,
    };
    let message = match put {
        Ok(true) => return Ok(()),
        Ok(false) => "it was deleted before the app was asked about it".to_owned(),
        Err(error) => format!(
            "the finalizer {} can't be put on the object, so that the app was not asked about it: {error}",
            names::FINALIZER_REVOKE
        ),
    };
    Err(ApplyError { blame: Blame::Item, message, retry_after: None })
}

async fn put_on<K>(context: &Context, tenant: &TenantKey, id: &str) -> kube::Result<bool>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
{
    let api: Api<K> = Api::namespaced(context.client.clone(), &tenant.namespace);
    finalizer::set(&api, id, names::FINALIZER_REVOKE, true).await
}

fn is_kept(team: &Team) -> bool {
    team.finalizers().iter().any(|it| it == names::FINALIZER_REVOKE)
}
