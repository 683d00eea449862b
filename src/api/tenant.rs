//! `ScimTenant`: one connection of one identity provider, its tokens and its rules.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema, core::Duration};
use serde::{Deserialize, Serialize};

use super::{AttributeRules, DeletionPolicy, ExtensionSchema, PasswordPolicy};

/// One connection of one identity provider. Apply it, read `url` and `token` from its Secret, and paste both into
/// Okta, Entra ID or any other SCIM 2.0 client.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "rollcall.dev",
    version = "v1alpha1",
    kind = "ScimTenant",
    namespaced,
    status = "ScimTenantStatus",
    shortname = "stn",
    category = "scim",
    derive = "PartialEq",
    derive = "Default",
    doc = "One connection of one identity provider: its endpoint, its tokens, its users and teams.",
    validation = Rule::new("size(self.metadata.name) <= 40").message("a tenant's name has at most 40 characters, because Secrets are named after it"),
    validation = Rule::new("!self.metadata.name.contains('.')").message("a tenant's name can't contain a dot, because it is part of a URL and of other names"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "Connected", type_ = "string", json_path = ".status.conditions[?(@.type=='IdentityProviderConnected')].status"),
    printcolumn(name = "Users", type_ = "integer", json_path = ".status.users"),
    printcolumn(name = "Teams", type_ = "integer", json_path = ".status.teams"),
    printcolumn(name = "URL", type_ = "string", json_path = ".status.endpoint"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].message", priority = 1)
)]
#[serde(rename_all = "camelCase")]
pub struct ScimTenantSpec {
    /// What people call this connection, for instance "Acme's Okta".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200))]
    pub display_name: Option<String>,
    /// While true, every SCIM request of this tenant is answered 503, reads too, and its apps pause with the reason
    /// `TenantSuspended`: nothing is applied and nothing is revoked. Tokens are still issued and rotated, and changes
    /// that people make to User and Team objects are stored; apps get them when it goes on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspend: bool,
    /// The bearer tokens. Without any, there is one named `default` that may do everything and never expires.
    /// Removing a token here makes it stop working at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub tokens: Vec<TokenSpec>,
    /// Extensions of User and Group with attributes of your own. `/Schemas` shows them, and what they say is enforced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["id".into()]))]
    #[x_kube(validation = Rule::new("self.all(one, self.exists_one(other, (one.id + ':').lowerAscii().startsWith((other.id + ':').lowerAscii())))").message("the URN of a schema can't be another's, whatever its case, nor begin with another's"))]
    pub schemas: Vec<ExtensionSchema>,
    /// Rules about the attributes of users that RFC 7643 defines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attributes: Option<AttributeRules>,
    /// What becomes of the passwords that the identity provider sends. Default: `Discard`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passwords: Option<PasswordPolicy>,
    /// What becomes of this tenant's users and teams when the tenant is deleted. `Delete` only acts once the
    /// annotation `rollcall.dev/confirm-deletion` holds the tenant's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
}

/// One bearer token of a tenant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenSpec {
    /// The token's name. Its Secret is called `<tenant>-<name>` unless `secretName` says otherwise.
    #[schemars(length(min = 1, max = 20), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// The Secret, in this namespace, that gets the keys `token` and `url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub secret_name: Option<String>,
    /// What the token may touch: `Users`, `Groups`, or (without any) both.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub scope: Vec<TokenScope>,
    /// Whether the token may only read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
    /// How long a token lives after it was issued, for instance `8760h`. Without it, it never expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_after: Option<Duration>,
    /// How long the old token still works after a rotation. Default: `24h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation_overlap: Option<Duration>,
    /// Whether the token stays readable in its Secret. Default: `Keep`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<TokenRetention>,
}

/// What a token may touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum TokenScope {
    /// `/Users`
    Users,
    /// `/Groups`
    Groups,
}

/// Whether the token stays readable in its Secret. `Keep` (default): it does. `UntilFirstUse`: it is taken out once the
/// identity provider has used it, and only its hash stays.
// Where the field is optional, this text takes the place of the field's own in the schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum TokenRetention {
    /// The Secret keeps the token.
    #[default]
    Keep,
    /// The token is taken out of the Secret once the identity provider has used it; only its hash stays.
    UntilFirstUse,
}

/// What Rollcall says of a tenant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScimTenantStatus {
    /// The `metadata.generation` that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`: the endpoint is served and a valid token exists. `IdentityProviderConnected`: a request with a
    /// valid token has arrived. `Reconciling` and `Stalled` as kstatus defines them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// The SCIM base URL to paste into the identity provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The tokens: where each is, how long it is valid, when it was last used. Never the token itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub tokens: Vec<TokenStatus>,
    /// What the identity provider was seen to do its own way, for people who debug a connection. Nothing is decided
    /// by it: every spelling is understood, whether it was seen before or not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub observed_dialect: Vec<ObservedQuirk>,
    /// How many users the tenant has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<i64>,
    /// How many of them are active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_users: Option<i64>,
    /// How many teams the tenant has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teams: Option<i64>,
}

/// One token as it stands. Requests are checked against `hash`; the token itself is 256 random bits, so its hash
/// gives nothing away.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenStatus {
    /// The token's name in `spec.tokens`.
    pub name: String,
    /// The Secret that holds it.
    pub secret_name: String,
    /// SHA-256 of the token, in hexadecimal.
    pub hash: String,
    /// When it was issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_at: Option<Time>,
    /// When it stops working.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// When it was last used, to within five minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Time>,
    /// The token that this one replaced, while it still works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<PreviousToken>,
}

/// Something that the identity provider was seen to do its own way.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObservedQuirk {
    /// What it is, for instance `stringBooleans`; docs/protocol.md explains each.
    // A text and no enum: while replicas are updated, an older one must be able to read what a newer one wrote.
    pub name: String,
    /// When it was first seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seen_at: Option<Time>,
}

/// A rotated token that still works for a while.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreviousToken {
    /// SHA-256 of the token, in hexadecimal.
    pub hash: String,
    /// When it stops working.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
}
