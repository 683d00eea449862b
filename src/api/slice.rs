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
    /// Which part of the team this is: the members whose hash falls on this number. Of what has changed recently there is
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub shard: Option<i32>,
    /// Names of the User (or Team) objects that are members, sorted, one a line.
    #[serde(with = "super::lines")]
    #[schemars(with = "String", length(max = 1_048_576))]
    pub members: Vec<String>,
    /// Names of those whom another slice of the team holds, but who are no longer in it; sorted, one a line. Only what has
    /// changed recently has any.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "super::lines")]
    #[schemars(with = "String", length(max = 1_048_576))]
    pub removed: Vec<String>,
}

/// Names the Team, in the same namespace, that a slice is part of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TeamRef {
    /// Name of the Team in this namespace.
    pub name: String,
}
