//! People and teams go: deleted over SCIM, beside a bare client that deletes the same objects; and nothing of them is
//! left.

use std::{
    collections::HashSet,
    fmt::Debug,
    time::{Duration, Instant},
};

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::{NamespaceResourceScope, api::coordination::v1::Lease};
use kube::{
    Api, Resource, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use rollcall::api::{MembershipSlice, Team, User};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    load::Failure,
    system::{BARE, System, Tenant, eventually},
    table::{Row, Table},
    throughput::post,
};

const CONNECTIONS: usize = 32;

/// How many a bare client deletes, half of them before we do, half of them after.
const BARE_DELETES: usize = 1_000;

/// How many teams go, beside the large one.
const TEAMS: usize = 100;

/// Users of these numbers nobody else creates.
const FIRST: usize = 5_000_000;

/// With everybody there; `teams` has the large one first. One in twenty of the people goes, half of whom are in it.
pub async fn measure(
    table: &mut Table,
    system: &System,
    tenant: &Tenant,
    people: &[String],
    teams: &[String],
) -> Result<(), Failure> {
    let gone = &people[..people.len() / 20];
    let of = format!("{} users, each in ten teams", gone.len());
    let bare = Bare::of(system, &gone[0]).await?;
    let again = recreation(tenant, "/Users", &gone[0]).await?;
    let before = bare.delete(0).await?;

    let started = Instant::now();
    let delete = |it: usize| tenant.ask("DELETE", &format!("/Users/{}", gone[it]), "");
    let outcome = tenant.server.load(CONNECTIONS, gone.len(), delete).await?.all(204);
    // Their names are free as soon as they are deleted.
    tenant.server.load(1, 1, |_| tenant.ask("POST", "/Users", again.clone())).await?.all(201);
    are_gone(&system.api::<User>(), gone).await?;
    let rate = gone.len() as f64 / started.elapsed().as_secs_f64();
    let theirs = BARE_DELETES as f64 / (before + bare.delete(1).await?).as_secs_f64();
    table.beside(
        &format!("deletes, until all is gone: {of}"),
        rate,
        ("a bare client's of users and claims", theirs),
    );
    table.note("  as they are answered", outcome.rate(), "/s");
    table.note("  p99 of the answers", outcome.within(0.99).as_secs_f64() * 1e3, "ms");
    left(table, system, gone).await?;
    delete_teams(table, system, tenant, teams).await
}

/// The large team, and then many.
async fn delete_teams(
    table: &mut Table,
    system: &System,
    tenant: &Tenant,
    teams: &[String],
) -> Result<(), Failure> {
    let again = recreation(tenant, "/Groups", &teams[0]).await?;
    let delete = |it: usize| tenant.ask("DELETE", &format!("/Groups/{}", teams[it]), "");
    let started = Instant::now();
    let answered = tenant.server.load(1, 1, delete).await?.all(204).took;
    tenant.server.load(1, 1, |_| tenant.ask("POST", "/Groups", again.clone())).await?.all(201);
    are_gone(&system.api::<Team>(), &teams[..1]).await?;
    let slices = || async {
        let of = ListParams::default().labels(&format!("rollcall.dev/team={}", teams[0])).limit(1);
        system.api::<MembershipSlice>().list_metadata(&of).await.ok()?.items.is_empty().then_some(())
    };
    eventually("the slices of the large team are gone", slices).await;
    table.note("delete of the large team, until all is gone", started.elapsed().as_secs_f64() * 1e3, "ms");
    table.note("  until it is answered", answered.as_secs_f64() * 1e3, "ms");

    let started = Instant::now();
    let outcome = tenant.server.load(CONNECTIONS, TEAMS, |it| delete(it + 1)).await?.all(204);
    are_gone(&system.api::<Team>(), &teams[1..=TEAMS]).await?;
    let rate = TEAMS as f64 / started.elapsed().as_secs_f64();
    table.note(&format!("deletes of {TEAMS} small teams, until all is gone"), rate, "/s");
    table.note("  p99 of the answers", outcome.within(0.99).as_secs_f64() * 1e3, "ms");
    left(table, system, &teams[..=TEAMS]).await
}

/// What creates a resource anew under its name, once it is deleted.
async fn recreation(tenant: &Tenant, path: &str, id: &str) -> Result<String, Failure> {
    let (status, body) = tenant.server.once(tenant.ask("GET", &format!("{path}/{id}"), "")).await?;
    let mut resource: Value = serde_json::from_slice(&body).map_err(|error| format!("{status}: {error}"))?;
    let fields = resource.as_object_mut().ok_or("not a resource")?;
    fields.retain(|name, _| !["id", "meta", "groups", "members"].contains(&name.as_str()));
    Ok(resource.to_string())
}

/// Waits until the API server has none of them.
async fn are_gone<K>(api: &Api<K>, ids: &[String]) -> Result<(), Failure>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    // Those deleted last go last, so that few of the others have to be asked about twice.
    for id in ids.iter().rev() {
        let is_gone = || async { api.get_metadata_opt(id).await.ok()?.is_none().then_some(()) };
        eventually("a deleted object is gone", is_gone).await;
    }
    Ok(())
}

