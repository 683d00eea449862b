//! The Kubernetes API of Rollcall: group `rollcall.dev`, version `v1alpha1`.
//!
//! One file per kind. The doc comments here are what `kubectl explain` prints, and the rules here are what
//! the API server enforces; `crds/` is generated from them. This room imports nothing of ours.

pub mod app;
mod lines;
mod manifest;
pub mod names;
pub mod rbac_target;
pub mod scim_target;
pub mod slice;
pub mod status;
pub mod team;
pub mod tenant;
pub mod tenant_rules;
pub mod tenant_schema;
pub mod user;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{CustomResourceExt, KubeSchema};
use serde::{Deserialize, Serialize};

pub use app::{DownstreamApp, DownstreamAppSpec, DownstreamAppStatus, Scope};
pub use manifest::manifest;
pub use rbac_target::{Grant, RbacTarget, RoleKind, RoleRef, SubjectKind, SubjectName, Subjects};
pub use scim_target::{ScimTarget, SecretKeyRef};
pub use slice::{MembershipSlice, MembershipSliceSpec};
pub use status::{AppliedState, AppliedTo, ForwardedPassword, ForwardingState};
pub use team::{Membership, Team, TeamSpec, TeamStatus};
pub use tenant::{
    ObservedQuirk, PreviousToken, ScimTenant, ScimTenantSpec, ScimTenantStatus, TokenRetention, TokenScope,
    TokenSpec, TokenStatus,
};
pub use tenant_rules::{
    AttributeRules, Fill, FillSource, FilledAttribute, PasswordPolicy, UniqueId, UserAttribute,
    UserNameFormat,
};
pub use tenant_schema::{
    AttributeMutability, AttributeReturned, AttributeType, AttributeUniqueness, ExtendedResource,
    ExtensionSchema, SchemaAttribute, SchemaSubAttribute,
};
pub use user::{Address, EnterpriseUser, Manager, PersonName, Plural, User, UserSpec, UserStatus};

/// Every CustomResourceDefinition of Rollcall, in the order in which people meet them.
pub fn crds() -> Vec<CustomResourceDefinition> {
    vec![ScimTenant::crd(), User::crd(), Team::crd(), MembershipSlice::crd(), DownstreamApp::crd()]
}

/// Names the ScimTenant, in the same namespace, that an object belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenantRef {
    /// Name of the ScimTenant in this namespace.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
}

/// What becomes of what Rollcall made. `Retain` (default): access is revoked, the things themselves stay. `Delete`: they
/// go too; and deleting the ScimTenant or DownstreamApp that says so takes everything of it along, once its annotation
/// `rollcall.dev/confirm-deletion` holds its own name.
// Where the field is optional, this text takes the place of the field's own in the schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum DeletionPolicy {
    /// Access is revoked, but the things themselves (accounts, groups, objects) stay.
    #[default]
    Retain,
    /// Access is revoked and the things are deleted too.
    Delete,
}
