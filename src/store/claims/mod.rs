//! Unique means unique: claims on `userName`, `displayName` and what else a tenant calls unique, enforced by the API
//! server.
//!
//! A claim is a `Lease` named after a hash of tenant, attribute and folded value, so create-if-absent makes it
//! exclusive, whatever replicas and caches do. A Lease, because it is small, built in, and has the fields that a claim
//! needs; nobody renews it. [`protocol`] says in which order things are written and why that is safe; this makes the calls
//! that it asks for.

mod about;
mod calls;
mod lease;
mod moves;
pub mod protocol;

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client, ResourceExt};

use self::{
    calls::{Teller, about_of},
    lease::{holder_of, version_of},
    protocol::{Acquire, Acquired, Answer, Ask, Machine, Next, Orphan, Outcome, Retire, Text},
};
use super::{
    api_error::{call, is_conflict, is_not_found},
    claimant::Claimant,
    error::StoreError,
    meta::exactly,
    tenant::TenantKey,
};

pub(super) use self::{
    about::{About, claim_of},
    calls::{PutError, answer_of, look_at},
    moves::{Moves, claims_of},
};
use crate::scim::rules::Unique;

/// How long a holder that doesn't use its claim yet is waited for: much longer than a create or a rename takes, much
/// shorter than an identity provider's patience.
const PATIENCE: Duration = Duration::from_secs(3);

/// How often it is looked at meanwhile.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The claims of one kind of object in one tenant.
#[derive(Clone, Debug)]
pub(super) struct Claims<K: Claimant> {
    leases: Api<Lease>,
    holders: Api<K>,
    tenant: TenantKey,
}

/// What a machine wants of whoever knows the object.
#[derive(Debug)]
pub(super) enum Turn {
    /// To write it.
    Write,
    /// To look whether it was written.
    Look,
    /// Nothing more.
    End(Outcome),
}

/// A deleted object.
#[derive(Debug)]
pub(super) enum Deleted<K> {
    /// It is there until its finalizers are gone.
    Marked(K),
    /// It is gone.
    Gone,
}

/// Who owns a name.
#[derive(Debug)]
pub(super) enum Owner {
    /// The object that was asked about.
    It,
    /// The object with this id.
    Another(String),
}

impl<K: Claimant> Claims<K> {
    pub(super) fn new(client: &Client, tenant: &TenantKey) -> Self {
        Self {
            leases: Api::namespaced(client.clone(), &tenant.namespace),
            holders: Api::namespaced(client.clone(), &tenant.namespace),
            tenant: tenant.clone(),
        }
    }

    /// The objects that hold claims.
    pub(super) fn holders(&self) -> &Api<K> {
        &self.holders
    }

    /// The name of the claim on a value.
    fn on(&self, about: &About, value: &str) -> Text {
        about.claim::<K>(&self.tenant, &about.comparable(value)).into()
    }

    /// Makes one attempt to write an object: `put` writes it, and `is_ours` recognises it if the answer to its creation
    /// was lost. `None` if the object has changed since it was read, or its id can't be used.
    pub(super) async fn write<F, Put>(
        &self,
        id: &str,
        moves: &Moves,
        put: F,
        is_ours: impl Fn(&K) -> bool,
    ) -> Result<Option<K>, StoreError>
    where
        F: Fn() -> Put,
        Put: Future<Output = Result<K, PutError>>,
    {
        let (mut write, about) = (moves.write(id), moves.about());
        let (mut stored, mut failed) = (None, None);
        loop {
            let (machine, turn) = self.advance(write, &about).await?;
            let answer = match turn {
                Turn::Write => match put().await {
                    Ok(object) => Answer::Stored(version_of(stored.insert(object))),
                    Err(error) => failed.insert(error).answer(),
                },
                Turn::Look => match call(self.holders.get_opt(id)).await {
                    Ok(Some(object)) if is_ours(&object) => Answer::Stored(version_of(stored.insert(object))),
                    Ok(_) | Err(_) => Answer::Lost,
                },
                Turn::End(Outcome::Stored) => return Ok(stored),
                Turn::End(Outcome::Outdated) => return Ok(None),
                Turn::End(Outcome::Taken(claim)) => {
                    let attribute = about_of(&about, &claim).path::<K>().to_owned();
                    return Err(StoreError::Taken { kind: K::SCIM_KIND, attribute });
                }
                Turn::End(Outcome::Failed) => return Err(failed.map_or_else(unknown, StoreError::from)),
            };
            write = machine.told(answer, false);
        }
    }

