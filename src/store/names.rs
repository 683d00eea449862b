//! The names of what people declare.
//!
//! The receiver claims a name before it writes an object; people just declare. So the leader claims what they declared,
//! or finds out who has the name, and gives claims up that nobody uses any more. An object of any origin that has lost its
//! claim, by a restore without the Leases, say, gets it again.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures::StreamExt;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, ResourceExt, api::ListParams};

use super::{
    Store,
    api_error::call,
    claimant::Claimant,
    claims::{About, Claims, Owner, claim_of},
    directory::{Change, is_gone, standing::conflict},
    error::StoreError,
    membership::Id,
    sweep::{PAGE, api_of, pages},
    tenant::TenantKey,
    view::is_receivers,
    written::Kind,
};
use crate::{
    api::{Team, User, names},
    scim::fold::fold_case,
};

/// Who was there first: the receiver's objects, then the older ones.
type Order = (bool, Option<jiff::Timestamp>, String);

/// The leader's view of who has which name.
#[derive(Debug)]
pub struct Names {
    store: Store,
    /// The folded names that declared objects have claims on.
    claimed: Mutex<HashMap<Named, String>>,
}

/// A user or a team.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Named {
    /// Which of the two.
    pub kind: Kind,
    /// Its tenant.
    pub tenant: TenantKey,
    /// Its id.
    pub id: Id,
}

impl From<Change> for Named {
    /// Whom a change is about.
    fn from(change: Change) -> Self {
        match change {
            Change::User { tenant, id } => Self { kind: Kind::User, tenant, id },
            Change::Team { tenant, id, moved: _ } => Self { kind: Kind::Team, tenant, id },
        }
    }
}

/// Something about an object's name that its status must say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The generation of the object that this is about.
    pub generation: Option<i64>,
    /// `userName` or `displayName`.
    pub attribute: &'static str,
    /// The id of the object that has the name; `None` if it is its own.
    pub owner: Option<String>,
}

impl Names {
    /// Nothing is known yet: see [`Names::without_claim`].
    pub fn new(store: Store) -> Self {
        Self { store, claimed: Mutex::default() }
    }

    /// Compares all objects with all claims in `namespaces` (none means all), and gives back who has none. Who was
    /// there first comes first: the receiver's objects, then older ones.
    ///
    /// # Errors
    /// If the claims can't be listed.
    pub async fn without_claim(&self, namespaces: &[String]) -> Result<Vec<Named>, StoreError> {
        let mut claims = HashSet::new();
        let all = [String::new()];
        for namespace in if namespaces.is_empty() { &all[..] } else { namespaces } {
            let labels = format!("{} in ({},{})", names::LABEL_CLAIM, User::ATTRIBUTE, Team::ATTRIBUTE);
            let params = ListParams::default().labels(&labels).limit(PAGE);
            let mut pages = std::pin::pin!(pages(api_of::<Lease>(&self.store, namespace), params));
            while let Some(page) = pages.next().await {
                claims.extend(page?.into_iter().map(|lease| {
                    let holder = lease.spec.as_ref().and_then(|spec| spec.holder_identity.clone());
                    (lease.namespace().unwrap_or_default(), lease.name_any(), holder.unwrap_or_default())
                }));
            }
        }
        let mut without = Vec::new();
        for tenant in self.store.directory().tenants() {
            self.compare::<User>(&tenant, &claims, &mut without);
            self.compare::<Team>(&tenant, &claims, &mut without);
        }
        without.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(without.into_iter().map(|(_, named)| named).collect())
    }

    /// Those that are kept back in a tenant: whenever something changes there, their names may become free.
    pub fn held(&self, tenant: &TenantKey) -> Vec<Named> {
        let directory = self.store.directory();
        let users = directory.held_users(tenant).into_iter().map(|it| (Kind::User, it.name_any()));
        let teams = directory.held_teams(tenant).into_iter().map(|it| (Kind::Team, it.name_any()));
        let named = |(kind, id): (Kind, String)| Named { kind, tenant: tenant.clone(), id: id.into() };
        users.chain(teams).map(named).collect()
    }

    /// Claims the name of an object that people declare, or gives up the claim of one that is gone. Costs nothing if
    /// the claim is known already.
    ///
    /// # Errors
    /// If the API server can't be asked; then it should be tried again.
    pub async fn look_at(&self, named: &Named) -> Result<Option<Verdict>, StoreError> {
        match named.kind {
            Kind::User if self.is_shown_receivers(named) => {
                self.claimed().remove(named);
                Ok(None)
            }
            Kind::User => self.look_at_one::<User>(named, false).await,
            Kind::Team => self.look_at_one::<Team>(named, false).await,
        }
    }

    /// The same for an object of any origin that [`Names::without_claim`] gave.
    ///
    /// # Errors
    /// As [`Names::look_at`].
    pub async fn claim(&self, named: &Named) -> Result<Option<Verdict>, StoreError> {
        match named.kind {
            Kind::User => self.look_at_one::<User>(named, true).await,
            Kind::Team => self.look_at_one::<Team>(named, true).await,
        }
    }

