//! Groups in a SCIM server: made to be the team, by differences only.
//!
//! What the app had when it last agreed is remembered, so that one more member of a large team costs one small request
//! and no reading. A call that brings nothing new is a comparison: then the app itself is read, and drift repaired.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::answer::{Answer, Refusal, app, item};
use super::client::Client;
use super::habits::{Habits, MembersShown};
use super::lookup::{Shown, group_by_name, id_of};
use super::membership::{Group, Removal, Step, plan};
use super::memory::Memory;
use super::request::{Collection, Operation, RemoteId, Request, Resource};
use super::users::delete;
use crate::downstream::{ApplyError, DeletionPolicy, Had, Has, TeamView};

/// How many members, over all teams, are remembered: some 20 MB.
const REMEMBERED: usize = 200_000;

/// Read, change, and look whether it helped: by filter, then by whole list, then to be sure.
const ROUNDS: usize = 4;

/// What is compared of a group, for apps that show members on request only.
const WITH_MEMBERS: &str = "displayName,externalId,members";

/// The groups of one app.
#[derive(Debug)]
pub struct Groups {
    client: Arc<Client>,
    known: Memory<Arc<Known>>,
    habits: Habits,
}

/// What the app had when it last agreed.
#[derive(Debug)]
struct Known {
    remote_id: String,
    group: Group,
}

/// How far a list of steps got.
enum Progress {
    Complete,
    Stopped(&'static str, Refusal),
    Missing,
}

impl Groups {
    pub fn new(client: Arc<Client>) -> Self {
        Self { client, known: Memory::new(REMEMBERED), habits: Habits::default() }
    }

    pub async fn apply(&self, team: &TeamView, had: &Had) -> Result<Has, ApplyError> {
        let wanted = Group::wanted(team);
        if let Some(has) = self.send_what_is_new(&team.id, &wanted, had).await? {
            return Ok(has);
        }
        if let Some(remote_id) = &had.remote_id {
            let resource = Resource::group(RemoteId::parse(remote_id)?);
            if let Some(shown) = self.read(&resource).await? {
                return self.converge(&team.id, &resource, &wanted, shown).await;
            }
        }
        let external_id = team.external_id.as_deref().unwrap_or(&team.id);
        let (resource, made) = match group_by_name(&self.client, &team.display_name).await? {
            Some(shown) => (self.adopt(shown, external_id).await?, false),
            None => self.create(&wanted, external_id).await?,
        };
        let shown = self.read(&resource).await?.ok_or_else(vanished)?;
        let has = self.converge(&team.id, &resource, &wanted, shown).await?;
        Ok(Has { changed: has.changed || made, ..has })
    }

    pub async fn revoke(&self, id: &str, had: &Had, policy: DeletionPolicy) -> Result<Has, ApplyError> {
        self.known.forget(id);
        let Some(remote_id) = &had.remote_id else {
            return Ok(Has::default());
        };
        let resource = Resource::group(RemoteId::parse(remote_id)?);
        match policy {
            DeletionPolicy::Delete => delete(&self.client, resource).await,
            DeletionPolicy::Retain => match self.read(&resource).await? {
                Some(shown) => {
                    let has = self.converge(id, &resource, &Group::default(), shown).await?;
                    self.known.forget(id);
                    Ok(has)
                }
                None => self.client.probe().await.map(|()| Has::default()),
            },
        }
    }

    /// Sends the difference to what the app had when it last agreed. `None`: that is not known, is not different, or
    /// turned out not to be so (any more); then the app has to be read.
    async fn send_what_is_new(&self, id: &str, wanted: &Group, had: &Had) -> Result<Option<Has>, ApplyError> {
        let Some(known) = self.known.get(id).filter(|known| had.remote_id.as_ref() == Some(&known.remote_id))
        else {
            return Ok(None);
        };
        // Until the app does again agree, what it has is not known.
        self.known.forget(id);
        let steps = plan(wanted, &known.group, Removal::ByFilter);
        let removes = steps.iter().any(|step| matches!(step, Step::Remove(_)));
        if steps.is_empty() || (removes && self.habits.removal() != Some(Removal::ByFilter)) {
            return Ok(None);
        }
        let resource = Resource::group(RemoteId::parse(&known.remote_id)?);
        match self.run(&steps, &resource, wanted).await? {
            Progress::Complete => Ok(Some(self.agreed(id, &resource, wanted, true))),
            Progress::Stopped(..) | Progress::Missing => Ok(None),
        }
    }

