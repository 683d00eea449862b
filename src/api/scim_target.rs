//! The `scim` kind of DownstreamApp: another SCIM 2.0 server.

use kube::{KubeSchema, core::Duration};
use serde::{Deserialize, Serialize};

/// Another SCIM 2.0 server that users and teams are pushed to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScimTarget {
    /// The server's SCIM base URL, to which `/Users` and `/Groups` are appended.
    #[schemars(length(max = 2048), regex(pattern = "^https?://"))]
    pub url: String,
    /// The key of a Secret, in this namespace, that holds the bearer token for that server.
    pub token_secret_ref: SecretKeyRef,
    /// Whether teams are pushed as groups, or users only. Default: true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<bool>,
    /// Whether passwords that the identity provider sends are passed on to this app. The tenant must say
    /// `passwords: Hash`; until the app has a password, and for an hour at most, it is kept encrypted. Default: false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forward_passwords: bool,
    /// How long to wait for one answer. Default: `30s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// How many requests may be under way at once. Default: 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 64))]
    pub concurrency: Option<u32>,
}

/// One key of a Secret in the same namespace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyRef {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key within the Secret. Default: `token`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub key: Option<String>,
}
