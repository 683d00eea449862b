//! The end of a tenant: with `deletionPolicy: Delete` its users and teams go first, once a person has confirmed it.

use std::fmt::Debug;

use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use kube::{
    Api, Resource,
    api::{DeleteParams, ListParams, PartialObjectMeta, Preconditions},
};
use serde::de::DeserializeOwned;

use super::{
    conditions::{self, Facts},
    error::TenantError,
    execute::Executor,
    report::Problem,
};
use crate::api::{DeletionPolicy, ScimTenant, ScimTenantStatus, Team, User, names};

/// How many deletions are under way at once: quick, without crowding the API server out.
const CONCURRENCY: usize = 16;

/// How many objects one look takes.
const PAGE: u32 = 500;

/// What to do about a tenant's finalizer and its deletion.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It lives, and its finalizer is as it should be.
    Alive,
    /// The finalizer has to be there (or not).
    SetFinalizer(bool),
    /// It waits for a person.
    Unconfirmed,
    /// Its users and teams have to go.
    Emptying,
    /// It is going, and nothing is left for us to do.
    Gone,
}

impl Stage {
    pub(super) fn of(tenant: &ScimTenant) -> Self {
        let deletes = match tenant.spec.deletion_policy.unwrap_or_default() {
            DeletionPolicy::Delete => true,
            DeletionPolicy::Retain => false,
        };
        let finalizers = tenant.metadata.finalizers.as_deref().unwrap_or_default();
        let held = finalizers.iter().any(|finalizer| finalizer == names::FINALIZER_TENANT);
        let confirmed =
            tenant.metadata.annotations.as_ref().and_then(|all| all.get(names::ANNOTATION_CONFIRM_DELETION));
        match (tenant.metadata.deletion_timestamp.is_some(), deletes, held) {
            (false, wanted, held) if wanted != held => Self::SetFinalizer(wanted),
            (false, ..) => Self::Alive,
            (true, _, false) => Self::Gone,
            (true, false, true) => Self::SetFinalizer(false),
            (true, true, true) if confirmed == tenant.metadata.name.as_ref() => Self::Emptying,
            (true, true, true) => Self::Unconfirmed,
        }
    }
}

impl Executor<'_> {
    /// Says that the tenant waits for a confirmation, and how to give it.
    pub(super) async fn report_unconfirmed(&self, now: Timestamp) -> Result<(), TenantError> {
        let name = self.tenant.metadata.name.as_deref().unwrap_or_default();
        let problem = Problem {
            reason: "DeletionNotConfirmed",
            message: format!(
                "deleting this tenant deletes its users and teams. To go on: kubectl annotate scimtenant {name} {}={name}. \
                 To keep them: set spec.deletionPolicy to Retain",
                names::ANNOTATION_CONFIRM_DELETION
            ),
        };
        self.report_deletion(Some(&problem), "", now).await
    }

    /// Deletes users and teams that the identity provider pushed; true when none is left. What people declared in
    /// Git is theirs and stays.
    pub(super) async fn empty(&self, now: Timestamp) -> Result<bool, TenantError> {
        let users = self.delete_all::<User>().await?;
        let teams = self.delete_all::<Team>().await?;
        if users + teams > 0 {
            let progress =
                format!("deleting its users and teams: at least {users} users and {teams} teams remain");
            self.report_deletion(None, &progress, now).await?;
        }
        Ok(users + teams == 0)
    }

    /// Deletes up to a page of them, and tells how many there still were.
    async fn delete_all<K>(&self) -> Result<usize, TenantError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned,
    {
        let metadata = &self.tenant.metadata;
        let api =
            Api::<K>::namespaced(self.client.clone(), metadata.namespace.as_deref().unwrap_or_default());
        let ours = ListParams::default()
            .fields(&format!("spec.tenantRef.name={}", metadata.name.as_deref().unwrap_or_default()))
            .labels(&format!("{}={}", names::LABEL_ORIGIN, names::ORIGIN_RECEIVER))
            .limit(PAGE);
        let found =
            api.list_metadata(&ours).await.map_err(TenantError::of("list what the tenant has"))?.items;
        let remaining = found.len();
        let going = found.into_iter().filter(|object| object.metadata.deletion_timestamp.is_none());
        stream::iter(going)
            .map(|object| delete(&api, object))
            .buffer_unordered(CONCURRENCY)
            .try_collect::<()>()
            .await?;
        Ok(remaining)
    }

    async fn report_deletion(
        &self,
        problem: Option<&Problem>,
        progress: &str,
        now: Timestamp,
    ) -> Result<(), TenantError> {
        let before = self.tenant.status.clone().unwrap_or_default();
        let facts = Facts {
            generation: self.tenant.metadata.generation,
            now,
            before: &before.conditions,
            suspended: false,
            problems: &[],
            shared: None,
            failure: None,
            tokens: &[],
        };
        let conditions = conditions::deleting(problem, progress, &facts);
        let status = ScimTenantStatus {
            conditions,
            observed_generation: self.tenant.metadata.generation,
            ..before.clone()
        };
        self.report(&status).await.map(drop)
    }
}

