//! Writing users: create, change, delete, each all or nothing.

use kube::{Api, ResourceExt};
use serde_json::Value;

use super::{
    Store,
    api_error::call,
    claims::{Claims, Deleted, Moves},
    codec,
    directory::version,
    error::StoreError,
    meta::{adopt, new_id, new_meta, post_params, touch},
    retry::Attempts,
    tenant::TenantKey,
    view::{UserView, is_receivers, may_be_written},
    written::Written,
};
use crate::{
    api::{User, UserSpec},
    scim::{Document, ScimError, rules::Unique, version::Conditions},
};

const KIND: &str = "User";

/// Why a new object's id can't be used.
pub(super) const SLOW: &str = "another request has taken the name over meanwhile";

impl Store {
    /// Stores a new user and gives it an id.
    pub async fn create_user(
        &self,
        tenant: &TenantKey,
        document: Document,
        unique: &[Unique],
    ) -> Result<UserView, StoreError> {
        self.check_can_answer()?;
        let spec = spec(tenant, document)?;
        let claims = Claims::<User>::new(self.client(), tenant);
        let api = self.users_api(tenant);
        let mut attempts = Attempts::default();
        loop {
            let id = new_id();
            let user = User { metadata: new_meta(tenant, &id), spec: spec.clone(), status: None };
            let moves = Moves::between(tenant, unique, None, &user);
            self.check_gained::<User>(tenant, &moves, &id).await?;
            let post = || async { Ok(call(api.create(&post_params(), &user)).await?) };
            if let Some(user) = claims.write(&id, &moves, post, |stored| stored.spec == user.spec).await? {
                let written = Written::of(&user);
                let user = self.took_in_user(user).await;
                self.acknowledge(&written).await?;
                return Ok(user);
            }
            attempts.next(&SLOW).await?;
        }
    }

    /// Changes a user by `change`, which may be called again on a fresher document. A change that changes nothing
    /// writes nothing.
    pub async fn change_user(
        &self,
        tenant: &TenantKey,
        id: &str,
        conditions: &Conditions,
        unique: &[Unique],
        change: impl Fn(Document) -> Result<Document, ScimError> + Send + Sync,
    ) -> Result<UserView, StoreError> {
        let turn = self.locks().lock(id).await;
        let mut attempts = Attempts::default();
        let mut current = self.user(tenant, id)?;
        loop {
            check_version(conditions, &current.version())?;
            let object = current.object();
            let wanted = changed_spec(tenant, &object, change(current.document())?)?;
            if wanted == object.spec {
                drop(turn);
                // Our answer says that it is so; another replica may not have heard of it yet.
                self.acknowledge(&Written::of(&object)).await?;
                return Ok(current);
            }
            if !may_be_written(&object) {
                return Err(StoreError::Declared { kind: KIND, id: id.to_owned() });
            }
            if let Some(user) = Box::pin(self.swap_user(tenant, &object, wanted, unique)).await? {
                let written = Written::of(&user);
                let user = self.took_in_user(user).await;
                drop(turn);
                self.acknowledge(&written).await?;
                return Ok(user);
            }
            attempts.next_conflict().await?;
            current = self.fresh_user(tenant, id).await?;
        }
    }

    /// Deletes a user. Downstream apps revoke what they granted before the object goes.
    pub async fn delete_user(
        &self,
        tenant: &TenantKey,
        id: &str,
        conditions: &Conditions,
        unique: &[Unique],
    ) -> Result<(), StoreError> {
        let _turn = self.locks().lock(id).await;
        let claims = Claims::<User>::new(self.client(), tenant);
        let mut attempts = Attempts::default();
        let mut current = self.user(tenant, id)?;
        loop {
            check_version(conditions, &current.version())?;
            let object = current.object();
            if !is_receivers(&object) {
                return Err(StoreError::Declared { kind: KIND, id: id.to_owned() });
            }
            let Some(deleted) = claims.retire(&object, unique).await? else {
                attempts.next_conflict().await?;
                current = self.fresh_user(tenant, id).await?;
                continue;
            };
            let written = match deleted {
                Deleted::Marked(user) => {
                    let written = Written::of(&user);
                    self.directory().put_user(user);
                    written
                }
                Deleted::Gone => {
                    let end = Written::end_of(&object);
                    self.directory().remove_user(tenant, id, end.version);
                    end
                }
            };
            return self.acknowledge(&written).await;
        }
    }

