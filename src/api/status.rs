//! Status that several kinds share: what each downstream app has of a user or a team.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// What one downstream app has of this user or team.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppliedTo {
    /// Name of the DownstreamApp in this namespace.
    pub name: String,
    /// Granted: the app has it. Revoked: the app was told to take access away, or never gave any. Failing: the last
    /// attempt did not succeed; see `error` and `retryAt`.
    pub state: AppliedState,
    /// The `metadata.generation` of this object that the app last agreed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<i64>,
    /// Since when `state` is what it is.
    pub since: Time,
    /// The id by which the app knows it, if the app has ids of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_id: Option<String>,
    /// Names of the attributes that the app was given, so that one that is cleared here is cleared there, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub attributes: Vec<String>,
    /// What became of the last password that was to be passed on to the app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<ForwardedPassword>,
    /// What went wrong in the last attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When the next attempt is due, if one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Time>,
}

/// Where one user or team stands with one downstream app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum AppliedState {
    /// The app has it, as of `revision`.
    Granted,
    /// The app was told to take access away, or never gave any.
    Revoked,
    /// The last attempt to grant or to revoke did not succeed.
    Failing,
}

/// What became of a password that was to be passed on to an app. Nothing of the password itself is in here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ForwardedPassword {
    /// Forwarded: the app took it. NotForwarded: it did not get it, or refused it; see `error`. It is tried again when
    /// the identity provider sends a password again.
    pub state: ForwardingState,
    /// Which password it was: a number made up for each new one. Empty if it can't be told.
    pub revision: String,
    /// When the password would have been dropped in any case, which tells two attempts with one password apart.
    pub until: MicroTime,
    /// Why it was not forwarded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Whether an app has a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum ForwardingState {
    /// The app took it.
    Forwarded,
    /// The app did not get it, or refused it.
    NotForwarded,
}