    /// Changes the group until the app shows what is wanted. A way of removing members that was never seen to work
    /// is looked at afterwards: some apps answer with success and do nothing.
    async fn converge(
        &self,
        id: &str,
        resource: &Resource,
        wanted: &Group,
        mut shown: Group,
    ) -> Result<Has, ApplyError> {
        let learned = self.habits.removal();
        let mut removal = learned.unwrap_or(Removal::ByFilter);
        let mut tried: BTreeSet<String> = BTreeSet::new();
        let mut refused: Option<(&'static str, Refusal)> = None;
        for round in 0..ROUNDS {
            let gone = shown.members_beyond(wanted);
            if !tried.is_empty() && !tried.is_disjoint(&gone) {
                removal = Removal::WholeList;
            }
            let steps = plan(wanted, &shown, removal);
            if steps.is_empty() {
                if !tried.is_empty() {
                    self.habits.learn_removal(removal);
                }
                return Ok(self.agreed(id, resource, wanted, round > 0));
            }
            let trusted = gone.is_empty() || learned == Some(Removal::ByFilter);
            tried.extend(gone);
            match self.run(&steps, resource, wanted).await? {
                Progress::Complete if trusted && round == 0 => {
                    return Ok(self.agreed(id, resource, wanted, true));
                }
                Progress::Complete => refused = None,
                // Another way, or another look at who is still there, may help where members could not be removed.
                Progress::Stopped(doing, refusal) if matches!(steps.first(), Some(Step::Remove(_))) => {
                    refused = Some((doing, refusal));
                }
                Progress::Stopped(doing, refusal) => return Err(refusal.into_error(doing)),
                Progress::Missing => return Err(vanished()),
            }
            shown = self.read(resource).await?.ok_or_else(vanished)?;
        }
        match refused {
            Some((doing, refusal)) => Err(refusal.into_error(doing)),
            None => Err(differs(wanted, &shown)),
        }
    }

    async fn run(&self, steps: &[Step], resource: &Resource, wanted: &Group) -> Result<Progress, ApplyError> {
        for step in steps {
            let answer = match self.client.send(&step.request(resource)).await? {
                Answer::Refused(refusal)
                    if matches!(step, Step::Rename(_)) && refusal.may_be_said_otherwise() =>
                {
                    let body = wanted.whole_body(resource);
                    self.client
                        .send(&Request::Replace { resource: resource.clone(), body, password: None })
                        .await?
                }
                answer => answer,
            };
            match answer {
                Answer::Done(_) => {}
                Answer::Refused(refusal) => return Ok(Progress::Stopped(step.doing(), refusal)),
                Answer::Missing => return Ok(Progress::Missing),
            }
        }
        Ok(Progress::Complete)
    }

    /// Makes a group of that name ours, unless somebody else keeps members in it.
    async fn adopt(&self, shown: Shown, external_id: &str) -> Result<Resource, ApplyError> {
        let resource = Resource::group(id_of(&shown)?);
        let owner = shown.get("externalId").and_then(|id| id.as_str()).unwrap_or_default();
        if owner == external_id {
            return Ok(resource);
        }
        let members = self.read(&resource).await?.ok_or_else(vanished)?.members;
        if !owner.is_empty() && !members.is_empty() {
            return Err(item(
                "the app has a group of that name with members and with somebody else's externalId, which is left alone: \
                 rename it, empty it, or clear its externalId there, and it is adopted",
            ));
        }
        let path = "externalId".to_owned();
        let operations = vec![Operation::Replace { path, value: external_id.into() }];
        // An app that does not keep an externalId for groups can be used all the same.
        match self.client.send(&Request::Patch { resource: resource.clone(), operations }).await? {
            Answer::Done(_) | Answer::Refused(_) => Ok(resource),
            Answer::Missing => Err(vanished()),
        }
    }

    /// Creates the group; true: it was not there before.
    async fn create(&self, wanted: &Group, external_id: &str) -> Result<(Resource, bool), ApplyError> {
        let name = wanted.display_name.as_deref().unwrap_or_default();
        let with_members = self.habits.creates_with_members() && !wanted.members.is_empty();
        let mut answer = self.post(wanted, external_id, with_members).await?;
        if with_members && matches!(&answer, Answer::Refused(refusal) if refusal.may_be_said_otherwise()) {
            answer = self.post(wanted, external_id, false).await?;
            if matches!(answer, Answer::Done(_)) {
                self.habits.learn_to_create_without_members();
            }
        }
        match answer {
            Answer::Done(Some(shown)) => Ok((Resource::group(id_of(&shown)?), true)),
            Answer::Done(None) => match group_by_name(&self.client, name).await? {
                Some(shown) => Ok((Resource::group(id_of(&shown)?), true)),
                None => Err(app("the app answered that it created a group, but neither shows nor finds it")),
            },
            Answer::Refused(refusal) if refusal.is_conflict() => {
                match group_by_name(&self.client, name).await? {
                    Some(shown) => Ok((self.adopt(shown, external_id).await?, false)),
                    None => Err(refusal
                        .into_error("create the group, and does not say by displayName who has the name")),
                }
            }
            Answer::Refused(refusal) => Err(refusal.into_error("create the group")),
            Answer::Missing => Err(app(
                "the app does not take groups: its /Groups answers 404; set `spec.scim.groups: false` to push users only",
            )),
        }
    }

    async fn post(
        &self,
        wanted: &Group,
        external_id: &str,
        with_members: bool,
    ) -> Result<Answer, ApplyError> {
        let body = wanted.body(external_id, with_members);
        self.client.send(&Request::Create { collection: Collection::Groups, body, password: None }).await
    }

    /// The group with its members. RFC 7643 section 2.5 lets an app leave out an empty list, so a list that is left
    /// out is asked for by name, until the app is known to show members always.
    async fn read(&self, resource: &Resource) -> Result<Option<Group>, ApplyError> {
        let known = self.habits.members_shown();
        if known != Some(MembersShown::OnRequest) {
            let Some(shown) = self.get(resource, None).await? else { return Ok(None) };
            let group = Group::shown(&shown);
            if !group.members.is_empty() {
                self.habits.learn_members_shown(MembersShown::Always);
            }
            if shown.contains_key("members") || known == Some(MembersShown::Always) {
                return Ok(Some(group));
            }
        }
        let Some(shown) = self.get(resource, Some(WITH_MEMBERS)).await? else { return Ok(None) };
        let group = Group::shown(&shown);
        if !group.members.is_empty() {
            self.habits.learn_members_shown(MembersShown::OnRequest);
        }
        Ok(Some(group))
    }

    async fn get(
        &self,
        resource: &Resource,
        attributes: Option<&'static str>,
    ) -> Result<Option<Shown>, ApplyError> {
        match self.client.send(&Request::Read { resource: resource.clone(), attributes }).await? {
            Answer::Done(Some(shown)) => Ok(Some(shown)),
            Answer::Done(None) => Err(app("the app answered nothing when it was asked for a group")),
            Answer::Missing => Ok(None),
            Answer::Refused(refusal) => Err(refusal.into_error("show the group")),
        }
    }

    fn agreed(&self, id: &str, resource: &Resource, group: &Group, changed: bool) -> Has {
        let remote_id = resource.id.as_str().to_owned();
        let weight = group.members.len() + 1;
        let known = Known { remote_id: remote_id.clone(), group: group.clone() };
        self.known.put(id, Arc::new(known), weight);
        Has { remote_id: Some(remote_id), changed, ..Has::default() }
    }
}

fn vanished() -> ApplyError {
    item("the group vanished from the app while it was being changed; it will be looked up again")
}

fn differs(wanted: &Group, shown: &Group) -> ApplyError {
    item(format!(
        "the app answered success, yet its group has {} members too many and {} too few",
        shown.members_beyond(wanted).len(),
        wanted.members_beyond(shown).len(),
    ))
}
