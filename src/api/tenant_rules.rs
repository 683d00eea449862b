//! What a tenant asks of the usual attributes of its users, and what becomes of their passwords.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Rules about the attributes of users that RFC 7643 defines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttributeRules {
    /// Attributes that every user must have, beside `userName`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub required: Vec<UserAttribute>,
    /// What tells users apart, beside `userName`. With `Email`, no two users share an address, `emails` is required,
    /// and `email` is understood in filters. Default: `UserName`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unique_id: Option<UniqueId>,
    /// What a `userName` must look like. Default: `Any`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_name_format: Option<UserNameFormat>,
    /// Attributes that are made from others when they are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["attribute".into()]))]
    pub fill: Vec<Fill>,
}

/// An attribute that is made from others when it is left out, and follows them until somebody sets it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!(string(self.attribute) in self.from.map(one, string(one)))").message("an attribute can't be made from itself"))]
pub struct Fill {
    /// The attribute that is filled.
    pub attribute: FilledAttribute,
    /// What it is made from: those that have a value, joined by a space. Of `emails`, the primary address or else
    /// the first.
    #[schemars(length(min = 1, max = 4))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub from: Vec<FillSource>,
}

/// What tells users apart, beside `userName`. With `Email`, no two users share an address, `emails` is required, and
/// `email` is understood in filters. Default: `UserName`.
// Where the field is optional, this text takes the place of the field's own in the schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum UniqueId {
    /// `userName` alone.
    #[default]
    UserName,
    /// E-mail addresses, too.
    Email,
}

/// What a `userName` must look like. Default: `Any`.
// Where the field is optional, this text takes the place of the field's own in the schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum UserNameFormat {
    /// Anything.
    #[default]
    Any,
    /// An e-mail address.
    Email,
}

/// What becomes of the passwords that an identity provider sends. `Discard` (default): nothing is kept. `Hash`: an
/// Argon2id hash is kept in a Secret for each user, and apps with `forwardPasswords` get the password itself.
// Where the field is optional, this text takes the place of the field's own in the schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum PasswordPolicy {
    /// Nothing is kept.
    #[default]
    Discard,
    /// An Argon2id hash is kept in a Secret for each user.
    Hash,
}

/// An attribute that a tenant can require of its users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "each is what RFC 7643 calls it")]
pub enum UserAttribute {
    ExternalId,
    DisplayName,
    Name,
    #[serde(rename = "name.formatted")]
    NameFormatted,
    #[serde(rename = "name.givenName")]
    NameGivenName,
    #[serde(rename = "name.familyName")]
    NameFamilyName,
    NickName,
    Title,
    UserType,
    PreferredLanguage,
    Locale,
    Timezone,
    Emails,
    PhoneNumbers,
    Addresses,
    EmployeeNumber,
    CostCenter,
    Organization,
    Division,
    Department,
    Manager,
}

/// An attribute that can be made from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "each is what RFC 7643 calls it")]
pub enum FilledAttribute {
    UserName,
    DisplayName,
    NickName,
}

/// What another attribute can be made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "each is what RFC 7643 calls it")]
pub enum FillSource {
    UserName,
    ExternalId,
    DisplayName,
    NickName,
    #[serde(rename = "name.formatted")]
    NameFormatted,
    #[serde(rename = "name.givenName")]
    NameGivenName,
    #[serde(rename = "name.familyName")]
    NameFamilyName,
    Emails,
}
