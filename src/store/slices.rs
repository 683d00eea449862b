//! MembershipSlices: writing new ones, finding those that a team names, deleting those that nobody names.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use futures::{StreamExt, TryStreamExt, stream};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ObjectMeta},
};
use uuid::Uuid;

use super::{
    Store,
    api_error::{call, is_already_exists, is_ambiguous, is_not_found},
    directory::is_gone,
    error::StoreError,
    membership::{Id, Plan, SliceMembers, shared},
    meta::post_params,
    tenant::TenantKey,
};
use crate::api::{Membership, MembershipSlice, MembershipSliceSpec, Team, names, slice::TeamRef};

/// How many slices of one team are written at once.
const AT_ONCE: usize = 16;

/// Every slice known here, by namespace and name. Slices never change, so whatever is here is true.
#[derive(Debug, Default)]
pub(super) struct SliceCache(RwLock<HashMap<Id, HashMap<Id, SliceMembers>>>);

impl SliceCache {
    /// Those of these names that are known here. An empty name is that of an empty slice.
    fn get<'n>(
        &self,
        namespace: &str,
        names: impl Iterator<Item = &'n str>,
    ) -> Vec<Result<SliceMembers, String>> {
        let slices = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let slices = slices.get(namespace);
        let known = |name: &str| {
            let empty = name.is_empty().then(SliceMembers::default);
            empty.or_else(|| slices?.get(name).cloned()).ok_or_else(|| name.to_owned())
        };
        names.map(known).collect()
    }

    /// Takes a slice in. One that is known here stays as it is: the team that names it shares that list of members, and a
    /// watch tells of each slice once more.
    pub(super) fn put(&self, slice: &MembershipSlice) -> SliceMembers {
        let (namespace, name) = (slice.namespace().unwrap_or_default(), slice.name_any());
        if let Some(Ok(known)) = self.get(&namespace, [name.as_str()].into_iter()).pop() {
            return known;
        }
        let ids = |names: &[String]| names.iter().map(|it| shared(it)).collect();
        let MembershipSliceSpec { team_ref: _, shard: _, members, removed } = &slice.spec;
        let members = SliceMembers { members: ids(members), removed: ids(removed) };
        let mut slices = self.0.write().unwrap_or_else(PoisonError::into_inner);
        slices.entry(namespace.into()).or_default().entry(name.into()).or_insert(members).clone()
    }

    pub(super) fn remove(&self, namespace: &str, name: &str) {
        let mut slices = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(slices) = slices.get_mut(namespace) {
            slices.remove(name);
        }
    }

    /// Namespace and name of every slice known here.
    pub(super) fn names(&self) -> Vec<(Id, Id)> {
        let slices = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let of = |(namespace, slices): (&Id, &HashMap<Id, SliceMembers>)| {
            slices.keys().map(|name| (namespace.clone(), name.clone())).collect::<Vec<_>>()
        };
        slices.iter().flat_map(of).collect()
    }

    /// Keeps only the slices of a namespace that exist.
    pub(super) fn retain(&self, namespace: &str, listed: impl Fn(&str, &str) -> bool) {
        let mut slices = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (it, slices) in slices.iter_mut() {
            if namespace.is_empty() || it.as_ref() == namespace {
                slices.retain(|name, _| listed(it, name));
            }
        }
    }
}

impl Store {
    /// Takes a version of a team into the directory, with its slices. False if a slice is gone, because somebody has
    /// changed the team since.
    pub(super) async fn take_in_team(&self, team: Team) -> Result<bool, StoreError> {
        if is_gone(&team) {
            // Nobody is in it any more, and its slices may be gone before it.
            self.directory().put_team(Arc::new(team), Vec::new());
            return Ok(true);
        }
        let namespace = team.namespace().unwrap_or_default();
        let known = self.slice_cache().get(&namespace, team.spec.membership.slice_names());
        // One by one, when all are known, they cost as much as everything else here.
        let slices = if known.iter().all(Result::is_ok) {
            known.into_iter().filter_map(Result::ok).collect()
        } else {
            let Some(slices) = self.read_slices(&namespace, known).await? else { return Ok(false) };
            slices
        };
        self.directory().put_team(Arc::new(team), slices);
        Ok(true)
    }

    /// Reads those slices that are not known here; `None` if one is gone.
    async fn read_slices(
        &self,
        namespace: &str,
        known: Vec<Result<SliceMembers, String>>,
    ) -> Result<Option<Vec<SliceMembers>>, StoreError> {
        let read = |known: Result<SliceMembers, String>| async move {
            let name = match known {
                Ok(members) => return Ok(Some(members)),
                Err(name) => name,
            };
            let slice = call(self.slices_api(namespace).get_opt(&name)).await?;
            Ok::<_, StoreError>(slice.map(|slice| self.slice_cache().put(&slice)))
        };
        let slices: Vec<_> = stream::iter(known).map(read).buffered(AT_ONCE).try_collect().await?;
        Ok(slices.into_iter().collect())
    }

