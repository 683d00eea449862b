//! What the store shows of a user or a team: immutable snapshots, cheap to clone.

use std::sync::Arc;

use jiff::Timestamp;
use kube::ResourceExt;

use super::codec;
use crate::{
    api::{Team, User, names},
    scim::{Document, cursor::Position, sort::SortKey},
};

/// One user, as of one version.
#[derive(Clone, Debug)]
pub struct UserView(pub(super) Arc<User>);

impl UserView {
    /// SCIM `id`, the object's name.
    pub fn id(&self) -> &str {
        self.0.metadata.name.as_deref().unwrap_or_default()
    }

    /// The version of SCIM `meta.version`: the object's `generation`, which changes with its spec alone. What we say
    /// in its status must not fail a write that is conditional on the version that the client has read.
    pub fn version(&self) -> String {
        self.0.metadata.generation.unwrap_or_default().to_string()
    }

    /// SCIM `meta.created`.
    pub fn created(&self) -> Option<Timestamp> {
        self.0.metadata.creation_timestamp.as_ref().map(|time| time.0)
    }

    /// SCIM `meta.lastModified`.
    pub fn last_modified(&self) -> Option<Timestamp> {
        modified(&self.0.metadata).or_else(|| self.created())
    }

    /// The SCIM document, without `id`, `meta`, `groups` and `schemas`' derived parts.
    pub fn document(&self) -> Document {
        codec::user_document(&self.0.spec)
    }

    /// The object itself.
    pub fn object(&self) -> &User {
        &self.0
    }
}

/// One team, as of one version. Its members are read by `Store::members`.
#[derive(Clone, Debug)]
pub struct TeamView(pub(super) Arc<Team>);

impl TeamView {
    /// SCIM `id`, the object's name.
    pub fn id(&self) -> &str {
        self.0.metadata.name.as_deref().unwrap_or_default()
    }

    /// The version of SCIM `meta.version`: the object's `generation`, which changes with its spec alone. What we say
    /// in its status must not fail a write that is conditional on the version that the client has read.
    pub fn version(&self) -> String {
        self.0.metadata.generation.unwrap_or_default().to_string()
    }

    /// SCIM `meta.created`.
    pub fn created(&self) -> Option<Timestamp> {
        self.0.metadata.creation_timestamp.as_ref().map(|time| time.0)
    }

    /// SCIM `meta.lastModified`.
    pub fn last_modified(&self) -> Option<Timestamp> {
        modified(&self.0.metadata).or_else(|| self.created())
    }

    /// The SCIM document, without `id`, `meta` and `members`.
    pub fn document(&self) -> Document {
        codec::team_document(&self.0.spec)
    }

    /// The object itself.
    pub fn object(&self) -> &Team {
        &self.0
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
