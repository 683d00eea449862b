//! What users and teams have in common where something about them must be unique.

use std::fmt::Debug;

use k8s_openapi::NamespaceResourceScope;
use kube::{Resource, api::ObjectMeta};
use serde::{Serialize, de::DeserializeOwned};

use super::{codec, tenant::TenantKey, written::Kind};
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
        codec::user_document(&self.spec)
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
