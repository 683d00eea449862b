//! Users and teams that were deleted: they go once no downstream app has them any more.
//!
//! Kubernetes keeps the object while it has our finalizer. Apps revoke meanwhile and say so in its status; then deleted
//! members are taken out of their teams, and the finalizers go. Whoever may go by then goes together, so that a team that
//! loses many of its members is written once.

use std::{
    collections::{HashMap, HashSet},
    fmt::Debug,
    sync::Arc,
    time::Duration,
};

use futures::{StreamExt, stream};
use k8s_openapi::NamespaceResourceScope;
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::sync::broadcast::{
    Receiver,
    error::{RecvError, TryRecvError},
};
use tokio_util::sync::CancellationToken;

use super::{Context, finalizer};
use crate::{
    api::{AppliedState, AppliedTo, Team, User, names},
    store::{Change, TenantKey, membership::Id},
};

/// How often everything that still waits is looked at again, should a step have failed.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// How many go together at most: who was deleted after them waits until they are gone.
const TOGETHER: usize = 1_000;

/// How many writes are under way at once. Few: what people wait for is more urgent.
const AT_ONCE: usize = 8;

/// Whom to look at.
enum Look {
    At(HashSet<(TenantKey, Id)>),
    AtEverybody,
}

/// One who may go.
#[derive(Clone)]
enum Goer {
    User(Arc<User>),
    Team(Arc<Team>),
}

/// Lets deleted users and teams go, until `stop`.
pub(super) async fn run(context: Context, stop: CancellationToken) {
    let mut changes = context.store.directory().subscribe();
    let mut again = tokio::time::interval(LOOK_AGAIN);
    // An app that is not known yet would not be waited for.
    if !context.until_all_is_known(&stop).await {
        return;
    }
    loop {
        let look = tokio::select! {
            () = stop.cancelled() => return,
            look = next(&mut changes) => match look {
                Some(look) => look,
                None => return,
            },
            () = context.apps.news() => Look::AtEverybody,
            _ = again.tick() => Look::AtEverybody,
        };
        for (tenant, ids) in by_tenant(&context, look) {
            for ids in ids.chunks(TOGETHER).take_while(|_| !stop.is_cancelled()) {
                let goers: Vec<Goer> = ids.iter().filter_map(|id| goer(&context, &tenant, id)).collect();
                let_go(&context, &tenant, &goers).await;
            }
        }
    }
}

/// Whom the changes since the last time are about; `None` when there will be no more.
async fn next(changes: &mut Receiver<Change>) -> Option<Look> {
    let mut ids = HashSet::new();
    let mut change = match changes.recv().await {
        Ok(change) => change,
        Err(RecvError::Lagged(_)) => return Some(missed(changes)),
        Err(RecvError::Closed) => return None,
    };
    loop {
        let (Change::User { tenant, id } | Change::Team { tenant, id, moved: _ }) = change;
        ids.insert((tenant, id));
        change = match changes.try_recv() {
            Ok(change) => change,
            Err(TryRecvError::Lagged(_)) => return Some(missed(changes)),
            Err(TryRecvError::Empty | TryRecvError::Closed) => return Some(Look::At(ids)),
        };
    }
}

fn missed(changes: &mut Receiver<Change>) -> Look {
    *changes = changes.resubscribe();
    Look::AtEverybody
}

fn by_tenant(context: &Context, look: Look) -> HashMap<TenantKey, Vec<Id>> {
    let ids = match look {
        Look::At(ids) => ids,
        Look::AtEverybody => everybody(context),
    };
    let mut tenants: HashMap<TenantKey, Vec<Id>> = HashMap::new();
    for (tenant, id) in ids {
        tenants.entry(tenant).or_default().push(id);
    }
    tenants
}

/// Everybody who was deleted and still waits.
fn everybody(context: &Context) -> HashSet<(TenantKey, Id)> {
    let directory = context.store.directory();
    let of = |tenant: TenantKey| {
        let (users, teams) = directory.leaving(&tenant);
        users.into_iter().chain(teams).map(move |id| (tenant.clone(), id))
    };
    directory.tenants().into_iter().flat_map(of).collect()
}

