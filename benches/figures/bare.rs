//! A bare client that makes the writes of the mixed load straight to the API server, as many a second, where nobody
//! watches. What it waits for, the machine and the API server take; only what we take longer is ours.

use std::{ops::Range, time::Duration};

use futures::future::try_join_all;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api, Resource,
    api::{ListParams, ObjectMeta, PostParams},
};
use rollcall::api::{Team, User};
use tokio::sync::Mutex;

use crate::{
    load::Failure,
    pace::Pace,
    system::{BARE, System},
};

/// How many users and teams are changed, one after the other.
const PEOPLE: u32 = 500;
const TEAMS: u32 = 50;

/// Users of these numbers nobody else creates there.
const FIRST: usize = 9_000_000;

/// The client, and the objects that it changes as it last saw them.
pub struct Bare {
    users: Api<User>,
    claims: Api<Lease>,
    teams: Api<Team>,
    claim: Lease,
    people: Vec<Mutex<User>>,
    groups: Vec<Mutex<Team>>,
}

impl Bare {
    /// Copies some of our objects.
    pub async fn prepare(system: &System) -> Result<Self, Failure> {
        let client = &system.client;
        let users: Api<User> = Api::namespaced(client.clone(), BARE);
        let claims: Api<Lease> = Api::namespaced(client.clone(), BARE);
        let teams: Api<Team> = Api::namespaced(client.clone(), BARE);
        let some = |count| ListParams::default().labels("app.kubernetes.io/managed-by=rollcall").limit(count);
        let claimed = ListParams::default().labels("rollcall.dev/claim=userName").limit(1);
        let claim = system.api::<Lease>().list(&claimed).await?.items.pop().ok_or("there is no claim")?;
        let (mut people, mut groups) = (Vec::new(), Vec::new());
        for user in system.api::<User>().list(&some(PEOPLE)).await?.items {
            let user = User { metadata: copied(&user, None), spec: user.spec, status: None };
            people.push(Mutex::new(users.create(&params(), &user).await?));
        }
        // The first team is the large one, which the load leaves alone.
        for team in system.api::<Team>().list(&some(TEAMS + 1)).await?.items.into_iter().skip(1) {
            let team = Team { metadata: copied(&team, None), spec: team.spec, status: None };
            groups.push(Mutex::new(teams.create(&params(), &team).await?));
        }
        Ok(Self { users, claims, teams, claim, people, groups })
    }

    /// How long each of the writes took that are among requests of these numbers at `rate` a second, as [`crate::mixed`]
    /// makes them: of ten, the last four. Each is due at its time.
    pub async fn writes(
        &self,
        connections: usize,
        rate: f64,
        numbers: Range<usize>,
    ) -> Result<Vec<Duration>, Failure> {
        let pace = Mutex::new(Pace::new(rate, numbers.len())?);
        let lanes = (0..connections).map(|_| async {
            let mut took = Vec::new();
            loop {
                // Locked for this statement alone.
                let Some((number, due)) = pace.lock().await.next().await? else {
                    return Ok::<_, Failure>(took);
                };
                if number % 10 >= 6 {
                    self.write(numbers.start + number).await?;
                    took.push(due.elapsed());
                }
            }
        });
        Ok(try_join_all(lanes).await?.into_iter().flatten().collect())
    }

    async fn write(&self, number: usize) -> Result<(), Failure> {
        let turn = number / 10;
        match number % 10 {
            6 => {
                let like = self.people[0].lock().await.clone();
                create((&self.users, &like), (&self.claims, &self.claim), FIRST + number).await?;
            }
            7 | 8 => {
                let mut user = self.people[(number * 7919) % self.people.len()].lock().await;
                user.spec.title = Some(format!("Engineer {number}"));
                let id = user.metadata.name.clone().unwrap_or_default();
                *user = self.users.replace(&id, &params(), &user).await?;
            }
            _ => {
                let mut team = self.groups[turn % self.groups.len()].lock().await;
                team.spec.membership.added.push(format!("0199d5a0-0000-7000-8000-{number:012x}"));
                team.spec.membership.count += 1;
                let id = team.metadata.name.clone().unwrap_or_default();
                *team = self.teams.replace(&id, &params(), &team).await?;
            }
        }
        Ok(())
    }
}

/// Creates a user and the claim on the name, like these of ours, in the order in which we do.
pub async fn create(
    (users, user): (&Api<User>, &User),
    (claims, claim): (&Api<Lease>, &Lease),
    number: usize,
) -> kube::Result<()> {
    let name = format!("username-{number:040x}");
    let claim = Lease { metadata: copied(claim, Some(name)), spec: claim.spec.clone() };
    claims.create(&params(), &claim).await?;
    let name = format!("0199d5a0-0000-7000-8000-{number:012x}");
    let user = User { metadata: copied(user, Some(name)), spec: user.spec.clone(), status: None };
    users.create(&params(), &user).await.map(drop)
}

fn params() -> PostParams {
    PostParams { field_manager: Some("rollcall".to_owned()), ..PostParams::default() }
}

/// What of its metadata whoever creates an object gives it.
fn copied(object: &impl Resource, name: Option<String>) -> ObjectMeta {
    let of = object.meta();
    ObjectMeta {
        name: name.or_else(|| of.name.clone()),
        labels: of.labels.clone(),
        annotations: of.annotations.clone(),
        finalizers: of.finalizers.clone(),
        ..ObjectMeta::default()
    }
}
