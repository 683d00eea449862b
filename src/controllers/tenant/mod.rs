//! Tenants: their tokens, the Secrets that carry these, and what their status says.
//!
//! Rollcall may only get, create, update and delete Secrets by name, neither list nor watch them: an operator that can
//! list Secrets can read everybody's. So each tenant's Secrets are read whenever the tenant changes and every 2.5 s:
//! one small GET each, which is cheap next to what a stolen list would cost, and prompt enough that a deleted
//! Secret stops its token within 5 s.

mod conditions;
mod deletion;
mod error;
mod execute;
mod memory;
mod plan;
mod report;
mod rotation;
mod secret;
mod token_plan;

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use futures::{StreamExt, future::join_all};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Client, Resource,
    runtime::{
        Controller,
        controller::Action,
        events::{Event, Recorder, Reporter},
        watcher,
    },
};
use tokio_util::sync::CancellationToken;

use deletion::Stage;
pub use error::TenantError;
use execute::Executor;
use memory::Memory;
use plan::{Observed, Plan};
use secret::Found;

use crate::{
    api::{ScimTenant, ScimTenantStatus},
    store::{
        Counts, Namespaces, SharedValues, Store, TenantKey, TenantRules, Token, tenants,
        token_use::whole_seconds,
    },
};

/// How often each tenant's Secrets are looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(2500);

/// After we changed something: see what came of it.
const SEE_RESULT: Duration = Duration::from_millis(50);

/// After another writer was faster; by then the watch has shown us what it wrote.
const AFTER_RACE: Duration = Duration::from_millis(100);

/// Tells a tenant's base URL.
pub type Endpoint = Box<dyn Fn(&TenantKey) -> String + Send + Sync>;

/// The controller of ScimTenants.
pub struct TenantController {
    client: Client,
    store: Store,
    endpoint: Endpoint,
    recorder: Recorder,
    memory: Memory,
}

impl TenantController {
    /// `identity` tells in events which process it was.
    pub fn new(client: Client, store: Store, endpoint: Endpoint, identity: String) -> Self {
        let reporter = Reporter { controller: "rollcall.dev/tenant".to_owned(), instance: Some(identity) };
        let recorder = Recorder::new(client.clone(), reporter);
        Self { client, store, endpoint, recorder, memory: Memory::default() }
    }

    /// Runs until `over` is cancelled, then finishes the calls that are under way.
    pub async fn run(self, namespaces: &Namespaces, over: CancellationToken) {
        let context = Arc::new(self);
        let controllers = namespaces.apis::<ScimTenant>(&context.client).into_iter().map(|api| {
            Controller::new(api, watcher::Config::default())
                .graceful_shutdown_on(over.clone().cancelled_owned())
                .run(reconcile, retry, Arc::clone(&context))
                // Failures of a tenant are logged by `retry`; the others are about the watch, which repeats by itself.
                .for_each(async |result| {
                    if let Err(error) = result {
                        tracing::debug!(%error, "a round of the tenant controller did not succeed");
                    }
                })
        });
        join_all(controllers).await;
    }

    async fn observe_secrets(&self, tenant: &ScimTenant) -> Result<BTreeMap<String, Found>, TenantError> {
        let namespace = tenant.metadata.namespace.as_deref().unwrap_or_default();
        let uid = tenant.metadata.uid.as_deref().unwrap_or_default();
        let api = Api::<Secret>::namespaced(self.client.clone(), namespace);
        let mut found = BTreeMap::new();
        for name in plan::secret_names(tenant).into_iter().filter(|name| secret::is_name(name)) {
            let secret = api.get_opt(&name).await.map_err(TenantError::of_secret(&name, "read"))?;
            found.insert(name, Found::classify(secret, uid));
        }
        Ok(found)
    }

    async fn plan(&self, key: &TenantKey, tenant: &ScimTenant) -> Result<Plan, TenantError> {
        let secrets = self.observe_secrets(tenant).await?;
        let shown = tenant.status.as_ref().map(shown_counts).unwrap_or_default();
        let shared = self.shared(key, tenant).await;
        let failure = self.memory.failure(key);
        let observed = Observed {
            tenant,
            secrets: &secrets,
            endpoint: &(self.endpoint)(key),
            counts: self.memory.counts_to_write(key, shown, self.counts(key)),
            shared: shared.as_deref(),
            failure: failure.as_deref(),
            now: whole_seconds(Timestamp::now()),
        };
        Ok(plan::plan(&observed, &mut Token::issue)?)
    }

