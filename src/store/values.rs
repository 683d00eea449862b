//! Values of unique attributes that nobody has claimed.
//!
//! The receiver claims such a value before it writes it. Nobody has claimed those that were there before their tenant
//! called the attribute unique, nor those that people declare. So the leader claims them: where several have one value,
//! for the one who was there first. The others keep the value without a claim, and get it once it is free.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
};

use futures::StreamExt as _;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, ResourceExt, api::ListParams};

use super::{
    Store, TenantRules,
    api_error::call,
    claimant::Claimant,
    claims::{About, Claims, LOOK_AGAIN, Owner, claims_of},
    directory::{Directory, is_gone},
    error::StoreError,
    membership::{Id, shared},
    names::Named,
    shared::values,
    sweep::{PAGE, pages},
    tenant::TenantKey,
    view::Found,
    written::Kind,
};
use crate::{
    api::{Team, User, names},
    scim::rules::Unique,
};

/// The leader's view of who has claimed which value.
#[derive(Clone, Debug)]
pub struct Values {
    store: Store,
}

/// A claim on a value that an object has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// The object.
    pub named: Named,
    claim: Short,
}

/// What a comparison of all values with all claims has found.
#[derive(Debug, Default)]
pub struct Compared {
    /// Claims that nobody has who uses the value, each for the one who was there first.
    pub missing: Vec<Wanted>,
    /// Those who would have to be somebody else's, who uses the value: has its claim, or is about to get it.
    pub behind: Vec<(Named, Wanted)>,
}

/// A claim's name, much shorter: of 100,000 all are in memory at a time. Two of the same one were compared as rivals, of
/// whom the second is found at the next comparison.
type Short = u64;

/// An object that uses a value: who comes first of those of one value has its claim, or should get it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Use {
    claim: Short,
    lacks_it: bool,
    created: Option<Timestamp>,
    id: Id,
}

impl Values {
    /// Of the store's objects.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Compares all values of a tenant that must be unique with the claims on them.
    ///
    /// # Errors
    /// If the claims can't be listed.
    pub async fn compare(
        &self,
        tenant: &TenantKey,
        rules: &Arc<TenantRules>,
    ) -> Result<Compared, StoreError> {
        let held = self.held(tenant).await?;
        let (store, tenant, rules) = (self.store.clone(), tenant.clone(), Arc::clone(rules));
        let compare = move || {
            let (directory, mut compared) = (store.directory(), Compared::default());
            for unique in &rules.users.unique {
                compared.add::<User>(directory, &tenant, unique, &held);
            }
            for unique in &rules.groups.unique {
                compared.add::<Team>(directory, &tenant, unique, &held);
            }
            compared
        };
        // Of 100,000 users, it takes the better part of a second.
        tokio::task::spawn_blocking(compare).await.map_err(|error| StoreError::Unavailable {
            reason: format!("unique values could not be compared with the claims on them: {error}"),
            retry_after: LOOK_AGAIN,
        })
    }

    /// The claims that an object should have, if people declare it; the receiver sees to those of its own objects.
    pub fn of_declared(&self, rules: &TenantRules, named: &Named) -> Vec<Wanted> {
        let shown = self.shown(named).filter(|found| !found.is_receivers());
        let claims = shown.map(|found| self.claims(rules, named, &found)).unwrap_or_default();
        claims.into_iter().map(|claim| Wanted { named: named.clone(), claim }).collect()
    }

    /// Whether an object uses the value that is wanted, as far as is known here.
    pub fn has(&self, rules: &TenantRules, named: &Named, wanted: &Wanted) -> bool {
        self.shown(named).is_some_and(|found| self.claims(rules, named, &found).contains(&wanted.claim))
    }

