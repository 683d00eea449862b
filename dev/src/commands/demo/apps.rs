//! The two DownstreamApps of the story.

use rollcall_dev::peers::Peer;

use super::cluster::{ACME, SHOP};

/// The group's first name.
pub(super) const TEAM: &str = "Platform";

/// What it is renamed to.
pub(super) const RENAMED: &str = "Platform Engineering";

/// The Secret with the token of `chat`, which is not for the screen.
pub(super) fn chat_token(peer: &Peer) -> String {
    format!(
        "apiVersion: v1
kind: Secret
metadata: {{name: chat-token, namespace: {ACME}}}
stringData: {{token: {:?}}}
",
        peer.token
    )
}

/// Everybody gets an account in `chat`.
pub(super) fn chat(peer: &Peer) -> String {
    format!(
        "apiVersion: rollcall.dev/v1alpha1
kind: DownstreamApp
metadata: {{name: chat, namespace: {ACME}}}
spec:
  tenantRef: {{name: okta}}
  scim: {{url: {:?}, tokenSecretRef: {{name: chat-token}}}}
",
        peer.base_url
    )
}

/// The team may look at the namespace, under either of its names: a grant names a team as people see it.
pub(super) fn cluster() -> String {
    format!(
        "apiVersion: rollcall.dev/v1alpha1
kind: DownstreamApp
metadata: {{name: cluster, namespace: {ACME}}}
spec:
  tenantRef: {{name: okta}}
  rbac:
    subjects: {{prefix: \"okta:\"}}
    grants:
    - {{team: {TEAM}, roleRef: {{kind: ClusterRole, name: view}}, namespaces: [{SHOP}]}}
    - team: {RENAMED}
      roleRef: {{kind: ClusterRole, name: view}}
      namespaces: [{SHOP}]
"
    )
}