    fn compare<K: Claimant>(
        &self,
        tenant: &TenantKey,
        claims: &HashSet<(String, String, String)>,
        without: &mut Vec<(Order, Named)>,
    ) {
        K::each(self.store.directory(), tenant, |object| {
            let id = object.name_any();
            let claim = (tenant.namespace.to_string(), claim_of(object), id.clone());
            let named = Named { kind: K::KIND, tenant: tenant.clone(), id: id.clone().into() };
            let receivers = is_receivers(object);
            if !claims.contains(&claim) {
                let created = object.creation_timestamp().map(|time| time.0);
                without.push(((!receivers, created, id), named));
            } else if !receivers {
                self.claimed().insert(named, fold_case(object.unique_value()));
            }
        });
    }

    /// Whether it is a user whose claims are the receiver's to see to, as nearly all are; they need not be unpacked for
    /// that. Who is shown is not kept back.
    fn is_shown_receivers(&self, named: &Named) -> bool {
        let shown = self.store.directory().user(&named.tenant, &named.id);
        shown.is_some_and(|user| user.is_receivers())
    }

    async fn look_at_one<K: Claimant>(
        &self,
        named: &Named,
        whoever: bool,
    ) -> Result<Option<Verdict>, StoreError> {
        let Named { kind, tenant, id } = named;
        let directory = self.store.directory();
        let held = K::held(directory, tenant, id);
        let is_held = held.is_some();
        let Some(object) = held.or_else(|| K::shown(directory, tenant, id)) else {
            self.release::<K>(named, None).await;
            return Ok(None);
        };
        let value = fold_case(object.unique_value());
        let is_known = if is_held {
            conflict(object.as_ref()) == Some(true) && directory.shows_another(*kind, tenant, &value, id)
        } else if is_receivers(object.as_ref()) {
            // The receiver sees to its own claims.
            self.claimed().remove(named);
            !whoever
        } else {
            self.claimed().get(named) == Some(&value)
        };
        if is_known {
            return Ok(None);
        }
        self.settle::<K>(named, &value, is_held).await
    }

    async fn settle<K: Claimant>(
        &self,
        named: &Named,
        value: &str,
        is_held: bool,
    ) -> Result<Option<Verdict>, StoreError> {
        let Named { kind: _, tenant, id } = named;
        let api: Api<K> = Api::namespaced(self.store.client().clone(), &tenant.namespace);
        let object = call(api.get_opt(id)).await?;
        // If it has changed since, we are about to hear of it.
        let Some(object) = object.filter(|it| !is_gone(it) && fold_case(it.unique_value()) == value) else {
            return Ok(None);
        };
        let claims = Claims::<K>::new(self.store.client(), tenant);
        let verdict =
            |owner| Verdict { generation: object.meta().generation, attribute: K::ATTRIBUTE, owner };
        match claims.settle(&About::Name, value, id).await? {
            Owner::It => {
                self.release::<K>(named, Some(value)).await;
                if !is_receivers(&object) {
                    self.claimed().insert(named.clone(), value.to_owned());
                }
                let said = object.conditions().iter().find(|it| it.type_ == names::CONDITION_NAME_CONFLICT);
                let must_say = is_held || said.is_some_and(|it| it.status == "True");
                Ok(must_say.then(|| verdict(None)))
            }
            Owner::Another(owner) => {
                self.release::<K>(named, Some(value)).await;
                Ok(Some(verdict(Some(owner))))
            }
        }
    }

    /// Gives up what the object had claimed, unless it is the name that it has.
    async fn release<K: Claimant>(&self, named: &Named, but: Option<&str>) {
        let before = self.claimed().remove(named);
        if let Some(before) = before.filter(|before| Some(before.as_str()) != but) {
            let claims = Claims::<K>::new(self.store.client(), &named.tenant);
            claims.release(&before, &named.id).await;
        }
    }

    fn claimed(&self) -> MutexGuard<'_, HashMap<Named, String>> {
        // Each change is one insert or remove.
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// Fails if somebody else has a name already, be it claimed or not: people claim nothing before they declare, and
    /// the leader may not have done so yet. That nobody is found here proves nothing; the claim that follows does.
    pub(super) async fn check_unused<K: Claimant>(
        &self,
        tenant: &TenantKey,
        value: &str,
        but: Option<&str>,
    ) -> Result<(), StoreError> {
        for other in self.directory().having(K::KIND, tenant, value) {
            if but == Some(other.as_ref()) {
                continue;
            }
            // Memory may be late: they may have been renamed or deleted.
            match K::read_again(self, tenant, &other).await {
                Ok(()) | Err(StoreError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
            if self.directory().having(K::KIND, tenant, value).contains(&other) {
                return Err(StoreError::Taken { kind: K::SCIM_KIND, attribute: K::ATTRIBUTE.to_owned() });
            }
        }
        Ok(())
    }
}