    /// Writes new slices. If it fails, some may be there.
    pub(super) async fn post_slices(&self, slices: Vec<MembershipSlice>) -> Result<(), StoreError> {
        let written = stream::iter(slices).map(|slice| self.post_slice(slice)).buffer_unordered(AT_ONCE);
        written.try_collect::<Vec<()>>().await.map(drop)
    }

    async fn post_slice(&self, slice: MembershipSlice) -> Result<(), StoreError> {
        let api = self.slices_api(&slice.namespace().unwrap_or_default());
        match call(api.create(&post_params(), &slice)).await {
            Ok(_) => {}
            // The name is random, so it is ours; its answer was lost.
            Err(error) if is_already_exists(&error) => {}
            Err(error) if is_ambiguous(&error) => {
                if call(api.get_opt(&slice.name_any())).await?.is_none() {
                    return Err(error.into());
                }
            }
            Err(error) => return Err(error.into()),
        }
        self.slice_cache().put(&slice);
        Ok(())
    }

    /// Deletes slices that no team names any more, in the background. What stays behind is swept later. Their names
    /// are random and never used again, so a late call finds them or nothing.
    pub fn drop_slices(&self, tenant: &TenantKey, names: Vec<String>) {
        let names: Vec<String> = names.into_iter().filter(|name| !name.is_empty()).collect();
        if names.is_empty() {
            return;
        }
        let (store, namespace) = (self.clone(), tenant.namespace.clone());
        self.background().spawn(async move {
            let api = store.slices_api(&namespace);
            stream::iter(names)
                .for_each_concurrent(AT_ONCE, |name| {
                    let api = &api;
                    async move {
                        match call(api.delete(&name, &DeleteParams::default())).await {
                            Ok(_) => {}
                            Err(error) if is_not_found(&error) => {}
                            Err(error) => tracing::warn!(slice = name, %error, "could not delete an old slice; it will be swept later"),
                        }
                    }
                })
                .await;
        });
    }

    pub(super) fn slices_api(&self, namespace: &str) -> Api<MembershipSlice> {
        Api::namespaced(self.client().clone(), namespace)
    }
}

/// Gives a plan's new slices names. The membership that names them, and the slices.
pub(super) fn name_slices(tenant: &TenantKey, team: &str, plan: Plan) -> (Membership, Vec<MembershipSlice>) {
    let Plan { mut membership, slices, recent, dropped: _ } = plan;
    let mut named = Vec::with_capacity(slices.len());
    for (shard, members) in slices {
        let slice = new_slice(tenant, team, Some(shard), &members, &[]);
        membership.slices[shard] = slice.name_any();
        named.push(slice);
    }
    if let Some(SliceMembers { members, removed }) = recent {
        let slice = new_slice(tenant, team, None, &members, &removed);
        membership.recent = slice.name_any();
        named.push(slice);
    }
    (membership, named)
}

fn new_slice(
    tenant: &TenantKey,
    team: &str,
    shard: Option<usize>,
    members: &[Id],
    removed: &[Id],
) -> MembershipSlice {
    let part = shard.map_or_else(|| "recent".to_owned(), |shard| format!("{shard:x}"));
    let names = |ids: &[Id]| ids.iter().map(ToString::to_string).collect();
    // UUIDv7's last characters are random: two attempts never write the same slice. The name of the team would be told
    // again with each in the Team, of which every byte is paid at each change.
    let random = Uuid::now_v7().simple().to_string();
    let labels = [
        (names::LABEL_MANAGED_BY, names::MANAGER),
        (names::LABEL_TENANT, &tenant.name),
        (names::LABEL_TEAM, team),
    ];
    MembershipSlice {
        metadata: ObjectMeta {
            name: Some(format!("{part}-{}", &random[12..])),
            namespace: Some(tenant.namespace.to_string()),
            labels: Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
            ..ObjectMeta::default()
        },
        spec: MembershipSliceSpec {
            team_ref: TeamRef { name: team.to_owned() },
            shard: shard.map(|shard| i32::try_from(shard).unwrap_or(i32::MAX)),
            members: names(members),
            removed: names(removed),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_that_is_told_of_again_is_in_memory_once() {
        let (cache, tenant) = (SliceCache::default(), TenantKey::new("identity", "okta"));
        let slice = new_slice(&tenant, "platform", Some(0), &["ada".into(), "grace".into()], &[]);
        let (first, again) = (cache.put(&slice), cache.put(&slice));
        assert!(Arc::ptr_eq(&first.members, &again.members));
        let known = cache.get("identity", [slice.name_any().as_str()].into_iter()).pop().unwrap();
        assert!(Arc::ptr_eq(&first.members, &known.unwrap().members));
    }
}