    /// Marks an object as deleted, in the version that was looked at, and gives up its claims. `None` if it has changed
    /// since.
    pub(super) async fn retire(
        &self,
        object: &K,
        unique: &[Unique],
    ) -> Result<Option<Deleted<K>>, StoreError> {
        let id = object.name_any();
        let claims = claims_of(&self.tenant, unique, object).into_iter().map(|claim| claim.name).collect();
        let mut retire = Retire::new(id.as_str().into(), claims);
        let mut result = Ok(None);
        loop {
            let (machine, turn) = self.advance(retire, &[]).await?;
            match turn {
                Turn::End(_) => return result,
                Turn::Write | Turn::Look => {
                    let answer = match call(self.holders.delete(&id, &exactly(object.meta()))).await {
                        Ok(deleted) => {
                            result = Ok(Some(deleted.left().map_or(Deleted::Gone, Deleted::Marked)));
                            Answer::Stored(version_of(object))
                        }
                        Err(error) => {
                            let answer = answer_of(&error);
                            if is_not_found(&error) {
                                result = Err(StoreError::NotFound { kind: K::SCIM_KIND, id: id.clone() });
                            } else if !is_conflict(&error) {
                                result = Err(error.into());
                            }
                            answer
                        }
                    };
                    retire = machine.told(answer, false);
                }
            }
        }
    }

    /// Goes on until the machine wants something of its caller, who then tells it the answer. `about` says it of each
    /// claim that is not on a name.
    async fn advance<M: Machine>(
        &self,
        mut machine: M,
        about: &[(Text, About)],
    ) -> Result<(M, Turn), StoreError> {
        let mut teller = Teller::new(about);
        loop {
            let ask = match machine.next() {
                Next::Ask(Ask::Write) => return Ok((machine, Turn::Write)),
                Next::Ask(Ask::Look) => return Ok((machine, Turn::Look)),
                Next::End(Outcome::Failed) => {
                    let failed = teller.error.take().map(StoreError::from);
                    return failed.map_or(Ok((machine, Turn::End(Outcome::Failed))), Err);
                }
                Next::End(outcome) => return Ok((machine, Turn::End(outcome))),
                Next::Ask(ask) => ask,
            };
            let answer = teller.ask(self, ask).await;
            machine = machine.told(answer, teller.is_patient());
        }
    }

    /// Makes sure that `id`, an object that exists and uses `value`, has the claim on it, whoever wrote it. Writes
    /// nothing if it has; tells who has it instead if somebody else uses the value.
    pub(super) async fn settle(&self, about: &About, value: &str, id: &str) -> Result<Owner, StoreError> {
        let claim = self.on(about, value);
        if self.holder(&claim).await?.as_deref() == Some(id) {
            return Ok(Owner::It);
        }
        let about = [(claim.clone(), about.clone())];
        let mut teller = Teller::new(&about);
        let mut acquire = Acquire::new(claim.clone(), id.into());
        let acquired = loop {
            match acquire.next() {
                Ok(ask) => acquire = acquire.told(teller.ask(self, ask).await, teller.is_patient()),
                Err(acquired) => break acquired,
            }
        };
        match acquired {
            Acquired::Held(_) => Ok(Owner::It),
            Acquired::Taken(_) => Ok(Owner::Another(self.holder(&claim).await?.unwrap_or_default())),
            Acquired::Failed => Err(teller.error.map_or_else(unknown, StoreError::from)),
        }
    }

    /// Deletes the claim on the name `value`, if `id` holds it: an object that is gone, or doesn't use the value.
    pub(super) async fn release(&self, value: &str, id: &str) {
        if let Err(error) =
            self.advance(Retire::claim_alone(id.into(), self.on(&About::Name, value)), &[]).await
        {
            tracing::warn!(%error, "could not release a claim; it will be swept later");
        }
    }

    /// Deletes a claim whose holder doesn't use it and never will. What is young is left to those who are at work.
    /// `known` is the holder as far as this process knows it, which mostly spares asking the API server.
    pub(super) async fn sweep(
        &self,
        lease: &Lease,
        older_than: Timestamp,
        known: Option<&K>,
    ) -> Result<bool, StoreError> {
        let acquired = lease.spec.as_ref().and_then(|spec| spec.acquire_time.as_ref()).map(|time| time.0);
        let (holder, about) = (holder_of(lease), About::of(lease));
        if holder.is_empty()
            || acquired.is_none_or(|acquired| acquired > older_than)
            || known.is_some_and(|object| about.is_used_by(object, &lease.name_any()))
        {
            return Ok(false);
        }
        let orphan = Orphan::new(lease.name_any().into(), version_of(lease), holder.into());
        let (_, turn) = self.advance(orphan, &[(lease.name_any().into(), about)]).await?;
        Ok(matches!(turn, Turn::End(Outcome::Stored)))
    }

    async fn holder(&self, claim: &str) -> Result<Option<String>, StoreError> {
        Ok(call(self.leases.get_opt(claim)).await?.map(|lease| holder_of(&lease).to_owned()))
    }
}

/// A machine that fails without an error was told an answer to another question.
fn unknown() -> StoreError {
    let reason = "the API server gave an unexpected answer".to_owned();
    StoreError::Unavailable { reason, retry_after: LOOK_AGAIN }
}
