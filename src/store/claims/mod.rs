//! Unique means unique: claims on `userName` and `displayName`, enforced by the API server.
//!
//! A claim is a `Lease` named after a hash of tenant, attribute and folded value, so create-if-absent makes it
//! exclusive, whatever replicas and caches do. A Lease, because it is small, built in, and has the fields that a claim
//! needs; nobody renews it. [`protocol`] says in which order things are written and why that is safe; this makes the calls
//! that it asks for.

mod lease;
pub mod protocol;

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, Preconditions},
};
use tokio::time::Instant;

use self::{
    lease::{holder_of, lease_of, version_of},
    protocol::{
        Acquire, Acquired, Answer, Ask, Holder, Machine, Next, Orphan, Outcome, Refusal, Retire, Write,
    },
};
use super::{
    api_error::{CallError, call, is_already_exists, is_ambiguous, is_conflict, is_not_found},
    claimant::Claimant,
    error::StoreError,
    meta::{exactly, post_params},
    tenant::TenantKey,
};
use crate::api::names;

pub(super) use self::lease::{claim_of, claim_on};

/// How long a holder that doesn't use its claim yet is waited for: much longer than a create or a rename takes, much
/// shorter than an identity provider's patience.
const PATIENCE: Duration = Duration::from_secs(3);

/// How often it is looked at meanwhile.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

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

/// Why an object was not put.
#[derive(Debug)]
pub(super) enum PutError {
    /// The API server's answer, or that there was none.
    Call(CallError),
    /// Something before, so that it was not even tried.
    Before(StoreError),
}

/// Who owns a name.
#[derive(Debug)]
pub(super) enum Owner {
    /// The object that was asked about.
    It,
    /// The object with this id.
    Another(String),
}

impl PutError {
    /// What it means to a machine.
    pub(super) fn answer(&self) -> Answer {
        match self {
            Self::Call(error) => answer_of(error),
            Self::Before(_) => Answer::Refused(Refusal::Other),
        }
    }
}

impl From<CallError> for PutError {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl From<PutError> for StoreError {
    fn from(error: PutError) -> Self {
        match error {
            PutError::Call(error) => error.into(),
            PutError::Before(error) => error,
        }
    }
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
    pub(super) fn on(&self, value: &str) -> protocol::Text {
        claim_on::<K>(&self.tenant, value).into()
    }

    /// Makes one attempt to write an object: `put` writes it, and `is_ours` recognises it if the answer to its creation
    /// was lost. `None` if the object has changed since it was read, or its id can't be used.
    pub(super) async fn write<F, Put>(
        &self,
        id: &str,
        mut write: Write,
        put: F,
        is_ours: impl Fn(&K) -> bool,
    ) -> Result<Option<K>, StoreError>
    where
        F: Fn() -> Put,
        Put: Future<Output = Result<K, PutError>>,
    {
        let (mut stored, mut failed) = (None, None);
        loop {
            let (machine, turn) = self.advance(write).await?;
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
                Turn::End(Outcome::Taken) => {
                    return Err(StoreError::Taken { kind: K::SCIM_KIND, attribute: K::ATTRIBUTE });
                }
                Turn::End(Outcome::Failed) => return Err(failed.map_or_else(unknown, StoreError::from)),
            };
            write = machine.told(answer, false);
        }
    }

