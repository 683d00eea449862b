//! The `rbac` kind of DownstreamApp: RoleBindings and ClusterRoleBindings for the members of teams.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Kubernetes roles that are bound to the members of teams.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RbacTarget {
    /// How a person or a team is called in a binding.
    pub subjects: Subjects,
    /// Which team gets which role, where.
    #[schemars(length(min = 1, max = 200))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub grants: Vec<Grant>,
}

/// How a person or a team is called in a binding. It must be what the API server's authenticator makes of the same
/// person: `prefix` is its `--oidc-username-prefix` (or `--oidc-groups-prefix`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Subjects {
    /// `Users`: one subject for each active member. `Group`: one subject for the whole team. Default: `Users`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<SubjectKind>,
    /// Put before every name. It ends in `:`, `/` or `#` and can't be `system:`, so nothing that an identity
    /// provider sends can become a subject outside of it.
    #[schemars(length(min = 2, max = 64), regex(pattern = "^[A-Za-z0-9._-]([A-Za-z0-9._:/#-]*)[:/#]$"))]
    #[x_kube(validation = Rule::new("!self.startsWith('system:')").message("subjects that start with system: belong to Kubernetes"))]
    pub prefix: String,
    /// Which attribute follows the prefix. For users: `UserName` (default), `Email`, `ExternalId` or `Id`; for
    /// groups: `DisplayName` (default), `ExternalId` or `Id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<SubjectName>,
}

/// `Users` (default): one subject for each active member. `Group`: one subject for the whole team; the API server must
/// learn a person's groups by itself.
// Where the field is optional, this text takes the place of the field's own in the schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum SubjectKind {
    /// One subject for each active member.
    #[default]
    Users,
    /// One subject for the whole team; the API server must learn a person's groups by itself.
    Group,
}

/// Which attribute follows the prefix. For users: `UserName` (default), `Email`, `ExternalId` or `Id`; for groups:
/// `DisplayName` (default), `ExternalId` or `Id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum SubjectName {
    /// `userName` of a user.
    UserName,
    /// The primary (or first) e-mail address of a user.
    Email,
    /// `displayName` of a team.
    DisplayName,
    /// `externalId` of a user or team.
    ExternalId,
    /// The SCIM `id` of a user or team.
    Id,
}

/// One team, one role, and where it applies.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.namespaces) != (has(self.clusterWide) && self.clusterWide)").message("a grant either lists namespaces or is clusterWide"))]
#[x_kube(validation = Rule::new("!(has(self.clusterWide) && self.clusterWide && self.roleRef.kind == 'Role')").message("a Role can't be granted clusterWide; use a ClusterRole"))]
pub struct Grant {
    /// Display name of the team, whatever the case of its letters.
    #[schemars(length(min = 1, max = 1024))]
    pub team: String,
    /// The role. The installation must allow Rollcall to bind it (`rbac.bindableRoles` in the chart).
    pub role_ref: RoleRef,
    /// The namespaces in which the team gets the role.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 200),
        inner(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub namespaces: Vec<String>,
    /// Whether the team gets the role in the whole cluster.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cluster_wide: bool,
}

/// A Role or a ClusterRole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoleRef {
    /// `ClusterRole` or `Role`.
    pub kind: RoleKind,
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// The kind of a role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum RoleKind {
    /// A ClusterRole.
    #[default]
    ClusterRole,
    /// A Role in the namespace of the binding.
    Role,
}
