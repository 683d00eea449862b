//! The calls that machines ask for, and what their answers mean to them.

use jiff::Timestamp;
use kube::{
    ResourceExt,
    api::{DeleteParams, Preconditions},
};
use tokio::time::Instant;

use super::{
    Claims, LOOK_AGAIN, PATIENCE,
    about::About,
    lease::{holder_of, lease_of, version_of},
    protocol::{Answer, Ask, Holder, Refusal, Text},
};
use crate::{
    api::names,
    store::{
        api_error::{CallError, call, is_already_exists, is_ambiguous, is_conflict, is_not_found},
        claimant::Claimant,
        error::StoreError,
        meta::post_params,
    },
};

/// Makes calls for a machine, and remembers what it need not know: time, errors, and objects.
pub(super) struct Teller<'a, K> {
    about: &'a [(Text, About)],
    patience_ends: Instant,
    seen: Option<K>,
    /// Why the last call failed, if that may end the machine.
    pub(super) error: Option<CallError>,
}

impl<'a, K: Claimant> Teller<'a, K> {
    /// `about` says it of each claim that is not on a name.
    pub(super) fn new(about: &'a [(Text, About)]) -> Self {
        Self { about, patience_ends: Instant::now() + PATIENCE, seen: None, error: None }
    }

    pub(super) fn is_patient(&self) -> bool {
        Instant::now() < self.patience_ends
    }

    pub(super) async fn ask(&mut self, claims: &Claims<K>, ask: Ask) -> Answer {
        let releases = matches!(ask, Ask::DeleteClaim { .. });
        let error = match claims.call(ask, self.about, &mut self.seen).await {
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

/// Why an object was not put.
#[derive(Debug)]
pub(in crate::store) enum PutError {
    /// The API server's answer, or that there was none.
    Call(CallError),
    /// Something before, so that it was not even tried.
    Before(StoreError),
}

impl PutError {
    /// What it means to a machine.
    pub(in crate::store) fn answer(&self) -> Answer {
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
    /// Makes the call that a machine asks for. `about` says it of each claim that is not on a name; `seen` is the last
    /// holder that was looked at.
    pub(in crate::store) async fn call(
        &self,
        ask: Ask,
        about: &[(Text, About)],
        seen: &mut Option<K>,
    ) -> Result<Answer, CallError> {
        let stored = match ask {
            Ask::Claim { claim } => {
                let lease = call(self.leases.get_opt(&claim)).await?;
                return Ok(Answer::Claim(lease.map(|lease| (holder_of(&lease).into(), version_of(&lease)))));
            }
            Ask::Holder { id, claim } => {
                *seen = call(self.holders.get_opt(&id)).await?;
                let version = seen.as_ref().map(version_of);
                return Ok(Answer::Holder(
                    look_at(seen.as_ref(), &id, |it| about_of(about, &claim).is_used_by(it, &claim)),
                    version,
                ));
            }
            Ask::Wait => {
                tokio::time::sleep(LOOK_AGAIN).await;
                return Ok(Answer::Waited);
            }
            Ask::CreateClaim { claim, holder } => {
                let lease = lease_of::<K>(&self.tenant, about_of(about, &claim), &claim, &holder, None);
                version_of(&call(self.leases.create(&post_params(), &lease)).await?)
            }
            Ask::SwapClaim { claim, holder, version } => {
                let lease =
                    lease_of::<K>(&self.tenant, about_of(about, &claim), &claim, &holder, Some(&version));
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

/// What a claim is about.
pub(super) fn about_of<'a>(about: &'a [(Text, About)], claim: &str) -> &'a About {
    about.iter().find(|(name, _)| **name == *claim).map_or(&About::Name, |(_, about)| about)
}

/// What a failed call means to a machine.
pub(in crate::store) fn answer_of(error: &CallError) -> Answer {
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
pub(in crate::store) fn look_at<K: Claimant>(
    object: Option<&K>,
    id: &str,
    uses_it: impl Fn(&K) -> bool,
) -> Holder {
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

/// Delete only this version, which no other object ever has.
fn in_version(version: &str) -> DeleteParams {
    let preconditions = Preconditions { resource_version: Some(version.to_owned()), uid: None };
    DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() }
}
