//! Schemas that a tenant declares: attributes beyond RFC 7643, in the words of its section 7.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// An extension of User or Group. It is shown by the tenant's `/Schemas` and `/ResourceTypes`, and what it says is
/// enforced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.attributes.all(one, self.attributes.exists_one(other, other.name.lowerAscii() == one.name.lowerAscii()))").message("two attributes of a schema can't have one name, whatever its case"))]
pub struct ExtensionSchema {
    /// The schema's URN, under which its attributes stand in a document.
    #[schemars(
        length(min = 7, max = 200),
        regex(pattern = r"^[uU][rR][nN]:[A-Za-z0-9][A-Za-z0-9-]{1,31}:[A-Za-z0-9:._-]*[A-Za-z0-9_-]$")
    )]
    #[x_kube(validation = Rule::new("!self.lowerAscii().startsWith('urn:ietf:params:scim:schemas:core:') && !self.lowerAscii().startsWith('urn:ietf:params:scim:schemas:extension:enterprise:') && !self.lowerAscii().startsWith('urn:ietf:params:scim:api:')").message("this URN belongs to RFC 7643; choose one of your own, such as urn:example:params:scim:schemas:extension:acme:2.0:User"))]
    pub id: String,
    /// What it extends: `User` or `Group`.
    pub resource: ExtendedResource,
    /// The schema's name. Default: the last part of its URN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub name: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 500))]
    pub description: Option<String>,
    /// Whether every resource must have it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// Its attributes.
    #[schemars(length(min = 1, max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub attributes: Vec<SchemaAttribute>,
}

/// What a schema extends: `User` or `Group`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum ExtendedResource {
    /// `/Users`
    User,
    /// `/Groups`
    Group,
}

/// One attribute, RFC 7643 section 7. What is left out has the default of its section 2.2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("(self.type == 'complex') == has(self.subAttributes)").message("a complex attribute has subAttributes, and no other has"))]
#[x_kube(validation = Rule::new("!has(self.canonicalValues) || self.type == 'string'").message("only a string has canonicalValues"))]
#[x_kube(validation = Rule::new("!has(self.mutability) || self.mutability != 'writeOnly' || (has(self.returned) && self.returned == 'never')").message("what is writeOnly can't be returned; say returned: never"))]
#[x_kube(validation = Rule::new("!has(self.mutability) || self.mutability != 'readOnly' || !has(self.required) || !self.required").message("what is readOnly can't be required of a client"))]
#[x_kube(validation = Rule::new("!has(self.uniqueness) || self.uniqueness == 'none' || self.type in ['string', 'integer', 'reference']").message("only a string, an integer or a reference can be unique"))]
#[x_kube(validation = Rule::new("!has(self.uniqueness) || self.uniqueness == 'none' || ((!has(self.mutability) || self.mutability != 'readOnly') && (!has(self.returned) || self.returned != 'never'))").message("what is unique must be for the client to write, and a refusal would tell what is never returned"))]
#[x_kube(validation = Rule::new("!has(self.subAttributes) || self.subAttributes.all(one, self.subAttributes.exists_one(other, other.name.lowerAscii() == one.name.lowerAscii()))").message("two sub-attributes can't have one name, whatever its case"))]
#[x_kube(validation = Rule::new("!has(self.multiValued) || !self.multiValued || !has(self.subAttributes) || self.subAttributes.all(sub, !has(sub.mutability) || sub.mutability in ['readWrite', 'readOnly'])").message("the sub-attributes of a multi-valued attribute are readWrite or readOnly, because nothing tells which value is which"))]
pub struct SchemaAttribute {
    /// The attribute's name.
    #[schemars(length(min = 1, max = 48), regex(pattern = "^[A-Za-z][A-Za-z0-9_-]*$"))]
    pub name: String,
    /// The type of its values.
    #[serde(rename = "type")]
    pub type_: AttributeType,
    /// Whether it is a list.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub multi_valued: bool,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 500))]
    pub description: Option<String>,
    /// Whether a resource that has this extension must have the attribute.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// Whether the case of its letters counts in filters and for uniqueness.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub case_exact: bool,
    /// What a client may do with it. Default: `readWrite`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mutability: Option<AttributeMutability>,
    /// When it is in an answer. Default: `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned: Option<AttributeReturned>,
    /// Whether two resources of the tenant may have the same value. Default: `none`, which means that they may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uniqueness: Option<AttributeUniqueness>,
    /// The only values that are taken. Without any, every value is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 128)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub canonical_values: Vec<String>,
    /// What a reference may point at: `User`, `Group`, `external`, `uri`. It is shown, and not enforced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), inner(length(min = 1, max = 64)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub reference_types: Vec<String>,
    /// The parts of a complex attribute.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 12))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub sub_attributes: Vec<SchemaSubAttribute>,
}

