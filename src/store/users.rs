//! Writing users: create, change, delete, each all or nothing.

use std::sync::Arc;

use kube::{Api, api::DeleteParams, api::Preconditions};
use serde_json::Value;

use super::{
    Store,
    api_error::{CallError, call, is_already_exists, is_ambiguous, is_conflict, is_not_found},
    claims::{Claims, Held},
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
    scim::{Document, ScimError, fold::fold_case, rules::Unique, version::Conditions},
};

const KIND: &str = "User";

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
        self.check_unused::<User>(tenant, &spec.user_name, None).await?;
        let api = self.users_api(tenant);
        let claims = Claims::<User>::new(self.client(), &tenant.namespace);
        let mut attempts = Attempts::default();
        loop {
            let id = new_id();
            let held = claims.acquire(tenant, &spec.user_name, &id).await?;
            let user = User { metadata: new_meta(tenant, &id), spec: spec.clone(), status: None };
            let gained = match self.gain(tenant, unique, None, &user).await {
                Ok(gained) => gained,
                Err(error) => {
                    claims.give_up(held).await;
                    return Err(error);
                }
            };
            match self.post_user(&api, &user, &id).await {
                Ok(user) => {
                    let user = self.took_in_user(user);
                    self.acknowledge(&Written::of(user.object())).await?;
                    return Ok(user);
                }
                // A placeholder stands there: our claim was taken over, because we were too slow.
                Err(error) if is_already_exists(&error) => attempts.next(&error).await?,
                Err(error) => {
                    // What may have been stored keeps its claim, so that the name stays unique.
                    if !is_ambiguous(&error) {
                        claims.give_up(held).await;
                        gained.give_up().await;
                    }
                    return Err(error.into());
                }
            }
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
            let wanted = changed_spec(tenant, &current, change(current.document())?)?;
            if wanted == current.0.spec {
                drop(turn);
                // Our answer says that it is so; another replica may not have heard of it yet.
                self.acknowledge(&Written::of(current.object())).await?;
                return Ok(current);
            }
            if !may_be_written(current.object()) {
                return Err(StoreError::Declared { kind: KIND, id: id.to_owned() });
            }
            if let Some(user) = self.swap_user(tenant, &current.0, wanted, unique).await? {
                let user = self.took_in_user(user);
                drop(turn);
                self.acknowledge(&Written::of(user.object())).await?;
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
        let api = self.users_api(tenant);
        let mut attempts = Attempts::default();
        let mut current = self.user(tenant, id)?;
        loop {
            check_version(conditions, &current.version())?;
            if !is_receivers(current.object()) {
                return Err(StoreError::Declared { kind: KIND, id: id.to_owned() });
            }
            // Only the version that was looked at is deleted: a rename under way would leave its claim behind.
            match call(api.delete(id, &exactly(&current.0.metadata))).await {
                Ok(deleted) => {
                    let user_name = &current.0.spec.user_name;
                    Claims::<User>::new(self.client(), &tenant.namespace)
                        .release(tenant, user_name, id)
                        .await;
                    self.release(tenant, unique, current.object()).await;
                    let written = if let Some(user) = deleted.left() {
                        Written::of(self.took_in_user(user).object())
                    } else {
                        let end = Written::end_of(current.object());
                        self.directory().remove_user(tenant, id, end.version);
                        end
                    };
                    return self.acknowledge(&written).await;
                }
                Err(error) if is_not_found(&error) => {
                    return Err(StoreError::NotFound { kind: KIND, id: id.to_owned() });
                }
                Err(error) if is_conflict(&error) => {
                    attempts.next_conflict().await?;
                    current = self.fresh_user(tenant, id).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// A user as the API server has them now.
    pub(super) async fn fresh_user(&self, tenant: &TenantKey, id: &str) -> Result<UserView, StoreError> {
        let not_found = || StoreError::NotFound { kind: KIND, id: id.to_owned() };
        let shown = self.directory().user(tenant, id).map(|user| user.0);
        let known =
            shown.or_else(|| self.directory().held_user(tenant, id)).map(|user| version(user.as_ref()));
        let user = call(self.users_api(tenant).get_opt(id)).await?;
        let Some(user) = user.filter(|user| user.spec.tenant_ref.name == tenant.name.as_ref()) else {
            if let Some(version) = known {
                self.directory().remove_user(tenant, id, version);
            }
            return Err(not_found());
        };
        self.directory().put_user(Arc::new(user));
        self.directory().user(tenant, id).ok_or_else(not_found)
    }

    /// Creates the object. If we can't know whether it was stored, looks for it.
    async fn post_user(&self, api: &Api<User>, user: &User, id: &str) -> Result<User, CallError> {
        match call(api.create(&post_params(), user)).await {
            Err(error) if is_ambiguous(&error) || is_already_exists(&error) => {
                match call(api.get_opt(id)).await {
                    Ok(Some(stored)) if stored.spec == user.spec => Ok(stored),
                    Ok(_) | Err(_) => Err(error),
                }
            }
            result => result,
        }
    }

    /// One compare-and-swap; `None` if the object has changed since.
    async fn swap_user(
        &self,
        tenant: &TenantKey,
        current: &User,
        wanted: UserSpec,
        unique: &[Unique],
    ) -> Result<Option<User>, StoreError> {
        let id = current.metadata.name.as_deref().unwrap_or_default();
        let claims = Claims::<User>::new(self.client(), &tenant.namespace);
        let renamed = fold_case(&wanted.user_name) != fold_case(&current.spec.user_name);
        if renamed {
            self.check_unused::<User>(tenant, &wanted.user_name, Some(id)).await?;
        }
        let held: Option<Held> =
            if renamed { Some(claims.acquire(tenant, &wanted.user_name, id).await?) } else { None };
        let mut user =
            User { metadata: current.metadata.clone(), spec: wanted, status: current.status.clone() };
        touch(&mut user.metadata);
        adopt(&mut user.metadata, tenant);
        let gained = match self.gain(tenant, unique, Some(current), &user).await {
            Ok(gained) => gained,
            Err(error) => {
                if let Some(held) = held {
                    claims.give_up(held).await;
                }
                return Err(error);
            }
        };
        let old = if renamed { claims.note(tenant, &current.spec.user_name, id).await } else { None };
        let losing = self.losing(tenant, unique, current, &user).await;
        match call(self.users_api(tenant).replace(id, &post_params(), &user)).await {
            Ok(stored) => {
                if let Some(old) = old {
                    claims.give_up(old).await;
                }
                losing.give_up().await;
                Ok(Some(stored))
            }
            Err(error) => {
                if !is_ambiguous(&error) {
                    if let Some(held) = held {
                        claims.give_up(held).await;
                    }
                    gained.give_up().await;
                }
                if is_conflict(&error) || is_not_found(&error) { Ok(None) } else { Err(error.into()) }
            }
        }
    }

    /// What was just stored, as the next reader here sees it.
    fn took_in_user(&self, user: User) -> UserView {
        let user = Arc::new(user);
        self.directory().put_user(user.clone());
        UserView(user)
    }

    fn users_api(&self, tenant: &TenantKey) -> Api<User> {
        Api::namespaced(self.client().clone(), &tenant.namespace)
    }
}

fn spec(tenant: &TenantKey, document: Document) -> Result<UserSpec, StoreError> {
    codec::user_spec(&tenant.name, document).map_err(|error| StoreError::Rejected(error.to_string()))
}

/// The spec that a changed document says. Where it says nothing of `active`, access stays as it is.
///
/// RFC 7644 section 3.5.1: for attributes that are left out "the service provider MAY assume that any existing values
/// are to be cleared, or the service provider MAY assign a default value". The one default that gives no access to
/// somebody who was locked out is what it was.
fn changed_spec(tenant: &TenantKey, current: &UserView, document: Document) -> Result<UserSpec, StoreError> {
    let says_active = document.get("active").is_some_and(Value::is_boolean);
    let spec = spec(tenant, document)?;
    Ok(if says_active { spec } else { UserSpec { active: current.object().spec.active, ..spec } })
}

pub(super) fn check_version(conditions: &Conditions, current: &str) -> Result<(), StoreError> {
    if conditions.allow_write(current) {
        return Ok(());
    }
    Err(StoreError::VersionMismatch { current: current.to_owned() })
}

/// Delete exactly this version of this object.
pub(super) fn exactly(metadata: &kube::api::ObjectMeta) -> DeleteParams {
    let preconditions =
        Preconditions { resource_version: metadata.resource_version.clone(), uid: metadata.uid.clone() };
    DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() }
}
