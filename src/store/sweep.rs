//! Clearing up after crashes: claims that nobody uses, slices that no team names, placeholders that have served.
//!
//! None of these does harm; they only take room. Each is removed by the same rules by which another writer would take it
//! over, so a writer who is merely slow loses nothing that it has acknowledged.

use std::collections::HashSet;

use futures::{StreamExt, TryStreamExt};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Resource, ResourceExt, api::ListParams, core::PartialObjectMeta};
use serde::de::DeserializeOwned;

use super::{
    Store,
    api_error::{call, is_not_found},
    claimant::Claimant,
    claims::{Claims, claimed},
    error::StoreError,
    membership::Id,
    tenant::TenantKey,
    users::exactly,
    view::{TeamView, UserView},
};
use crate::api::{Team, User, names};

/// How old a claim must be before it can be an orphan.
const CLAIM_AGE: SignedDuration = SignedDuration::from_mins(10);

/// How long a placeholder keeps its id from being used.
const PLACEHOLDER_AGE: SignedDuration = SignedDuration::from_hours(24);

/// How many objects are listed at a time.
pub(super) const PAGE: u32 = 500;

/// What earlier sweeps saw: a slice is only an orphan when two sweeps in a row find that nobody names it.
#[derive(Debug, Default)]
pub struct Sweeper {
    unnamed_before: HashSet<(Id, Id)>,
}

impl Sweeper {
    /// Sweeps once. `namespaces` is where the store follows its objects; none means all.
    ///
    /// # Errors
    /// If the API server can't be asked; what was swept so far stays swept.
    pub async fn sweep(&mut self, store: &Store, namespaces: &[String]) -> Result<(), StoreError> {
        let all = [String::new()];
        for namespace in if namespaces.is_empty() { &all[..] } else { namespaces } {
            sweep_claims(store, namespace).await?;
            sweep_placeholders::<User>(store, namespace).await?;
            sweep_placeholders::<Team>(store, namespace).await?;
        }
        self.sweep_slices(store).await
    }

    async fn sweep_slices(&mut self, store: &Store) -> Result<(), StoreError> {
        let named = store.directory().named_slices();
        let unnamed: HashSet<(Id, Id)> =
            store.slice_cache().names().into_iter().filter(|slice| !named.contains(slice)).collect();
        for (namespace, name) in unnamed.intersection(&self.unnamed_before) {
            sweep_slice(store, namespace, name).await?;
        }
        self.unnamed_before = unnamed;
        Ok(())
    }
}

/// Deletes a slice, after a write to its team: whoever was about to name it then fails and writes a new one.
async fn sweep_slice(store: &Store, namespace: &str, name: &str) -> Result<(), StoreError> {
    let Some(slice) = call(store.slices_api(namespace).get_opt(name)).await? else { return Ok(()) };
    let team = &slice.spec.team_ref.name;
    let api: Api<Team> = Api::namespaced(store.client().clone(), namespace);
    let names_it = |team: &Team| team.spec.membership.slices.iter().any(|it| it == name);
    if call(api.get_opt(team)).await?.is_some_and(|team| names_it(&team)) {
        return Ok(());
    }
    let tenant = slice.labels().get(names::LABEL_TENANT).cloned().unwrap_or_default();
    let tenant = TenantKey::new(namespace, &tenant);
    Claims::<Team>::new(store.client(), namespace).fence(&tenant, team, "").await?;
    if call(api.get_opt(team)).await?.is_some_and(|team| names_it(&team)) {
        return Ok(());
    }
    tracing::info!(slice = name, "deleting a slice that no team names");
    match call(store.slices_api(namespace).delete(name, &exactly(&slice.metadata))).await {
        Ok(_) => Ok(()),
        Err(error) if is_not_found(&error) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn sweep_claims(store: &Store, namespace: &str) -> Result<(), StoreError> {
    let older_than = Timestamp::now() - CLAIM_AGE;
    let leases: Api<Lease> = api_of(store, namespace);
    let params = ListParams::default().labels(names::LABEL_CLAIM).limit(PAGE);
    let mut pages = std::pin::pin!(pages(leases, params));
    while let Some(page) = pages.next().await {
        for lease in page? {
            // The directory knows nearly all of them; only the others cost a request.
            let holder =
                lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref()).unwrap_or_default();
            let tenant = lease.labels().get(names::LABEL_TENANT).map(String::as_str).unwrap_or_default();
            let namespace = lease.namespace().unwrap_or_default();
            let tenant = TenantKey::new(&namespace, tenant);
            let swept = match lease.labels().get(names::LABEL_CLAIM).map(String::as_str) {
                Some(User::ATTRIBUTE | User::SCIM_KIND) => {
                    let known = store.directory().user(&tenant, holder);
                    sweep_claim::<User>(store, &lease, older_than, known.as_ref().map(UserView::object))
                        .await?
                }
                Some(Team::ATTRIBUTE | Team::SCIM_KIND) => {
                    let known = store.directory().team(&tenant, holder);
                    sweep_claim::<Team>(store, &lease, older_than, known.as_ref().map(TeamView::object))
                        .await?
                }
                Some(_) | None => false,
            };
            if swept {
                tracing::info!(claim = lease.name_any(), holder, "deleted a claim that nobody uses");
            }
        }
    }
    Ok(())
}

async fn sweep_claim<K: Claimant>(
    store: &Store,
    lease: &Lease,
    older_than: Timestamp,
    known: Option<&K>,
) -> Result<bool, StoreError> {
    let (client, namespace) = (store.client(), lease.namespace().unwrap_or_default());
    let claims = match claimed(lease) {
        Some(unique) => Claims::on(client, &namespace, &unique),
        None => Claims::new(client, &namespace),
    };
    claims.sweep(lease, older_than, known).await
}

async fn sweep_placeholders<K>(store: &Store, namespace: &str) -> Result<(), StoreError>
where
    K: Claimant,
{
    let older_than = Timestamp::now() - PLACEHOLDER_AGE;
    let selector = format!("{}={}", names::LABEL_ORIGIN, names::ORIGIN_PLACEHOLDER);
    let objects: Api<K> = api_of(store, namespace);
    let placeholders: Vec<PartialObjectMeta<K>> =
        call(objects.list_metadata(&ListParams::default().labels(&selector))).await?.items;
    for placeholder in placeholders {
        if placeholder.creation_timestamp().is_none_or(|created| created.0 > older_than) {
            continue;
        }
        let api: Api<K> =
            Api::namespaced(store.client().clone(), &placeholder.namespace().unwrap_or_default());
        match call(api.delete(&placeholder.name_any(), &exactly(&placeholder.metadata))).await {
            Ok(_) => {}
            Err(error) if is_not_found(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

pub(super) fn api_of<K>(store: &Store, namespace: &str) -> Api<K>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
{
    let client = store.client().clone();
    if namespace.is_empty() { Api::all(client) } else { Api::namespaced(client, namespace) }
}

pub(super) fn pages<K>(
    api: Api<K>,
    params: ListParams,
) -> impl futures::Stream<Item = Result<Vec<K>, StoreError>>
where
    K: Clone + DeserializeOwned + std::fmt::Debug,
{
    futures::stream::try_unfold((api, Some(params)), |(api, params)| async move {
        let Some(params) = params else { return Ok(None) };
        let page = call(api.list(&params)).await?;
        let next = page.metadata.continue_.filter(|token| !token.is_empty());
        let next = next.map(|token| params.continue_token(&token));
        Ok(Some((page.items, (api, next))))
    })
    .map_err(|error: super::api_error::CallError| error.into())
}