/// One part of a complex attribute. It has no parts of its own, and is not unique by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.canonicalValues) || self.type == 'string'").message("only a string has canonicalValues"))]
#[x_kube(validation = Rule::new("!has(self.mutability) || self.mutability != 'writeOnly' || (has(self.returned) && self.returned == 'never')").message("what is writeOnly can't be returned; say returned: never"))]
#[x_kube(validation = Rule::new("!has(self.mutability) || self.mutability != 'readOnly' || !has(self.required) || !self.required").message("what is readOnly can't be required of a client"))]
pub struct SchemaSubAttribute {
    /// The part's name.
    #[schemars(length(min = 1, max = 48), regex(pattern = r"^(\$ref|[A-Za-z][A-Za-z0-9_-]*)$"))]
    pub name: String,
    /// The type of its values: any but `complex`.
    #[serde(rename = "type")]
    #[x_kube(validation = Rule::new("self != 'complex'").message("a part of a complex attribute can't be complex itself"))]
    pub type_: AttributeType,
    /// Whether it is a list.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub multi_valued: bool,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 500))]
    pub description: Option<String>,
    /// Whether every value of the attribute must have it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// Whether the case of its letters counts in filters.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub case_exact: bool,
    /// What a client may do with it. Default: `readWrite`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mutability: Option<AttributeMutability>,
    /// When it is in an answer. Default: `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned: Option<AttributeReturned>,
    /// The only values that are taken. Without any, every value is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 128)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub canonical_values: Vec<String>,
    /// What a reference may point at: `User`, `Group`, `external`, `uri`. It is shown, and not enforced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), inner(length(min = 1, max = 64)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub reference_types: Vec<String>,
}

/// The type of an attribute's values, RFC 7643 section 2.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AttributeType {
    /// Text.
    String,
    /// True or false.
    Boolean,
    /// A number.
    Decimal,
    /// A whole number.
    Integer,
    /// Such as `2011-05-13T04:42:34Z`.
    DateTime,
    /// Base64.
    Binary,
    /// A URI.
    Reference,
    /// An object with `subAttributes`.
    Complex,
}

/// What a client may do with an attribute. Default: `readWrite`.
// Where the field is optional, this text takes the place of the field's own in the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AttributeMutability {
    /// Read it. What it sends is ignored.
    ReadOnly,
    /// Read and write it.
    ReadWrite,
    /// Set it once.
    Immutable,
    /// Write it, never read it.
    WriteOnly,
}

/// When an attribute is in an answer. Default: `default`, which is unless something else is asked for.
// Where the field is optional, this text takes the place of the field's own in the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AttributeReturned {
    /// Always.
    Always,
    /// Never.
    Never,
    /// Unless something else is asked for.
    Default,
    /// When it is asked for.
    Request,
}

/// Whether two resources of the tenant may have the same value. Default: `none`, which means that they may.
// Where the field is optional, this text takes the place of the field's own in the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AttributeUniqueness {
    /// They may.
    None,
    /// They may not.
    Server,
}
