//! The `scim` kind of app: another SCIM 2.0 server, to which users and teams are pushed as an identity provider would.
//!
//! Read `attributes` and `membership` for what is compared and planned (pure), `users` and `groups` for how a plan is
//! carried out and what is done when a server departs from the standard, and `client` for the HTTP.

mod address;
mod answer;
mod attributes;
mod client;
mod groups;
mod habits;
mod lookup;
mod membership;
mod memory;
mod password;
mod request;
mod users;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

pub use self::client::BearerToken;
use self::client::{Client, Reach};
use self::groups::Groups;
use self::users::Users;
use super::{ApplyError, Downstream, Fence, Had, Has, TeamView, UserView};
use crate::api::{DeletionPolicy, ScimTarget};

/// How long one answer is waited for, unless the target says otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How many requests may be under way at once, unless the target says otherwise.
const CONCURRENCY: u32 = 4;

/// A SCIM server as an app. Keep it while target and token stay the same and nobody else may push to the server: it
/// remembers what the server has, and how the server departs from the standard. Whoever takes over from another
/// replica starts with a new one.
#[derive(Debug)]
pub struct ScimApp {
    client: Arc<Client>,
    users: Users,
    groups: Groups,
    /// False: only users are pushed. What was pushed before can still be revoked.
    pushes_groups: bool,
}

/// What the installation, not the target, decides.
#[derive(Clone, Copy, Debug, Default)]
pub struct ScimOptions {
    /// Whether an app may be on this machine's loopback: for development and tests.
    pub allow_loopback: bool,
}

impl ScimApp {
    /// A client of that server. Nothing is sent yet; a URL or token that can never work is an error.
    pub fn new(
        target: &ScimTarget,
        token: BearerToken,
        options: ScimOptions,
        fence: Fence,
    ) -> Result<Self, ApplyError> {
        let ScimTarget { url, token_secret_ref: _, groups, timeout, concurrency, forward_passwords: _ } =
            target;
        let reach = Reach {
            timeout: timeout.map(Duration::from).filter(|timeout| !timeout.is_zero()).unwrap_or(TIMEOUT),
            concurrency: concurrency.unwrap_or(CONCURRENCY) as usize,
            allow_loopback: options.allow_loopback,
        };
        let client = Arc::new(Client::new(url, token, reach, fence)?);
        Ok(Self {
            users: Users::new(Arc::clone(&client)),
            groups: Groups::new(Arc::clone(&client)),
            pushes_groups: groups.unwrap_or(true),
            client,
        })
    }
}

#[async_trait]
impl Downstream for ScimApp {
    fn kind(&self) -> &'static str {
        "scim"
    }

    async fn probe(&self) -> Result<(), ApplyError> {
        self.client.probe().await
    }

    async fn apply_user(&self, user: &UserView, had: &Had) -> Result<Has, ApplyError> {
        self.users.apply(user, had).await
    }

    async fn revoke_user(&self, id: &str, had: &Had, policy: DeletionPolicy) -> Result<Has, ApplyError> {
        self.users.revoke(id, had, policy).await
    }

    async fn apply_team(&self, team: &TeamView, had: &Had) -> Result<Has, ApplyError> {
        if !self.pushes_groups {
            return Ok(Has { remote_id: had.remote_id.clone(), ..Has::default() });
        }
        self.groups.apply(team, had).await
    }

    async fn revoke_team(&self, id: &str, had: &Had, policy: DeletionPolicy) -> Result<Has, ApplyError> {
        self.groups.revoke(id, had, policy).await
    }
}
