//! Carries out a plan, in the order that makes it safe to die between any two steps.

use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions},
};
use serde_json::json;

use super::{
    error::TenantError,
    plan::{Plan, name_of},
};
use crate::api::{ScimTenant, ScimTenantStatus, names};

/// The API server, as far as one tenant is concerned.
pub(super) struct Executor<'a> {
    pub(super) client: &'a Client,
    pub(super) tenant: &'a ScimTenant,
}

impl Executor<'_> {
    /// Does what the plan says; tells whether anything had to be done.
    pub(super) async fn execute(&self, plan: &Plan) -> Result<bool, TenantError> {
        if let Some(pin) = &plan.pin {
            self.annotate(Some(pin)).await?;
            return Ok(true);
        }
        if !plan.remove.is_empty() {
            self.confirm_current().await?;
        }
        for secret in &plan.remove {
            self.remove(secret).await?;
        }
        let reported = self.report(&plan.status).await?;
        for secret in &plan.write {
            self.write(secret).await?;
        }
        if plan.rotation_done {
            self.annotate(None).await?;
        }
        Ok(reported || !plan.write.is_empty() || plan.rotation_done)
    }

    /// Writes the status if it differs, on exactly the version that it was derived from: this is also what keeps two
    /// leaders from issuing two tokens, since a Secret is only written after its hash is in the status.
    pub(super) async fn report(&self, status: &ScimTenantStatus) -> Result<bool, TenantError> {
        if self.tenant.status.as_ref() == Some(status) {
            return Ok(false);
        }
        let tenant = ScimTenant { status: Some(status.clone()), ..self.tenant.clone() };
        let params =
            PostParams { field_manager: Some(names::FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let written = self.tenants().replace_status(&self.name(), &params, &tenant).await;
        written.map_err(TenantError::of("write the tenant's status"))?;
        Ok(true)
    }

    /// Adds or removes our finalizer.
    pub(super) async fn set_finalizer(&self, wanted: bool) -> Result<(), TenantError> {
        let mut finalizers = self.tenant.metadata.finalizers.clone().unwrap_or_default();
        finalizers.retain(|finalizer| finalizer != names::FINALIZER_TENANT);
        if wanted {
            finalizers.push(names::FINALIZER_TENANT.to_owned());
        }
        self.patch_metadata(json!({ "finalizers": finalizers })).await
    }

    /// A watch may lag behind. What is deleted can't be brought back, so ask once more before.
    async fn confirm_current(&self) -> Result<(), TenantError> {
        let now =
            self.tenants().get_metadata(&self.name()).await.map_err(TenantError::of("read the tenant"))?;
        let current = now.metadata.resource_version == self.tenant.metadata.resource_version;
        if current { Ok(()) } else { Err(TenantError::Stale) }
    }

    async fn remove(&self, secret: &Secret) -> Result<(), TenantError> {
        let preconditions = Preconditions {
            uid: secret.metadata.uid.clone(),
            resource_version: secret.metadata.resource_version.clone(),
        };
        let params = DeleteParams::default().preconditions(preconditions);
        let name = name_of(secret);
        self.secrets().delete(&name, &params).await.map_err(TenantError::of_secret(&name, "deleted"))?;
        Ok(())
    }

    async fn write(&self, secret: &Secret) -> Result<(), TenantError> {
        let params =
            PostParams { field_manager: Some(names::FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let name = name_of(secret);
        // Kubernetes takes an update of a Secret without a version too; ours always carries the one that was read.
        let (verb, written) = match secret.metadata.resource_version {
            Some(_) => ("updated", self.secrets().replace(&name, &params, secret).await),
            None => ("created", self.secrets().create(&params, secret).await),
        };
        written.map_err(TenantError::of_secret(&name, verb))?;
        Ok(())
    }

    async fn annotate(&self, rotate: Option<&str>) -> Result<(), TenantError> {
        self.patch_metadata(json!({ "annotations": { names::ANNOTATION_ROTATE: rotate } })).await
    }

    async fn patch_metadata(&self, mut metadata: serde_json::Value) -> Result<(), TenantError> {
        // A report may have moved the version; what matters is that nobody else changed the metadata, or the change
        // is planned again from what the watch shows next.
        let current =
            self.tenants().get_metadata(&self.name()).await.map_err(TenantError::of("read the tenant"))?;
        if current.metadata.annotations != self.tenant.metadata.annotations
            || current.metadata.finalizers != self.tenant.metadata.finalizers
        {
            return Err(TenantError::Stale);
        }
        metadata["resourceVersion"] = json!(current.metadata.resource_version);
        let params =
            PatchParams { field_manager: Some(names::FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let patch = Patch::Merge(json!({ "metadata": metadata }));
        let patched = self.tenants().patch_metadata(&self.name(), &params, &patch).await;
        patched.map_err(TenantError::of("change the tenant's metadata"))?;
        Ok(())
    }

    fn name(&self) -> String {
        self.tenant.metadata.name.clone().unwrap_or_default()
    }

    fn tenants(&self) -> Api<ScimTenant> {
        Api::namespaced(self.client.clone(), self.namespace())
    }

    fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.client.clone(), self.namespace())
    }

    fn namespace(&self) -> &str {
        self.tenant.metadata.namespace.as_deref().unwrap_or_default()
    }
}