    /// Marks an object as deleted, in the version that was looked at, and gives up its claim. `None` if it has changed
    /// since.
    pub(super) async fn retire(&self, object: &K) -> Result<Option<Deleted<K>>, StoreError> {
        let id = object.name_any();
        let mut retire = Retire::new(id.as_str().into(), claim_of(object).into());
        let mut result = Ok(None);
        loop {
            let (machine, turn) = self.advance(retire).await?;
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

    /// Goes on until the machine wants something of its caller, who then tells it the answer.
    pub(super) async fn advance<M: Machine>(&self, mut machine: M) -> Result<(M, Turn), StoreError> {
        let mut teller = Teller::new();
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
    pub(super) async fn settle(&self, value: &str, id: &str) -> Result<Owner, StoreError> {
        let claim = self.on(value);
        if self.holder(&claim).await?.as_deref() == Some(id) {
            return Ok(Owner::It);
        }
        let mut teller = Teller::new();
        let mut acquire = Acquire::new(claim.clone(), id.into());
        let acquired = loop {
            match acquire.next() {
                Ok(ask) => acquire = acquire.told(teller.ask(self, ask).await, teller.is_patient()),
                Err(acquired) => break acquired,
            }
        };
        match acquired {
            Acquired::Held(_) => Ok(Owner::It),
            Acquired::Taken => Ok(Owner::Another(self.holder(&claim).await?.unwrap_or_default())),
            Acquired::Failed => Err(teller.error.map_or_else(unknown, StoreError::from)),
        }
    }

    /// Deletes the claim of `value`, if `id` holds it: an object that is gone, or doesn't use the value.
    pub(super) async fn release(&self, value: &str, id: &str) {
        if let Err(error) = self.advance(Retire::claim_alone(id.into(), self.on(value))).await {
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
        let holder = holder_of(lease);
        if holder.is_empty()
            || acquired.is_none_or(|acquired| acquired > older_than)
            || known.is_some_and(|object| claim_of(object) == lease.name_any())
        {
            return Ok(false);
        }
        let orphan = Orphan::new(lease.name_any().into(), version_of(lease), holder.into());
        let (_, turn) = self.advance(orphan).await?;
        Ok(matches!(turn, Turn::End(Outcome::Stored)))
    }

    async fn holder(&self, claim: &str) -> Result<Option<String>, StoreError> {
        Ok(call(self.leases.get_opt(claim)).await?.map(|lease| holder_of(&lease).to_owned()))
    }

    /// Makes the call that a machine asks for. `seen` is the last holder that was looked at.
    pub(super) async fn call(&self, ask: Ask, seen: &mut Option<K>) -> Result<Answer, CallError> {
        let stored = match ask {
            Ask::Claim { claim } => {
                let lease = call(self.leases.get_opt(&claim)).await?;
                return Ok(Answer::Claim(lease.map(|lease| (holder_of(&lease).into(), version_of(&lease)))));
            }
            Ask::Holder { id, claim } => {
                *seen = call(self.holders.get_opt(&id)).await?;
                let version = seen.as_ref().map(version_of);
                return Ok(Answer::Holder(look_at(seen.as_ref(), &id, |it| claim_of(it) == *claim), version));
            }
            Ask::Wait => {
                tokio::time::sleep(LOOK_AGAIN).await;
                return Ok(Answer::Waited);
            }
            Ask::CreateClaim { claim, holder } => {
                let lease = lease_of::<K>(&self.tenant, &claim, &holder, None);
                version_of(&call(self.leases.create(&post_params(), &lease)).await?)
            }
            Ask::SwapClaim { claim, holder, version } => {
                let lease = lease_of::<K>(&self.tenant, &claim, &holder, Some(&version));
                version_of(&call(self.leases.replace(&claim, &post_params(), &lease)).await?)
            }
            Ask::DeleteClaim { claim, version } => {
                call(self.leases.delete(&claim, &in_version(&version))).await?;
                version
            }
            Ask::Placeholder { id } => {
                let placeholder = K::placeholder(&self.tenant, &id);
                version_of(&call(self.holders.create(&post_params(), &placeholder)).await?)
            }
            Ask::Touch { id, version } => {
                let Some(mut object) = seen.take().filter(|seen| version_of(seen) == version) else {
                    return Ok(Answer::Refused(Refusal::Outdated));
                };
                let now = Timestamp::now().to_string();
                object.annotations_mut().insert(names::ANNOTATION_FENCED_AT.to_owned(), now);
                version_of(&call(self.holders.replace(&id, &post_params(), &object)).await?)
            }
            // These are the caller's.
            Ask::Write | Ask::Look => return Ok(Answer::Lost),
        };
        Ok(Answer::Stored(stored))
    }
}

/// Makes calls for a machine, and remembers what it need not know: time, errors, and objects.
struct Teller<K> {
    patience_ends: Instant,
    seen: Option<K>,
    error: Option<CallError>,
}

impl<K: Claimant> Teller<K> {
    fn new() -> Self {
        Self { patience_ends: Instant::now() + PATIENCE, seen: None, error: None }
    }

    fn is_patient(&self) -> bool {
        Instant::now() < self.patience_ends
    }

    async fn ask(&mut self, claims: &Claims<K>, ask: Ask) -> Answer {
        let releases = matches!(ask, Ask::DeleteClaim { .. });
        let error = match claims.call(ask, &mut self.seen).await {
            Ok(answer) => return answer,
            Err(error) => error,
        };
        let answer = answer_of(&error);
        if !releases {
            self.error = Some(error);
        } else if !matches!(answer, Answer::Refused(Refusal::Outdated)) {
            tracing::warn!(%error, "could not release a claim; it will be swept later");
        }
        answer
    }
}

/// What a failed call means to a machine.
pub(super) fn answer_of(error: &CallError) -> Answer {
    if is_already_exists(error) {
        Answer::Refused(Refusal::Exists)
    } else if is_conflict(error) || is_not_found(error) {
        Answer::Refused(Refusal::Outdated)
    } else if is_ambiguous(error) {
        Answer::Lost
    } else {
        Answer::Refused(Refusal::Other)
    }
}

/// What an object is to a claim (or a slice) that names it.
pub(super) fn look_at<K: Claimant>(object: Option<&K>, id: &str, uses_it: impl Fn(&K) -> bool) -> Holder {
    let Some(object) = object else {
        return if may_be_created(id) { Holder::Missing } else { Holder::Gone };
    };
    if object.meta().deletion_timestamp.is_some() {
        Holder::Deleting
    } else if object.labels().get(names::LABEL_ORIGIN).is_some_and(|it| it == names::ORIGIN_PLACEHOLDER) {
        Holder::Placeholder
    } else if uses_it(object) {
        Holder::UsesIt
    } else {
        Holder::UsesAnother
    }
}

/// Whether the receiver may be about to create an object of this name: its ids are UUIDs. Under another name only
/// people create, who claim nothing before; a placeholder would be in their way for nothing.
fn may_be_created(id: &str) -> bool {
    uuid::Uuid::try_parse(id).is_ok()
}

/// A machine that fails without an error was told an answer to another question.
fn unknown() -> StoreError {
    let reason = "the API server gave an unexpected answer".to_owned();
    StoreError::Unavailable { reason, retry_after: LOOK_AGAIN }
}

/// Delete only this version.
fn in_version(version: &str) -> DeleteParams {
    let preconditions = Preconditions { resource_version: Some(version.to_owned()), uid: None };
    DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() }
}
