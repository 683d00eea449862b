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
    claims::{
        Claims, answer_of, look_at,
        protocol::{Answer, Ask, Holder, Machine, Next, Orphan, Outcome, Refusal, Text},
    },
    error::StoreError,
    membership::Id,
    meta::exactly,
    tenant::TenantKey,
    view::TeamView,
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

/// Deletes a slice that no team names, after a write to its team: whoever was about to name it then fails and writes a
/// new one.
async fn sweep_slice(store: &Store, namespace: &str, name: &str) -> Result<(), StoreError> {
    let api = store.slices_api(namespace);
    let Some(slice) = call(api.get_opt(name)).await? else {
        // It was read while it was being deleted, and our watch had told of its end before the answer came.
        store.slice_cache().remove(namespace, name);
        return Ok(());
    };
    let tenant = slice.labels().get(names::LABEL_TENANT).cloned().unwrap_or_default();
    let claims = Claims::<Team>::new(store.client(), &TenantKey::new(namespace, &tenant));
    let version = slice.resource_version().unwrap_or_default();
    let mut orphan =
        Orphan::new(name.into(), version.as_str().into(), slice.spec.team_ref.name.as_str().into());
    let mut team: Option<Team> = None;
    loop {
        let result = match orphan.next() {
            Next::End(Outcome::Stored) => {
                tracing::info!(slice = name, "deleted a slice that no team names");
                return Ok(());
            }
            Next::End(_) => return Ok(()),
            Next::Ask(Ask::Holder { id, claim: _ }) => {
                team = call(claims.holders().get_opt(&id)).await?;
                Ok(look_at_team(team.as_ref(), &id, name))
            }
            Next::Ask(Ask::DeleteClaim { claim: _, version }) => {
                call(api.delete(name, &exactly(&slice.metadata))).await.map(|_| Answer::Stored(version))
            }
            Next::Ask(fence) => claims.call(fence, &[], &mut team).await,
        };
        let answer = match result {
            Ok(answer) => answer,
            Err(error) => match answer_of(&error) {
                refused @ Answer::Refused(Refusal::Exists | Refusal::Outdated) => refused,
                _ => return Err(error.into()),
            },
        };
        orphan = orphan.told(answer, false);
    }
}

/// What a team is to a slice of its. One that is being deleted keeps those that it names.
fn look_at_team(team: Option<&Team>, id: &str, slice: &str) -> Answer {
    let names_it = |team: &Team| team.spec.membership.slice_names().any(|it| it == slice);
    let version = team.and_then(ResourceExt::resource_version).map(Text::from);
    let holder = if team.is_some_and(names_it) { Holder::UsesIt } else { look_at(team, id, names_it) };
    Answer::Holder(holder, version)
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
            let tenant = TenantKey::new(&lease.namespace().unwrap_or_default(), tenant);
            let directory = store.directory();
            let swept = match lease.labels().get(names::LABEL_CLAIM).map(String::as_str) {
                Some(User::ATTRIBUTE | User::SCIM_KIND) => {
                    let known = directory.user(&tenant, holder);
                    let claims = Claims::<User>::new(store.client(), &tenant);
                    claims.sweep(&lease, older_than, known.map(|user| user.object()).as_ref()).await?
                }
                Some(Team::ATTRIBUTE | Team::SCIM_KIND) => {
                    let known = directory.team(&tenant, holder);
                    let claims = Claims::<Team>::new(store.client(), &tenant);
                    claims.sweep(&lease, older_than, known.as_ref().map(TeamView::outline)).await?
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

#[cfg(test)]
mod tests {
    use http::{Request, Response};
    use kube::{Client, client::Body};
    use serde_json::json;
    use tower::{BoxError, service_fn};

    use super::*;
    use crate::store::PeerOptions;

    #[tokio::test]
    async fn a_slice_that_is_gone_is_forgotten() {
        let server = service_fn(|_: Request<Body>| async {
            let gone = json!({ "kind": "Status", "code": 404, "reason": "NotFound", "message": "gone" });
            let answer = Response::builder().status(404).body(Body::from(gone.to_string().into_bytes()));
            Ok::<_, BoxError>(answer.unwrap())
        });
        let store = Store::new(Client::new(server, "default"), PeerOptions::alone());
        let slice = json!({
            "metadata": { "name": "0-a", "namespace": "identity" },
            "spec": { "teamRef": { "name": "platform" }, "members": "" },
        });
        store.slice_cache().put(&serde_json::from_value(slice).unwrap());
        let mut sweeper = Sweeper::default();
        sweeper.sweep_slices(&store).await.unwrap();
        assert_eq!(store.slice_cache().names().len(), 1, "one look is not enough");
        sweeper.sweep_slices(&store).await.unwrap();
        assert!(store.slice_cache().names().is_empty());
    }
}