    /// Looks at everybody for values that are shared, unless that was done a while ago: of 100,000 users, it takes the
    /// better part of a second.
    async fn shared(&self, key: &TenantKey, tenant: &ScimTenant) -> Option<Vec<SharedValues>> {
        let generation = tenant.metadata.generation;
        if let Some(shared) = self.memory.shared(key, generation) {
            return Some(shared);
        }
        if !self.store.not_ready().is_empty() {
            return None;
        }
        let rules = TenantRules::of(&tenant.spec, None);
        let (store, of) = (self.store.clone(), key.clone());
        let look = tokio::task::spawn_blocking(move || store.directory().shared_values(&of, &rules));
        match look.await {
            Ok(shared) => {
                self.memory.looked(key, generation, shared.clone());
                Some(shared)
            }
            Err(error) => {
                tracing::warn!(tenant = %key, %error, "could not look for values that are shared; trying again");
                None
            }
        }
    }

    /// Unknown until everything has been read once: a half-read store would show counts that were never true.
    fn counts(&self, key: &TenantKey) -> Option<Counts> {
        self.store.not_ready().is_empty().then(|| self.store.directory().counts(key))
    }

    /// Events help people; failing to write one must not hold up what they are about.
    async fn publish(&self, tenant: &ScimTenant, event: &Event) {
        if let Err(error) = self.recorder.publish(event, &tenant.object_ref(&())).await {
            tracing::debug!(%error, reason = event.reason, "an event could not be written");
        }
    }
}

impl fmt::Debug for TenantController {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantController").finish_non_exhaustive()
    }
}

async fn reconcile(tenant: Arc<ScimTenant>, context: Arc<TenantController>) -> Result<Action, TenantError> {
    let Some(key) = tenants::key(&tenant) else { return Ok(Action::await_change()) };
    let executor = Executor { client: &context.client, tenant: &tenant };
    let now = whole_seconds(Timestamp::now());
    match Stage::of(&tenant) {
        Stage::Alive => {}
        Stage::SetFinalizer(wanted) => {
            executor.set_finalizer(wanted).await?;
            return Ok(Action::requeue(SEE_RESULT));
        }
        Stage::Unconfirmed => {
            executor.report_unconfirmed(now).await?;
            return Ok(Action::requeue(LOOK_AGAIN));
        }
        Stage::Emptying => {
            if executor.empty(now).await? {
                executor.set_finalizer(false).await?;
            }
            return Ok(Action::requeue(SEE_RESULT));
        }
        Stage::Gone => {
            context.memory.forget(&key);
            return Ok(Action::await_change());
        }
    }
    let plan = context.plan(&key, &tenant).await?;
    let acted = executor.execute(&plan).await?;
    context.memory.succeeded(&key);
    for note in &plan.notes {
        context.publish(&tenant, &note.event()).await;
    }
    if let Some((reason, message)) = turned_bad(tenant.status.as_ref(), &plan.status) {
        context.publish(&tenant, &report::warning(reason, message)).await;
    }
    Ok(Action::requeue(if acted { SEE_RESULT } else { LOOK_AGAIN }))
}

/// A race is over by the next look; what fails is tried again less and less often.
#[expect(clippy::needless_pass_by_value, reason = "the runtime hands it over so")]
fn retry(tenant: Arc<ScimTenant>, error: &TenantError, context: Arc<TenantController>) -> Action {
    let Some(key) = tenants::key(&tenant) else { return Action::await_change() };
    match error {
        TenantError::Stale => Action::requeue(AFTER_RACE),
        TenantError::Secret { .. } | TenantError::Kube { .. } | TenantError::Random(_) => {
            tracing::warn!(tenant = %key, %error, "a tenant is not up to date yet");
            Action::requeue(context.memory.failed(&key, error))
        }
    }
}

/// Reason and message of `Stalled` if it has just become true, or true for another reason.
fn turned_bad<'a>(
    before: Option<&ScimTenantStatus>,
    now: &'a ScimTenantStatus,
) -> Option<(&'a str, &'a str)> {
    let stalled = |status: &'a ScimTenantStatus| {
        status.conditions.iter().find(|condition| condition.type_ == "Stalled" && condition.status == "True")
    };
    let now = stalled(now)?;
    let known = before.is_some_and(|before| {
        before
            .conditions
            .iter()
            .any(|condition| condition.type_ == "Stalled" && condition.reason == now.reason)
    });
    (!known).then_some((now.reason.as_str(), now.message.as_str()))
}

fn shown_counts(status: &ScimTenantStatus) -> Option<Counts> {
    let count = |shown: Option<i64>| usize::try_from(shown?).ok();
    Some(Counts {
        users: count(status.users)?,
        active_users: count(status.active_users)?,
        teams: count(status.teams)?,
    })
}
