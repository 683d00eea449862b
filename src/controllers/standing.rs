//! Notices when the status of a user or team no longer says the truth although no app has reported anything: there is a
//! new app, the scope of one has changed, or the object itself has, and an app can't be reached.
//!
//! Everything is compared in memory. What apps report within moments is not anticipated by a write.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    time::Duration,
};

use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::{Context, report::Subject};
use crate::store::{Change, TenantKey, membership::Id};

/// How long apps have to report before the status says that they have not: this long, or twice as long.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What has to be looked at.
#[derive(Debug, Default)]
struct Due {
    subjects: HashSet<(TenantKey, Subject)>,
    /// Everything of these.
    tenants: HashSet<TenantKey>,
}

/// Which apps have a team in their scope, so that a change of that can be told from any other change of the team.
type Scopes = HashMap<(TenantKey, Id), BTreeSet<String>>;

/// Looks until `stop`.
pub(super) async fn run(context: Context, stop: CancellationToken) {
    if !context.until_all_is_known(&stop).await {
        return;
    }
    let mut changes = context.store.directory().subscribe();
    let mut look = tokio::time::interval(LOOK_EVERY);
    let (mut young, mut ripe, mut scopes) = (Due::default(), Due::default(), Scopes::default());
    young.tenants.extend(context.store.directory().tenants());
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            change = changes.recv() => match change {
                Ok(change) => young.heard(&context, &mut scopes, change),
                Err(RecvError::Lagged(_)) => {
                    changes = changes.resubscribe();
                    young.tenants.extend(context.store.directory().tenants());
                }
                Err(RecvError::Closed) => return,
            },
            _ = look.tick() => {
                ripe.look(&context);
                ripe = std::mem::take(&mut young);
                ripe.tenants.extend(context.apps.rescoped());
            }
        }
    }
}

impl Due {
    fn heard(&mut self, context: &Context, scopes: &mut Scopes, change: Change) {
        match change {
            Change::User { tenant, id } => {
                self.subjects.insert((tenant, Subject::User(id)));
            }
            Change::Team { tenant, id, moved } => {
                for member in moved.iter() {
                    self.member(context, &tenant, member);
                }
                let team = context.store.directory().team(&tenant, &id);
                let now =
                    team.map(|team| context.apps.with_team(&tenant, team.outline())).unwrap_or_default();
                let key = (tenant.clone(), id.clone());
                if scopes.remove(&key).unwrap_or_default() != now {
                    self.member(context, &tenant, &id);
                }
                if !now.is_empty() {
                    scopes.insert(key, now);
                }
                self.subjects.insert((tenant, Subject::Team(id)));
            }
        }
    }

    /// A member is a user, or a team and everybody in it.
    fn member(&mut self, context: &Context, tenant: &TenantKey, id: &Id) {
        for user in context.store.directory().people_of(tenant, id) {
            self.subjects.insert((tenant.clone(), Subject::User(user.shared_id().clone())));
        }
        self.subjects.insert((tenant.clone(), Subject::User(id.clone())));
    }

    fn look(&mut self, context: &Context) {
        let Self { mut subjects, tenants } = std::mem::take(self);
        for tenant in tenants {
            let directory = context.store.directory();
            let users =
                directory.users(&tenant, &[]).into_iter().map(|it| Subject::User(it.shared_id().clone()));
            let teams = directory.teams(&tenant, &[]).into_iter().map(|it| Subject::Team(it.id().into()));
            subjects.extend(users.chain(teams).map(|subject| (tenant.clone(), subject)));
        }
        for (tenant, subject) in subjects {
            if context.has_stale_status(&tenant, &subject) {
                context.reporter.look(&tenant.namespace, subject);
            }
        }
    }
}