async fn delete<K>(api: &Api<K>, object: PartialObjectMeta<K>) -> Result<(), TenantError>
where
    K: Clone + Debug + DeserializeOwned,
{
    let preconditions = Preconditions { uid: object.metadata.uid.clone(), resource_version: None };
    let name = object.metadata.name.unwrap_or_default();
    match api.delete(&name, &DeleteParams::default().preconditions(preconditions)).await {
        Ok(_) => Ok(()),
        // It is gone, or another of that name is there now: the next look tells.
        Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => Ok(()),
        Err(source) => Err(TenantError::Kube { doing: "delete what the tenant has", source }),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};

    use super::*;
    use crate::api::ScimTenantSpec;

    fn tenant(policy: DeletionPolicy, held: bool, going: bool, confirmation: Option<&str>) -> ScimTenant {
        let spec = ScimTenantSpec { deletion_policy: Some(policy), ..ScimTenantSpec::default() };
        let mut tenant = ScimTenant::new("okta", spec);
        tenant.metadata.finalizers = held.then_some(vec![names::FINALIZER_TENANT.to_owned()]);
        tenant.metadata.deletion_timestamp = going.then_some(Time(Timestamp::UNIX_EPOCH));
        tenant.metadata.annotations = confirmation
            .map(|name| [(names::ANNOTATION_CONFIRM_DELETION.to_owned(), name.to_owned())].into());
        tenant
    }

    #[test]
    fn the_finalizer_follows_the_policy() {
        use DeletionPolicy::{Delete, Retain};
        assert_eq!(Stage::of(&tenant(Delete, false, false, None)), Stage::SetFinalizer(true));
        assert_eq!(Stage::of(&tenant(Delete, true, false, None)), Stage::Alive);
        assert_eq!(Stage::of(&tenant(Retain, true, false, None)), Stage::SetFinalizer(false));
        assert_eq!(Stage::of(&tenant(Retain, false, false, None)), Stage::Alive);
    }

    #[test]
    fn only_the_tenants_own_name_confirms() {
        for wrong in [None, Some(""), Some("true"), Some("entra")] {
            assert_eq!(
                Stage::of(&tenant(DeletionPolicy::Delete, true, true, wrong)),
                Stage::Unconfirmed,
                "{wrong:?}"
            );
        }
        assert_eq!(Stage::of(&tenant(DeletionPolicy::Delete, true, true, Some("okta"))), Stage::Emptying);
    }

    #[test]
    fn a_change_to_retain_lets_a_waiting_tenant_go() {
        assert_eq!(Stage::of(&tenant(DeletionPolicy::Retain, true, true, None)), Stage::SetFinalizer(false));
        assert_eq!(Stage::of(&tenant(DeletionPolicy::Retain, false, true, None)), Stage::Gone);
    }
}
