//! `Team`: one group of a tenant; SCIM's `Group`.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::{AppliedTo, TenantRef};

/// One group of a tenant. `metadata.name` is its SCIM `id`: opaque and never reused, so a rename in the identity
/// provider never moves the object.
#[allow(
    clippy::duplicated_attributes,
    reason = "a column and a selectable field may be of the same JSON path"
)]
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "rollcall.dev",
    version = "v1alpha1",
    kind = "Team",
    namespaced,
    status = "TeamStatus",
    shortname = "steam",
    category = "scim",
    derive = "PartialEq",
    derive = "Default",
    doc = "One group of a tenant, as the identity provider pushed it or as Git declares it.",
    selectable = ".spec.tenantRef.name",
    selectable = ".spec.displayName",
    selectable = ".spec.externalId",
    printcolumn(name = "Display name", type_ = "string", json_path = ".spec.displayName"),
    printcolumn(name = "Tenant", type_ = "string", json_path = ".spec.tenantRef.name"),
    printcolumn(name = "Members", type_ = "integer", json_path = ".spec.membership.count"),
    printcolumn(name = "Apps", type_ = "string", json_path = ".status.summary"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "External id", type_ = "string", json_path = ".spec.externalId", priority = 1)
)]
#[serde(rename_all = "camelCase")]
// One writer owns all of it, so the API server need not keep book of each field: that took more of its memory than the
// object does.
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
pub struct TeamSpec {
    /// The ScimTenant, in this namespace, that this team belongs to. It can't be changed.
    #[x_kube(validation = Rule::new("self == oldSelf").message("a team can't move to another tenant"))]
    pub tenant_ref: TenantRef,
    /// The team's name as people see it. Unique in the tenant, whatever the case of its letters.
    #[schemars(length(min = 1, max = 1024))]
    pub display_name: String,
    /// The identity provider's own id of the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub external_id: Option<String>,
    /// Attributes that have no field here, by name or schema URN, as JSON text. They go back to the identity
    /// provider as they came.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub attributes: BTreeMap<String, String>,
    /// Who is in the team.
    #[serde(default)]
    pub membership: Membership,
}

/// Who is in a team: the members of all `slices`, less those whom `recent` has as removed, plus its members; of these less
/// `removed`, plus `added`. Every change of members, however large, becomes visible by one write of the Team.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Membership {
    /// How many members the team has.
    #[serde(default)]
    pub count: i64,
    /// Members that no slice holds (yet): names of User (or Team) objects in this namespace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub added: Vec<String>,
    /// Members that a slice still holds, but who are no longer in the team.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub removed: Vec<String>,
    /// The MembershipSlice that holds what has changed since those of `slices` were written, if there is one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 253))]
    pub recent: String,
    /// Names of the MembershipSlices that hold the rest, one a line, by shard: a member belongs to the shard that its hash
    /// falls on. An empty line is an empty shard. There are none or a power of two, at most 4096.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "super::lines")]
    #[schemars(with = "String", length(max = 1_048_576))]
    pub slices: Vec<String>,
}

impl Membership {
    /// Every name of a slice, by shard; an empty shard's is empty. That of `recent` comes last, if there is one.
    pub fn slice_names(&self) -> impl Iterator<Item = &str> {
        let recent = Some(&self.recent).filter(|name| !name.is_empty());
        self.slices.iter().chain(recent).map(String::as_str)
    }
}

/// What Rollcall says of a team.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TeamStatus {
    /// The `metadata.generation` that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready` is true when every downstream app in whose scope the team is has its present revision.
    /// `NameConflict` is true while another team of the tenant has the `displayName`: then this one is neither shown
    /// to the identity provider nor applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// How many apps have it, of how many: `2/2`, or which ones fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// What each downstream app has of this team.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub apps: Vec<AppliedTo>,
}