    /// Gets a claim, if its object still uses the value. Who uses it and has the claim instead.
    ///
    /// # Errors
    /// If the API server can't be asked; then it should be tried again.
    pub async fn claim(&self, rules: &TenantRules, wanted: &Wanted) -> Result<Option<Named>, StoreError> {
        match wanted.named.kind {
            Kind::User => self.claim_as::<User>(&rules.users.unique, wanted).await,
            Kind::Team => self.claim_as::<Team>(&rules.groups.unique, wanted).await,
        }
    }

    async fn claim_as<K: Claimant>(
        &self,
        unique: &[Unique],
        wanted: &Wanted,
    ) -> Result<Option<Named>, StoreError> {
        let Wanted { named: Named { kind, tenant, id }, claim } = wanted;
        let api: Api<K> = Api::namespaced(self.store.client().clone(), &tenant.namespace);
        let object = call(api.get_opt(id)).await?;
        let Some(object) = object.filter(|it| !is_gone(it) && it.tenant() == tenant.name.as_ref()) else {
            return Ok(None);
        };
        let wanted = claims_of(tenant, unique, &object).into_iter().find(|it| short(&it.name) == *claim);
        let Some(wanted) = wanted else { return Ok(None) };
        let claims = Claims::<K>::new(self.store.client(), tenant);
        Ok(match claims.settle(&wanted.about, &wanted.value, id).await? {
            Owner::It => None,
            Owner::Another(id) => Some(Named { kind: *kind, tenant: tenant.clone(), id: id.into() }),
        })
    }

    /// The claims on values of a tenant, but names, and their holders.
    async fn held(&self, tenant: &TenantKey) -> Result<HashSet<(Short, Id)>, StoreError> {
        let (claim, of_tenant) = (names::LABEL_CLAIM, names::LABEL_TENANT);
        let labels =
            format!("{claim} in ({},{}),{of_tenant}={}", User::SCIM_KIND, Team::SCIM_KIND, tenant.name);
        let leases: Api<Lease> = Api::namespaced(self.store.client().clone(), &tenant.namespace);
        let mut pages = std::pin::pin!(pages(leases, ListParams::default().labels(&labels).limit(PAGE)));
        let mut held = HashSet::new();
        while let Some(page) = pages.next().await {
            held.extend(page?.iter().map(|lease| {
                let holder = lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref());
                (short(&lease.name_any()), shared(holder.unwrap_or_default()))
            }));
        }
        Ok(held)
    }

    fn shown(&self, Named { kind, tenant, id }: &Named) -> Option<Found> {
        match kind {
            Kind::User => self.store.directory().user(tenant, id).map(Found::User),
            Kind::Team => self.store.directory().team(tenant, id).map(Found::Team),
        }
    }

    fn claims(&self, rules: &TenantRules, named: &Named, found: &Found) -> Vec<Short> {
        let (directory, tenant) = (self.store.directory(), &named.tenant);
        match named.kind {
            Kind::User => rules
                .users
                .unique
                .iter()
                .flat_map(|it| claims_on::<User>(directory, tenant, it, found))
                .collect(),
            Kind::Team => rules
                .groups
                .unique
                .iter()
                .flat_map(|it| claims_on::<Team>(directory, tenant, it, found))
                .collect(),
        }
    }
}

impl Compared {
    fn add<K: Claimant>(
        &mut self,
        directory: &Directory,
        tenant: &TenantKey,
        unique: &Unique,
        held: &HashSet<(Short, Id)>,
    ) {
        let all: Vec<Found> = match K::KIND {
            Kind::User => directory.users(tenant, &[]).into_iter().map(Found::User).collect(),
            Kind::Team => directory.teams(tenant, &[]).into_iter().map(Found::Team).collect(),
        };
        let mut uses = Vec::new();
        for found in all {
            let (created, id) = (found.created(), shared(found.id()));
            uses.extend(claims_on::<K>(directory, tenant, unique, &found).map(|claim| {
                let lacks_it = !held.contains(&(claim, id.clone()));
                Use { claim, lacks_it, created, id: id.clone() }
            }));
        }
        uses.sort_unstable();
        let named = |it: &Use| Named { kind: K::KIND, tenant: tenant.clone(), id: it.id.clone() };
        let wanted = |it: &Use| Wanted { named: named(it), claim: it.claim };
        for rivals in uses.chunk_by(|a, b| a.claim == b.claim) {
            let Some((first, others)) = rivals.split_first() else { continue };
            self.missing.extend(first.lacks_it.then(|| wanted(first)));
            self.behind.extend(others.iter().map(|it| (named(first), wanted(it))));
        }
    }
}

