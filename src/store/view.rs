//! What the store shows of a user or a team: immutable snapshots, cheap to clone.

use std::sync::Arc;

use jiff::Timestamp;
use kube::{ResourceExt, api::ObjectMeta};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    codec,
    directory::version,
    membership::{Id, Members, SliceMembers, shared},
    packed::Packed,
};
use crate::{
    api::{AppliedTo, Membership, Team, User, names},
    scim::{Document, cursor::Position, sort::SortKey},
};

/// One user, as of one version.
#[derive(Clone, Debug)]
pub struct UserView(Arc<PackedUser>);

/// A `User`, packed: there may be very many.
#[derive(Debug)]
struct PackedUser {
    id: Id,
    /// The resource version as the number that it is; zero if there is none.
    version: u64,
    /// Without the name, the resource version and whose fields are whose.
    metadata: Packed,
    spec: Packed,
    status: Option<Packed>,
}

impl UserView {
    /// What is known of the object.
    pub(super) fn of(user: &User) -> Self {
        let metadata =
            ObjectMeta { name: None, resource_version: None, managed_fields: None, ..user.metadata.clone() };
        Self(Arc::new(PackedUser {
            id: shared(user.metadata.name.as_deref().unwrap_or_default()),
            version: version(user),
            metadata: packed(&metadata),
            spec: packed(&user.spec),
            status: user.status.as_ref().map(packed),
        }))
    }

    /// SCIM `id`, the object's name.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The same, shared.
    pub(crate) fn shared_id(&self) -> &Id {
        &self.0.id
    }

    /// The resource version as the number that it is.
    pub(super) fn resource_version(&self) -> u64 {
        self.0.version
    }

    /// The version of SCIM `meta.version`: the object's `generation`, which changes with its spec alone. What we say
    /// in its status must not fail a write that is conditional on the version that the client has read.
    pub fn version(&self) -> String {
        self.generation().unwrap_or_default().to_string()
    }

    /// SCIM `meta.created`.
    pub fn created(&self) -> Option<Timestamp> {
        self.0.metadata.text("creationTimestamp")?.parse().ok()
    }

    /// SCIM `meta.lastModified`.
    pub fn last_modified(&self) -> Option<Timestamp> {
        let modified = self.annotation(names::ANNOTATION_MODIFIED_AT);
        modified.and_then(|text| text.parse().ok()).or_else(|| self.created())
    }

    /// The SCIM document, without `id`, `meta`, `groups` and `schemas`' derived parts.
    pub fn document(&self) -> Document {
        codec::user_document(&self.0.spec)
    }

    /// One attribute of the document, without the cost of the others.
    pub(super) fn attribute(&self, name: &str) -> Option<Value> {
        codec::user_attribute(&self.0.spec, name)
    }

    /// Whether the person has access at all.
    pub fn is_active(&self) -> bool {
        self.0.spec.get("active") == Some(Value::Bool(true))
    }

    /// A field of the spec that is text.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.0.spec.text(name)
    }

    /// The primary address, or the first one.
    pub fn email(&self) -> Option<String> {
        let emails = self.0.spec.get("emails")?;
        let primary = emails.as_array()?.iter().find(|email| email["primary"] == true);
        primary.or_else(|| emails.get(0))?["value"].as_str().map(str::to_owned)
    }

    /// One of the object's annotations, without the cost of the others.
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.0.metadata.text_in("annotations", name)
    }

    /// Whether they are the identity provider's: people's own objects only have what people declare.
    pub(super) fn is_receivers(&self) -> bool {
        self.0.metadata.text_in("labels", names::LABEL_ORIGIN) == Some(names::ORIGIN_RECEIVER)
    }

    /// Whether the object stays until every app has revoked, should it be deleted.
    pub fn is_kept(&self) -> bool {
        let finalizers = self.0.metadata.get("finalizers");
        finalizers.iter().filter_map(Value::as_array).flatten().any(|it| it == names::FINALIZER_REVOKE)
    }

    /// Whether anything was said of them.
    pub fn has_status(&self) -> bool {
        self.0.status.is_some()
    }

    /// What each app has of them, as the status says.
    pub fn apps(&self) -> Vec<AppliedTo> {
        let apps = self.0.status.as_ref().and_then(|status| status.get("apps"));
        apps.and_then(|apps| serde_json::from_value(apps).ok()).unwrap_or_default()
    }

    /// The addresses in `emails`.
    pub(super) fn emails(&self) -> Vec<String> {
        let emails = self.0.spec.get("emails");
        let values = emails.iter().filter_map(Value::as_array).flatten();
        values.filter_map(|email| email.get("value")?.as_str().map(str::to_owned)).collect()
    }

    /// Whether only what we say in the status differs, which is most of what a watch tells. The API server counts every
    /// change of a spec in `generation`.
    pub(super) fn differs_in_status_only(&self, other: &Self) -> bool {
        self.generation().is_some() && self.0.metadata == other.0.metadata
    }

    /// The object itself, unpacked.
    pub fn object(&self) -> User {
        let PackedUser { id, version, metadata, spec, status } = self.0.as_ref();
        let metadata = ObjectMeta {
            name: Some(id.to_string()),
            resource_version: Some(version.to_string()).filter(|_| *version > 0),
            ..unpacked(metadata)
        };
        User { metadata, spec: unpacked(spec), status: status.as_ref().map(unpacked) }
    }

    fn generation(&self) -> Option<i64> {
        self.0.metadata.get("generation")?.as_i64()
    }
}