    /// A user as the API server has them now, taken in.
    pub(super) async fn fresh_user(&self, tenant: &TenantKey, id: &str) -> Result<UserView, StoreError> {
        let user = self.read_user(tenant, id).await?;
        self.make_room(&user).await?;
        self.directory().put_user(user);
        self.directory().user(tenant, id).ok_or_else(|| not_found(id))
    }

    /// A user as the API server has them now. Who is gone is forgotten here.
    pub(super) async fn read_user(&self, tenant: &TenantKey, id: &str) -> Result<User, StoreError> {
        let shown = self.directory().user(tenant, id).map(|user| user.resource_version());
        let held = || self.directory().held_user(tenant, id).map(|user| version(user.as_ref()));
        let known = shown.or_else(held);
        let user = call(self.users_api(tenant).get_opt(id)).await?;
        let Some(user) = user.filter(|user| user.spec.tenant_ref.name == tenant.name.as_ref()) else {
            if let Some(version) = known {
                self.directory().remove_user(tenant, id, version);
            }
            return Err(not_found(id));
        };
        Ok(user)
    }

    /// What was just stored, as the next reader here sees it.
    async fn took_in_user(&self, user: User) -> UserView {
        if let Err(error) = self.make_room(&user).await {
            tracing::debug!(%error, "could not look who had a name before; it is done again before the answer");
        }
        self.directory().put_written_user(user)
    }

    /// One compare-and-swap; `None` if the object has changed since.
    async fn swap_user(
        &self,
        tenant: &TenantKey,
        current: &User,
        wanted: UserSpec,
        unique: &[Unique],
    ) -> Result<Option<User>, StoreError> {
        let id = current.name_any();
        let claims = Claims::<User>::new(self.client(), tenant);
        let mut user =
            User { metadata: current.metadata.clone(), spec: wanted, status: current.status.clone() };
        touch(&mut user.metadata);
        adopt(&mut user.metadata, tenant);
        let moves = Moves::between(tenant, unique, Some(current), &user);
        self.check_gained::<User>(tenant, &moves, &id).await?;
        let api = self.users_api(tenant);
        let put = || async { Ok(call(api.replace(&id, &post_params(), &user)).await?) };
        claims.write(&id, &moves, put, |_| false).await
    }

    fn users_api(&self, tenant: &TenantKey) -> Api<User> {
        Api::namespaced(self.client().clone(), &tenant.namespace)
    }
}

fn not_found(id: &str) -> StoreError {
    StoreError::NotFound { kind: KIND, id: id.to_owned() }
}

fn spec(tenant: &TenantKey, document: Document) -> Result<UserSpec, StoreError> {
    codec::user_spec(&tenant.name, document).map_err(|error| StoreError::Rejected(error.to_string()))
}

/// The spec that a changed document says. Where it says nothing of `active`, access stays as it is.
///
/// RFC 7644 section 3.5.1: for attributes that are left out "the service provider MAY assume that any existing values
/// are to be cleared, or the service provider MAY assign a default value". The one default that gives no access to
/// somebody who was locked out is what it was.
fn changed_spec(tenant: &TenantKey, current: &User, document: Document) -> Result<UserSpec, StoreError> {
    let says_active = document.get("active").is_some_and(Value::is_boolean);
    let spec = spec(tenant, document)?;
    Ok(if says_active { spec } else { UserSpec { active: current.spec.active, ..spec } })
}

pub(super) fn check_version(conditions: &Conditions, current: &str) -> Result<(), StoreError> {
    if conditions.allow_write(current) {
        return Ok(());
    }
    Err(StoreError::VersionMismatch { current: current.to_owned() })
}
