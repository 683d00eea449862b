//! What membership is applied to: `trait Downstream`, and one room per kind of app.
//!
//! An app is told about one user or one team at a time: what it should have, and what it had when it last agreed.
//! Each room plans purely and then applies idempotently, so that a call repeated after a crash changes nothing.
//! When to call, in which order, and when to try again is the controllers' business.

mod counted;
mod fence;
pub mod rbac;
pub mod scim;

use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Map, Value};

pub use self::{
    counted::{CallMetrics, Counted},
    fence::Fence,
};
use crate::{api::DeletionPolicy, scim::password::Password};

/// One kind of downstream app, ready to be called for one `DownstreamApp` object.
#[async_trait]
pub trait Downstream: Send + Sync + std::fmt::Debug {
    /// What `status.kind` shows: `scim`, `rbac`.
    fn kind(&self) -> &'static str;

    /// Whether the app can be reached and lets us in. Called before a round of work and, after a failure of
    /// [`Blame::App`], until it succeeds.
    async fn probe(&self) -> Result<(), ApplyError>;

    /// Makes the app have this user as described; an inactive user loses access. Applying twice changes nothing.
    async fn apply_user(&self, user: &UserView, had: &Had) -> Result<Has, ApplyError>;

    /// Takes away what the app gave a user who left the tenant or the app's scope. With `Retain` the account stays,
    /// without access; with `Delete` it goes. A user whom the app does not have is a success.
    async fn revoke_user(&self, id: &str, had: &Had, policy: DeletionPolicy) -> Result<Has, ApplyError>;

    /// Makes the app have this team with exactly these members.
    async fn apply_team(&self, team: &TeamView, had: &Had) -> Result<Has, ApplyError>;

    /// Takes away what the app gave a team that left: with `Retain` the group stays, without members; with `Delete`
    /// it goes. A team which the app does not have is a success.
    async fn revoke_team(&self, id: &str, had: &Had, policy: DeletionPolicy) -> Result<Has, ApplyError>;
}

/// A user as an app should have them.
#[derive(Clone, Debug, PartialEq)]
pub struct UserView {
    /// Our id.
    pub id: String,
    /// False: the app must take all access away.
    pub active: bool,
    /// The SCIM document: attributes of RFC 7643 section 4.1 and the extensions, without `id`, `meta`, `groups` and
    /// `password`.
    pub document: Map<String, Value>,
    /// A password that the app has not been given yet.
    pub password: Option<Password>,
}

/// A team as an app should have it.
#[derive(Clone, Debug, PartialEq)]
pub struct TeamView {
    /// Our id.
    pub id: String,
    /// The name people know it by.
    pub display_name: String,
    /// The identity provider's id of it.
    pub external_id: Option<String>,
    /// Its active members who are in the app's scope, members of nested teams included, each once, sorted by id.
    pub members: Vec<MemberView>,
}

/// One member of a team.
#[derive(Clone, Debug, PartialEq)]
pub struct MemberView {
    /// Our id.
    pub id: String,
    /// The app's id of that user, where it has one. A member without one is left out until they have one.
    pub remote_id: Option<String>,
    /// What the person signs in with.
    pub user_name: String,
    /// The primary, or first, e-mail address.
    pub email: Option<String>,
    /// The identity provider's id.
    pub external_id: Option<String>,
}

/// What the app had of a user or team when it last agreed, from that object's status.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Had {
    /// The app's id of it.
    pub remote_id: Option<String>,
    /// What [`Has::attributes`] said.
    pub attributes: Vec<String>,
}

/// What the app has now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Has {
    /// The app's id of it, to be handed back as [`Had`]; `None` when the app does not have it (any more).
    pub remote_id: Option<String>,
    /// Whether anything had to be changed: a repaired drift, when nothing of ours had changed.
    pub changed: bool,
    /// The attributes that the app has from us, by names of its room's own: what of them is wanted no more has to be
    /// cleared, also by another process than the one that set it.
    pub attributes: Vec<String>,
    /// What became of [`UserView::password`]; `None` if the app has not been asked to take one.
    pub password: Option<PasswordOutcome>,
}

/// What an app made of a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordOutcome {
    /// It took it.
    Taken,
    /// It refused it; in words that hold nothing of the password.
    Refused(String),
}

/// Why something could not be applied. The text is for people and never holds a token or an answer's whole body.
#[derive(Clone, Debug, thiserror::Error, PartialEq)]
#[error("{message}")]
pub struct ApplyError {
    /// Whose fault it is, which decides whether others are held up too.
    pub blame: Blame,
    /// What went wrong, and what to do about it.
    pub message: String,
    /// What the app asked us to wait (`Retry-After`).
    pub retry_after: Option<Duration>,
}

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The app as a whole: unreachable, refusing our credentials, overloaded, broken. Everything waits for it.
    App,
    /// This user or team alone: the app rejects it. Others go on.
    Item,
}
