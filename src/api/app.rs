//! `DownstreamApp`: one application, and how membership is applied to it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, LabelSelector, Time};
use kube::{CustomResource, KubeSchema, core::Duration};
use serde::{Deserialize, Serialize};

use super::{DeletionPolicy, RbacTarget, ScimTarget, TenantRef};

/// One application that a tenant's people and teams are applied to.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "rollcall.dev",
    version = "v1alpha1",
    kind = "DownstreamApp",
    namespaced,
    status = "DownstreamAppStatus",
    shortname = "sapp",
    category = "scim",
    derive = "PartialEq",
    derive = "Default",
    doc = "One application that a tenant's people and teams are applied to.",
    selectable = ".spec.tenantRef.name",
    validation = Rule::new("size(self.metadata.name) <= 40").message("an app's name has at most 40 characters, because other objects are named after it"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "Tenant", type_ = "string", json_path = ".spec.tenantRef.name"),
    printcolumn(name = "Kind", type_ = "string", json_path = ".status.kind"),
    printcolumn(name = "Users", type_ = "integer", json_path = ".status.users"),
    printcolumn(name = "Teams", type_ = "integer", json_path = ".status.teams"),
    printcolumn(name = "Failing", type_ = "integer", json_path = ".status.failing"),
    printcolumn(name = "Last sync", type_ = "date", json_path = ".status.lastSyncAt"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].message", priority = 1)
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.scim) != has(self.rbac)").message("exactly one of scim and rbac says what kind of app this is"))]
#[x_kube(validation = Rule::new("has(self.scim) == has(oldSelf.scim)").message("an app can't change its kind; delete it and make a new one"))]
pub struct DownstreamAppSpec {
    /// The ScimTenant, in this namespace, whose people and teams are applied. It can't be changed.
    #[x_kube(validation = Rule::new("self == oldSelf").message("an app can't move to another tenant"))]
    pub tenant_ref: TenantRef,
    /// While true, nothing is applied and nothing is revoked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspend: bool,
    /// Whom it is about. Without it, everybody: all users and all teams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// What becomes of accounts, groups and bindings when a user or team leaves, or when this object is deleted.
    /// Access is revoked either way. Deleting the object itself revokes everything only with `Delete` and once the
    /// annotation `rollcall.dev/confirm-deletion` holds its name; with `Retain` the app is left as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
    /// How often everything is compared with the app, to repair drift. Default: `10m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resync_interval: Option<Duration>,
    /// Push users and teams to another SCIM 2.0 server, as an identity provider would.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scim: Option<ScimTarget>,
    /// Bind Kubernetes roles to the members of teams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rbac: Option<RbacTarget>,
}

/// Whom an app is about: the teams that match, and their members.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.teams) || has(self.selector)").message("a scope names teams or gives a selector; leave it out to mean everybody"))]
pub struct Scope {
    /// Display names of teams, whatever the case of their letters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub teams: Vec<String>,
    /// Labels of Team objects; and of User objects, for people in no such team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
}

/// What Rollcall says of an app.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct DownstreamAppStatus {
    /// The `metadata.generation` that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready` is true when the app has everything it should have. `Reconciling` while there is work under way,
    /// `Stalled` when a person has to do something.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// Which kind of app it is: `scim` or `rbac`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// How many users have access.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<i64>,
    /// How many teams are applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teams: Option<i64>,
    /// How many users and teams wait to be applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<i64>,
    /// How many users and teams could not be applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing: Option<i64>,
    /// How many users have an account without the password that they have here, as it did not get there or was refused:
    /// see their rows. Left out where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passwords_not_forwarded: Option<i64>,
    /// The first few failures: what, why, and when it is tried again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub failures: Vec<Failure>,
    /// When the app last had everything it should have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_sync_at: Option<Time>,
    /// The value of the annotation `rollcall.dev/sync-now` that was last obeyed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_sync_now: Option<String>,
}

/// One user or team that could not be applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// `User` or `Team`.
    pub kind: String,
    /// Name of that object in this namespace.
    pub name: String,
    /// What went wrong.
    pub error: String,
    /// When the next attempt is due, if one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Time>,
}