/// The claims that an object should have because of one attribute.
fn claims_on<K: Claimant>(
    directory: &Directory,
    tenant: &TenantKey,
    unique: &Unique,
    found: &Found,
) -> impl Iterator<Item = Short> {
    let about = About::Attribute(unique.clone());
    let values = values(directory, tenant, unique, found).into_iter();
    values.map(move |value| short(&about.claim::<K>(tenant, &value)))
}

fn short(claim: &str) -> Short {
    let mut hasher = DefaultHasher::new();
    claim.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A user of `acme/okta` with an address, created in this second.
    fn put(directory: &Directory, id: &str, second: u8, address: &str) {
        let user = json!({
            "apiVersion": "rollcall.dev/v1alpha1", "kind": "User",
            "metadata": {
                "name": id, "namespace": "acme", "resourceVersion": "7",
                "creationTimestamp": format!("2026-01-01T00:00:{second:02}Z"),
            },
            "spec": {
                "tenantRef": { "name": "okta" }, "userName": id, "active": true, "emails": [{ "value": address }],
            },
        });
        directory.put_user(serde_json::from_value(user).unwrap());
    }

    /// Who misses a claim, and who is behind whom; `holders` have the claims on their addresses.
    fn compared(directory: &Directory, holders: &[&str]) -> (Vec<String>, Vec<(String, String)>) {
        let (tenant, unique) = (TenantKey::new("acme", "okta"), Unique::new("emails.value", false).unwrap());
        let users = directory.users(&tenant, &[]).into_iter().map(Found::User);
        let held = users.filter(|found| holders.contains(&found.id())).flat_map(|found| {
            let claims = claims_on::<User>(directory, &tenant, &unique, &found).collect::<Vec<_>>();
            claims.into_iter().map(move |claim| (claim, shared(found.id())))
        });
        let mut compared = Compared::default();
        compared.add::<User>(directory, &tenant, &unique, &held.collect());
        let id = |named: &Named| named.id.to_string();
        let mut missing: Vec<String> = compared.missing.iter().map(|it| id(&it.named)).collect();
        missing.sort();
        (missing, compared.behind.iter().map(|(first, it)| (id(first), id(&it.named))).collect())
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(first, behind)| ((*first).to_owned(), (*behind).to_owned())).collect()
    }

    #[test]
    fn of_those_who_share_a_value_the_oldest_comes_first_and_then_the_lesser_id() {
        let directory = Directory::default();
        for (id, second) in [("a", 3), ("c", 1), ("b", 1), ("d", 2)] {
            put(&directory, id, second, "X@example.com");
        }
        put(&directory, "e", 0, "other@example.com");
        let (missing, behind) = compared(&directory, &[]);
        assert_eq!(missing, ["b", "e"]);
        assert_eq!(behind, pairs(&[("b", "c"), ("b", "d"), ("b", "a")]));
    }

    #[test]
    fn who_uses_a_value_and_has_its_claim_comes_before_those_who_are_older() {
        let directory = Directory::default();
        for (id, second) in [("a", 1), ("b", 2), ("c", 3)] {
            put(&directory, id, second, "x@example.com");
        }
        let (missing, behind) = compared(&directory, &["c"]);
        assert!(missing.is_empty());
        assert_eq!(behind, pairs(&[("c", "a"), ("c", "b")]));
    }
}