/// What there still is of those who were deleted: their objects, claims and slices, and memberships that name them.
async fn left(table: &mut Table, system: &System, deleted: &[String]) -> Result<(), Failure> {
    let deleted: HashSet<&str> = deleted.iter().map(String::as_str).collect();
    let is_deleted = |id: &str| deleted.contains(id);
    let slices = all(&system.api::<MembershipSlice>()).await?;
    let teams = all(&system.api::<Team>()).await?;
    let users = all(&system.api::<User>()).await?;
    let claims = all(&system.api::<Lease>()).await?;
    let holder = |claim: &Lease| claim.spec.as_ref()?.holder_identity.clone();
    let named: HashSet<&str> = teams.iter().flat_map(|team| team.spec.membership.slice_names()).collect();
    let in_slices: Vec<_> = slices.iter().filter(|slice| named.contains(slice.name_any().as_str())).collect();
    // Who has left a team may still be in a slice of it; the team, or another slice, then says that they have left.
    let of_teams = teams.iter().flat_map(|team| {
        let removed = team.spec.membership.removed.iter();
        removed.map(|id| (team.metadata.name.as_deref().unwrap_or_default(), id.as_str()))
    });
    let of_slices = in_slices.iter().flat_map(|slice| {
        slice.spec.removed.iter().map(|id| (slice.spec.team_ref.name.as_str(), id.as_str()))
    });
    let out: HashSet<(&str, &str)> = of_teams.chain(of_slices).collect();
    let members = in_slices.iter().flat_map(|slice| {
        slice.spec.members.iter().map(|id| (slice.spec.team_ref.name.as_str(), id.as_str()))
    });
    let added = teams.iter().flat_map(|team| &team.spec.membership.added);
    let counts = [
        ("users", users.iter().filter(|it| is_deleted(&it.name_any())).count()),
        ("teams", teams.iter().filter(|it| is_deleted(&it.name_any())).count()),
        ("claims", claims.iter().filter_map(holder).filter(|it| is_deleted(it)).count()),
        ("slices", slices.iter().filter(|it| is_deleted(&it.spec.team_ref.name)).count()),
        ("memberships in slices", members.filter(|it| is_deleted(it.1) && !out.contains(it)).count()),
        ("memberships in teams", added.filter(|id| is_deleted(id)).count()),
    ];
    for (what, count) in counts.iter().filter(|(_, count)| *count > 0) {
        eprintln!("  {count} {what} are left");
    }
    let sum: usize = counts.iter().map(|(_, count)| count).sum();
    table.at_most("  objects, claims, slices and memberships left", 0.0, sum as f64, "");
    Ok(())
}

/// Every object of a kind, page by page.
async fn all<K>(api: &Api<K>) -> Result<Vec<K>, Failure>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
{
    let (mut objects, mut page) = (Vec::new(), ListParams::default().limit(1_000));
    loop {
        let list = api.list(&page).await?;
        objects.extend(list.items);
        let Some(next) = list.metadata.continue_.filter(|next| !next.is_empty()) else { return Ok(objects) };
        page = page.continue_token(&next);
    }
}

/// A client that knows only the objects: copies of one user and of a claim, where no operator looks.
struct Bare {
    users: Api<User>,
    claims: Api<Lease>,
}

impl Bare {
    /// With all its users.
    async fn of(system: &System, id: &str) -> Result<Self, Failure> {
        let user = system.api::<User>().get(id).await?;
        let claims = ListParams::default().labels("rollcall.dev/claim=userName").limit(1);
        let claim = system.api::<Lease>().list(&claims).await?.items.pop().ok_or("there is no claim")?;
        post(system, FIRST..FIRST + BARE_DELETES, &user, &claim).await?;
        let users = Api::namespaced(system.client.clone(), BARE);
        Ok(Self { users, claims: Api::namespaced(system.client.clone(), BARE) })
    }

    /// Deletes one half of them as we do: the user is marked, the claim goes, and then the finalizer.
    async fn delete(&self, half: usize) -> Result<Duration, Failure> {
        let first = FIRST + half * BARE_DELETES / 2;
        let started = Instant::now();
        stream::iter(first..first + BARE_DELETES / 2)
            .map(|number| async move {
                let name = format!("0199d5a0-0000-7000-8000-{number:012x}");
                self.users.delete(&name, &DeleteParams::default()).await?;
                self.claims.delete(&format!("username-{number:040x}"), &DeleteParams::default()).await?;
                let patch = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
                self.users.patch_metadata(&name, &PatchParams::default(), &patch).await.map(drop)
            })
            .buffer_unordered(CONNECTIONS)
            .try_collect::<Vec<()>>()
            .await?;
        Ok(started.elapsed())
    }
}

impl Table {
    /// A rate that nothing was promised about, beside another one.
    fn beside(&mut self, figure: &str, measured: f64, (other, rate): (&str, f64)) {
        self.push(Row {
            figure: figure.to_owned(),
            target: String::new(),
            measured: format!("{measured:.0} /s"),
            beside: format!("{:.2} x {other} ({rate:.0} /s)", measured / rate),
            met: true,
        });
    }
}
