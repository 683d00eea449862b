//! What users and teams have in common where something about them must be unique.

use std::{fmt::Debug, sync::Arc};

use k8s_openapi::{NamespaceResourceScope, apimachinery::pkg::apis::meta::v1::Condition};
use kube::{Resource, api::ObjectMeta};
use serde::{Serialize, de::DeserializeOwned};

use super::{Directory, Store, codec, error::StoreError, tenant::TenantKey, written::Kind};
use crate::{
    api::{Membership, Team, TeamSpec, TenantRef, User, UserSpec, names},
    scim::Document,
};

/// An object with an attribute that is unique in its tenant.
pub(super) trait Claimant:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + Debug
    + Serialize
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
    /// What kind of object it is.
    const KIND: Kind;
    /// What SCIM calls the resource.
    const SCIM_KIND: &'static str;
    /// What SCIM calls the attribute.
    const ATTRIBUTE: &'static str;

    /// The tenant that the object belongs to.
    fn tenant(&self) -> &str;

    /// The attribute's value.
    fn unique_value(&self) -> &str;

    /// What SCIM shows of it, where other attributes than its name must be unique.
    fn document(&self) -> Document;

    /// What its status says.
    fn conditions(&self) -> &[Condition];

    /// The object as it is shown.
    fn shown(directory: &Directory, tenant: &TenantKey, id: &str) -> Option<Arc<Self>>;

    /// The object, kept back because another has its name.
    fn held(directory: &Directory, tenant: &TenantKey, id: &str) -> Option<Arc<Self>>;

    /// Looks at each object of a tenant, those that are kept back included.
    fn each(directory: &Directory, tenant: &TenantKey, look: impl FnMut(&Self));

    /// Takes the object in as the API server has it now.
    ///
    /// # Errors
    /// `NotFound` if there is none to be shown.
    fn read_again(
        store: &Store,
        tenant: &TenantKey,
        id: &str,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// An object that only keeps `id` from being used.
    fn placeholder(tenant: &TenantKey, id: &str) -> Self;
}

impl Claimant for User {
    const KIND: Kind = Kind::User;
    const SCIM_KIND: &'static str = "User";
    const ATTRIBUTE: &'static str = "userName";

    fn tenant(&self) -> &str {
        &self.spec.tenant_ref.name
    }

    fn unique_value(&self) -> &str {
        &self.spec.user_name
    }

    fn document(&self) -> Document {
        codec::user_document(serde_json::to_value(&self.spec).unwrap_or_default())
    }

    fn conditions(&self) -> &[Condition] {
        self.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default()
    }

    fn shown(directory: &Directory, tenant: &TenantKey, id: &str) -> Option<Arc<Self>> {
        directory.user(tenant, id).map(|view| view.object().into())
    }

    fn held(directory: &Directory, tenant: &TenantKey, id: &str) -> Option<Arc<Self>> {
        directory.held_user(tenant, id)
    }

    fn each(directory: &Directory, tenant: &TenantKey, mut look: impl FnMut(&Self)) {
        directory.users(tenant, &[]).iter().for_each(|view| look(&view.object()));
        directory.held_users(tenant).iter().for_each(|user| look(user));
    }

    async fn read_again(store: &Store, tenant: &TenantKey, id: &str) -> Result<(), StoreError> {
        store.fresh_user(tenant, id).await.map(drop)
    }

    fn placeholder(tenant: &TenantKey, id: &str) -> Self {
        let tenant_ref = TenantRef { name: tenant.name.to_string() };
        let spec = UserSpec { tenant_ref, user_name: id.to_owned(), ..UserSpec::default() };
        Self { metadata: placeholder_meta(tenant, id), spec, status: None }
    }
}

impl Claimant for Team {
    const KIND: Kind = Kind::Team;
    const SCIM_KIND: &'static str = "Group";
    const ATTRIBUTE: &'static str = "displayName";

    fn tenant(&self) -> &str {
        &self.spec.tenant_ref.name
    }

    fn unique_value(&self) -> &str {
        &self.spec.display_name
    }

    fn document(&self) -> Document {
        codec::team_document(&self.spec)
    }

    fn conditions(&self) -> &[Condition] {
        self.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default()
    }

    fn shown(directory: &Directory, tenant: &TenantKey, id: &str) -> Option<Arc<Self>> {
        directory.team(tenant, id).map(|view| view.object().into())
    }

    fn held(directory: &Directory, tenant: &TenantKey, id: &str) -> Option<Arc<Self>> {
        directory.held_team(tenant, id)
    }

    fn each(directory: &Directory, tenant: &TenantKey, mut look: impl FnMut(&Self)) {
        directory.teams(tenant, &[]).iter().for_each(|view| look(view.outline()));
        directory.held_teams(tenant).iter().for_each(|team| look(team));
    }

    async fn read_again(store: &Store, tenant: &TenantKey, id: &str) -> Result<(), StoreError> {
        store.fresh_team(tenant, id).await.map(drop)
    }

    fn placeholder(tenant: &TenantKey, id: &str) -> Self {
        let tenant_ref = TenantRef { name: tenant.name.to_string() };
        let membership = Membership::default();
        let spec = TeamSpec { tenant_ref, display_name: id.to_owned(), membership, ..TeamSpec::default() };
        Self { metadata: placeholder_meta(tenant, id), spec, status: None }
    }
}

fn placeholder_meta(tenant: &TenantKey, id: &str) -> ObjectMeta {
    let labels = [
        (names::LABEL_MANAGED_BY, names::MANAGER),
        (names::LABEL_TENANT, &tenant.name),
        (names::LABEL_ORIGIN, names::ORIGIN_PLACEHOLDER),
    ];
    ObjectMeta {
        name: Some(id.to_owned()),
        namespace: Some(tenant.namespace.to_string()),
        labels: Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
        ..ObjectMeta::default()
    }
}
