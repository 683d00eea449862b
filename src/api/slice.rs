//! `MembershipSlice`: part of one team's members, as an EndpointSlice is part of a Service.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

/// Part of one team's members. Members are placed by hash, so adding one to a team of 50,000 writes one small
/// object. A slice never changes: a Team names the slices it consists of, and a new slice replaces an old one.
/// Written by Rollcall alone.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "rollcall.dev",
    version = "v1alpha1",
    kind = "MembershipSlice",
    namespaced,
    shortname = "sslice",
    category = "scim",
    derive = "PartialEq",
    doc = "Part of one team's members. Written by Rollcall alone.",
    selectable = ".spec.teamRef.name",
    validation = Rule::new("self.spec == oldSelf.spec").message("a slice never changes; Rollcall replaces it by a new one"),
    printcolumn(name = "Team", type_ = "string", json_path = ".spec.teamRef.name"),
    printcolumn(name = "Shard", type_ = "integer", json_path = ".spec.shard"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
// One writer owns all of it, so the API server need not keep book of each field: that took more of its memory than the
// object does.
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
pub struct MembershipSliceSpec {
    /// The Team, in this namespace, whose members these are.
    pub team_ref: TeamRef,
    /// Which part of the team this is: the members whose hash falls on this number.
    #[schemars(range(min = 0))]
    pub shard: i32,
    /// Names of the User (or Team) objects that are members, sorted.
    #[schemars(length(max = 4000))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub members: Vec<String>,
}

/// Names the Team, in the same namespace, that a slice is part of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TeamRef {
    /// Name of the Team in this namespace.
    pub name: String,
}