/// One who was deleted, once no app that still exists has them.
fn goer(context: &Context, tenant: &TenantKey, id: &str) -> Option<Goer> {
    let directory = context.store.directory();
    let (user, team) = (directory.leaving_user(tenant, id), directory.leaving_team(tenant, id));
    if user.is_none() && team.is_none() {
        context.apps.forget(id);
        return None;
    }
    // Before a user is unpacked: many may wait for one app.
    if !context.apps.have_settled(tenant, id) {
        return None;
    }
    let goer = user.map(|user| Goer::User(user.object().into())).or_else(|| team.map(Goer::Team))?;
    let revoked =
        |row: &AppliedTo| row.state == AppliedState::Revoked || !context.apps.has(tenant, &row.name);
    goer.rows().iter().all(revoked).then_some(goer)
}

/// Takes them out of their teams, and lets go those who are in none any more.
async fn let_go(context: &Context, tenant: &TenantKey, goers: &[Goer]) {
    let held_up = leave_teams(context, tenant, goers).await;
    // Owned ones: over borrowed ones the compiler can't tell that the future may move between threads.
    let free: Vec<Goer> = goers.iter().filter(|it| !held_up.contains(&it.id())).cloned().collect();
    let failed = stream::iter(free)
        .map(|goer| async move { release(context, tenant, &goer).await.err() })
        .buffer_unordered(AT_ONCE)
        .filter_map(std::future::ready);
    let failed: Vec<kube::Error> = failed.collect().await;
    if let Some(error) = failed.first() {
        tracing::warn!(objects = failed.len(), %error, "could not let deleted objects go; trying again");
    }
}

/// Takes them out of the teams that name them, each team once; gives back who is still in one. Until then reads leave
/// them out; they are never members of anything new, because ids are never reused.
async fn leave_teams(context: &Context, tenant: &TenantKey, goers: &[Goer]) -> HashSet<String> {
    let mut losses: HashMap<String, Vec<String>> = HashMap::new();
    for id in goers.iter().map(Goer::id) {
        for team in context.store.directory().teams_naming(tenant, &id) {
            losses.entry(team.id().to_owned()).or_default().push(id.clone());
        }
    }
    let leave = |(team, members): (String, Vec<String>)| async move {
        let left = context.store.remove_members(tenant, &team, &members).await;
        left.err().map(|error| (error, members))
    };
    let failed = stream::iter(losses).map(leave).buffer_unordered(AT_ONCE);
    let failed: Vec<_> = failed.filter_map(std::future::ready).collect().await;
    if let Some((error, _)) = failed.first() {
        let teams = failed.len();
        tracing::warn!(teams, %error, "could not take deleted members out of teams; trying again");
    }
    failed.into_iter().flat_map(|(_, members)| members).collect()
}

/// Takes our finalizer off. The slices of a team are nobody's then, unless people declare these, too.
async fn release(context: &Context, tenant: &TenantKey, goer: &Goer) -> kube::Result<()> {
    match goer {
        Goer::User(user) => take_finalizer(context, tenant, user.as_ref()).await,
        Goer::Team(team) => {
            take_finalizer(context, tenant, team.as_ref()).await?;
            if team.labels().get(names::LABEL_ORIGIN).is_some_and(|origin| origin == names::ORIGIN_RECEIVER) {
                let slices = team.spec.membership.slice_names().map(str::to_owned).collect();
                context.store.drop_slices(tenant, slices);
            }
            Ok(())
        }
    }
}

async fn take_finalizer<K>(context: &Context, tenant: &TenantKey, object: &K) -> kube::Result<()>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
{
    let api: Api<K> = Api::namespaced(context.client.clone(), &tenant.namespace);
    finalizer::set(&api, &object.name_any(), names::FINALIZER_REVOKE, false).await.map(drop)
}

impl Goer {
    fn id(&self) -> String {
        match self {
            Self::User(user) => user.name_any(),
            Self::Team(team) => team.name_any(),
        }
    }

    /// What each app says of it.
    fn rows(&self) -> &[AppliedTo] {
        match self {
            Self::User(user) => user.status.as_ref().map(|it| it.apps.as_slice()),
            Self::Team(team) => team.status.as_ref().map(|it| it.apps.as_slice()),
        }
        .unwrap_or_default()
    }
}