/// JSON of what always has one: no key of it is anything but text.
fn packed(part: &impl Serialize) -> Packed {
    Packed::of(&serde_json::to_value(part).unwrap_or_default())
}

/// What [`packed`] packed, which is of this type.
fn unpacked<T: DeserializeOwned + Default>(part: &Packed) -> T {
    serde_json::from_value(part.value()).unwrap_or_default()
}

/// One team, as of one version. Its members are read by `Store::members`.
#[derive(Clone, Debug)]
pub struct TeamView {
    /// Without who is in it, which `members` has once and shared.
    outline: Arc<Team>,
    members: Arc<Members>,
}

impl TeamView {
    /// What is known of the object and of the slices that it names.
    pub(super) fn new(mut team: Team, slices: Vec<SliceMembers>) -> Self {
        let membership = std::mem::take(&mut team.spec.membership);
        team.metadata.managed_fields = None;
        Self { outline: Arc::new(team), members: Arc::new(Members::new(membership, slices)) }
    }

    /// A later version, of which only the status differs.
    pub(super) fn with_status_of(&self, mut team: Team) -> Self {
        team.spec.membership = Membership::default();
        Self { outline: Arc::new(team), members: self.members.clone() }
    }

    /// Who is in it.
    pub(super) fn members(&self) -> &Arc<Members> {
        &self.members
    }

    /// SCIM `id`, the object's name.
    pub fn id(&self) -> &str {
        self.outline.metadata.name.as_deref().unwrap_or_default()
    }

    /// The version of SCIM `meta.version`: the object's `generation`, which changes with its spec alone. What we say
    /// in its status must not fail a write that is conditional on the version that the client has read.
    pub fn version(&self) -> String {
        self.outline.metadata.generation.unwrap_or_default().to_string()
    }

    /// SCIM `meta.created`.
    pub fn created(&self) -> Option<Timestamp> {
        self.outline.metadata.creation_timestamp.as_ref().map(|time| time.0)
    }

    /// SCIM `meta.lastModified`.
    pub fn last_modified(&self) -> Option<Timestamp> {
        modified(&self.outline.metadata).or_else(|| self.created())
    }

    /// The SCIM document, without `id`, `meta` and `members`.
    pub fn document(&self) -> Document {
        codec::team_document(&self.outline.spec)
    }

    /// The object but for who is in it.
    pub fn outline(&self) -> &Team {
        &self.outline
    }

    /// The object itself, with the whole membership.
    pub fn object(&self) -> Team {
        let mut team = self.outline.as_ref().clone();
        team.spec.membership = self.members.membership();
        team
    }
}

/// One member of a team, as SCIM shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberView {
    /// SCIM `id` of the member.
    pub id: Arc<str>,
    /// Its `displayName`, which a user may not have.
    pub display: Option<String>,
    /// Whether it is a team itself.
    pub is_team: bool,
}

/// One team that a user is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupView {
    /// SCIM `id` of the team.
    pub id: Arc<str>,
    /// Its `displayName`.
    pub display: String,
    /// False if the user is in it only through another team.
    pub direct: bool,
}

/// A user or a team, where a list may have both.
#[derive(Clone, Debug)]
pub enum Found {
    /// A user.
    User(UserView),
    /// A team.
    Team(TeamView),
}

impl Found {
    /// SCIM `id`.
    pub fn id(&self) -> &str {
        match self {
            Self::User(user) => user.id(),
            Self::Team(team) => team.id(),
        }
    }

    /// SCIM `meta.created`.
    pub(super) fn created(&self) -> Option<Timestamp> {
        match self {
            Self::User(user) => user.created(),
            Self::Team(team) => team.created(),
        }
    }

    /// Whether it is the identity provider's.
    pub(super) fn is_receivers(&self) -> bool {
        match self {
            Self::User(user) => user.is_receivers(),
            Self::Team(team) => is_receivers(team.outline()),
        }
    }

    /// What the order of creation compares: ids are ordered by time, and two kinds may share one.
    pub(super) fn order(&self) -> (&str, u8) {
        match self {
            Self::User(user) => (user.id(), 0),
            Self::Team(team) => (team.id(), 1),
        }
    }
}

/// A user or a team, with what its list is sorted by.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Who it is.
    pub found: Found,
    /// The default where the list is in the order of creation.
    pub(super) key: SortKey,
}

impl From<Found> for Placed {
    fn from(found: Found) -> Self {
        Self { found, key: SortKey::default() }
    }
}

impl Placed {
    /// Its place in the list.
    pub fn position(&self) -> Position {
        let (id, list) = self.found.order();
        Position { key: self.key.clone(), id: id.to_owned(), list }
    }
}

fn modified(metadata: &kube::api::ObjectMeta) -> Option<Timestamp> {
    metadata.annotations.as_ref()?.get(names::ANNOTATION_MODIFIED_AT)?.parse().ok()
}

/// Whether the identity provider may write it: it has pushed it, or people allow it to take it over.
pub(super) fn may_be_written(object: &impl ResourceExt) -> bool {
    is_receivers(object)
        || object.annotations().get(names::ANNOTATION_ADOPT).is_some_and(|allowed| allowed == "true")
}

/// Whether it is the identity provider's: people's own objects only have what people declare.
pub(super) fn is_receivers(object: &impl ResourceExt) -> bool {
    object.labels().get(names::LABEL_ORIGIN).is_some_and(|origin| origin == names::ORIGIN_RECEIVER)
}
