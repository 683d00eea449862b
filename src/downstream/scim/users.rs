//! Users in a SCIM server: created, adopted, changed, deactivated, deleted.

use std::sync::Arc;

use super::answer::{Answer, app, item};
use super::attributes::{Difference, Path, Wanted};
use super::client::Client;
use super::lookup::{Shown, id_of, user_by_name};
use super::memory::Memory;
use super::password::refused;
use super::request::{Collection, RemoteId, Request, Resource};
use crate::downstream::{ApplyError, DeletionPolicy, Had, Has, PasswordOutcome, UserView};

/// How many users are remembered; one more costs at most a needless write.
const REMEMBERED: usize = 100_000;

/// The users of one app.
#[derive(Debug)]
pub struct Users {
    pub(super) client: Arc<Client>,
    known: Memory<Known>,
}

/// What is remembered of a user between two calls.
#[derive(Clone, Debug, Default)]
struct Known {
    /// What we put there: what of it is wanted no more is taken away again.
    sent: Vec<Path>,
    /// What the app answered with success and yet does not keep as it was sent (an e-mail address in lower case, an
    /// attribute that it does not have). Sending it again and again would change nothing.
    unkept: Vec<Difference>,
}

impl Users {
    pub fn new(client: Arc<Client>) -> Self {
        Self { client, known: Memory::new(REMEMBERED) }
    }

    pub async fn apply(&self, user: &UserView, had: &Had) -> Result<Has, ApplyError> {
        let wanted = Wanted::new(user);
        let has = self.apply_attributes(user, &wanted, had).await?;
        let (Some(remote), Some(password), None) = (&has.remote_id, &user.password, &has.password) else {
            return Ok(has);
        };
        let resource = Resource::user(RemoteId::parse(remote)?);
        let outcome = self.give_password(resource, &wanted, password).await?;
        Ok(Has { changed: true, password: Some(outcome), ..has })
    }

    async fn apply_attributes(&self, user: &UserView, wanted: &Wanted, had: &Had) -> Result<Has, ApplyError> {
        let Some(name) = wanted.user_name() else {
            return Err(item("the user has no userName, which every SCIM server requires"));
        };
        let shown = match &had.remote_id {
            Some(id) => self.read(&Resource::user(RemoteId::parse(id)?)).await?,
            None => None,
        };
        if let Some(shown) = shown {
            let known = self.known.get(&user.id).unwrap_or_else(|| Known::of(had));
            return self.change(&user.id, wanted, shown, known).await;
        }
        // Looked up by name before it is created: the answer to an earlier POST may have been lost.
        match user_by_name(&self.client, name).await? {
            Some(shown) => self.change(&user.id, wanted, shown, Known::default()).await,
            None if wanted.active() => self.create(user, wanted, name).await,
            // Nobody needs an account that they may not use.
            None => Ok(Has::default()),
        }
    }

    pub async fn revoke(&self, id: &str, had: &Had, policy: DeletionPolicy) -> Result<Has, ApplyError> {
        self.known.forget(id);
        let Some(remote) = &had.remote_id else {
            return Ok(Has::default());
        };
        let resource = Resource::user(RemoteId::parse(remote)?);
        match policy {
            DeletionPolicy::Delete => delete(&self.client, resource).await,
            DeletionPolicy::Retain => match self.read(&resource).await? {
                Some(shown) => {
                    let has = self.change(id, &Wanted::without_access(), shown, Known::default()).await?;
                    // Besides access, what they were given is still there.
                    self.known.forget(id);
                    Ok(Has { attributes: had.attributes.clone(), ..has })
                }
                None => self.client.probe().await.map(|()| Has::default()),
            },
        }
    }

    /// Creates an account, with its password if there is one. If that is refused, it may be for the password.
    async fn create(&self, user: &UserView, wanted: &Wanted, name: &str) -> Result<Has, ApplyError> {
        let id = &user.id;
        let body = wanted.body();
        let request =
            |password| Request::Create { collection: Collection::Users, body: body.clone(), password };
        let mut password = user.password.as_ref().map(|_| PasswordOutcome::Taken);
        let mut answer = self.client.send(&request(user.password.clone())).await?;
        if let (Answer::Refused(refusal), Some(_)) = (&answer, &password)
            && !refusal.is_conflict()
        {
            password = Some(refused(refusal.clone()));
            answer = self.client.send(&request(None)).await?;
        }
        let shown =
            match answer {
                Answer::Done(Some(shown)) => shown,
                Answer::Done(None) => user_by_name(&self.client, name).await?.ok_or_else(|| {
                    app("the app answered that it created a user, but neither shows nor finds them")
                })?,
                Answer::Refused(refusal) if refusal.is_conflict() => {
                    return match user_by_name(&self.client, name).await? {
                        Some(shown) => self.change(id, wanted, shown, Known::default()).await,
                        None => Err(refusal
                            .into_error("create the user, and does not say by userName who has the name")),
                    };
                }
                Answer::Refused(refusal) => return Err(refusal.into_error("create the user")),
                Answer::Missing => {
                    return Err(app("the app does not take users: its /Users answers 404 to POST"));
                }
            };
        let resource = Resource::user(id_of(&shown)?);
        self.remember(id, wanted, &self.now(&resource).await?)?;
        Ok(Has { password, ..has(&resource.id, wanted, true) })
    }

    /// Makes what the app shows into what is wanted; sends nothing when it is so already.
    async fn change(&self, id: &str, wanted: &Wanted, shown: Shown, known: Known) -> Result<Has, ApplyError> {
        let resource = Resource::user(id_of(&shown)?);
        let steps = plan(&resource, wanted, &shown, &known);
        if steps.is_empty() {
            return Ok(has(&resource.id, wanted, false));
        }
        let mut shown = shown;
        for step in &steps {
            shown = self.patch(step, &resource, wanted, shown, &known).await?;
        }
        if disagrees_on_access(wanted, &shown) {
            // Some apps answer a PATCH with success and do nothing.
            shown = self.put(&resource, wanted, &shown, &known).await?;
        }
        self.remember(id, wanted, &shown)?;
        Ok(has(&resource.id, wanted, true))
    }

    async fn patch(
        &self,
        step: &Request,
        resource: &Resource,
        wanted: &Wanted,
        shown: Shown,
        known: &Known,
    ) -> Result<Shown, ApplyError> {
        match self.client.send(step).await? {
            Answer::Done(_) => self.now(resource).await,
            Answer::Missing => Err(vanished()),
            Answer::Refused(refusal) if refusal.may_be_said_otherwise() => {
                self.put(resource, wanted, &shown, known).await
            }
            Answer::Refused(refusal) => Err(refusal.into_error("change the user")),
        }
    }

    async fn put(
        &self,
        resource: &Resource,
        wanted: &Wanted,
        shown: &Shown,
        known: &Known,
    ) -> Result<Shown, ApplyError> {
        let gone: Vec<&Path> = known.sent.iter().collect();
        let request = Request::Replace {
            resource: resource.clone(),
            body: wanted.body_over(shown, &gone),
            password: None,
        };
        match self.client.send(&request).await? {
            Answer::Done(_) => self.now(resource).await,
            Answer::Missing => Err(vanished()),
            Answer::Refused(refusal) => Err(refusal.into_error("change the user, by PATCH and by PUT")),
        }
    }

    /// What the app has after a write. It is asked even where it answered the write with the resource: some apps only
    /// repeat what they were sent.
    pub(super) async fn now(&self, resource: &Resource) -> Result<Shown, ApplyError> {
        self.read(resource).await?.ok_or_else(vanished)
    }

    async fn read(&self, resource: &Resource) -> Result<Option<Shown>, ApplyError> {
        match self.client.send(&Request::Read { resource: resource.clone(), attributes: None }).await? {
            Answer::Done(Some(shown)) => Ok(Some(shown)),
            Answer::Done(None) => Err(app("the app answered nothing when it was asked for a user")),
            Answer::Missing => Ok(None),
            Answer::Refused(refusal) => Err(refusal.into_error("show the user")),
        }
    }

    /// Remembers what was sent, and what the app made of it. Access is never taken on trust.
    fn remember(&self, id: &str, wanted: &Wanted, shown: &Shown) -> Result<(), ApplyError> {
        if disagrees_on_access(wanted, shown) {
            let (is, should) = if wanted.active() { ("inactive", "active") } else { ("active", "inactive") };
            return Err(item(format!(
                "the app answered success, yet the user is still {is} instead of {should}"
            )));
        }
        let unkept = wanted.differences(shown, []);
        self.known.put(id, Known { sent: wanted.paths().cloned().collect(), unkept }, 1);
        Ok(())
    }
}

impl Known {
    /// What is known of a user whom another process (or nobody) changed last: which attributes they were given.
    fn of(had: &Had) -> Self {
        Self { sent: had.attributes.iter().map(|text| Path::parse(text)).collect(), unkept: Vec::new() }
    }
}

fn has(remote: &RemoteId, wanted: &Wanted, changed: bool) -> Has {
    let attributes = wanted.paths().map(ToString::to_string).collect();
    Has { remote_id: Some(remote.as_str().to_owned()), changed, attributes, password: None }
}

/// The requests that make `shown` as wanted. Access is taken away first and alone, so that no other attribute that the
/// app does not like can keep someone in.
fn plan(resource: &Resource, wanted: &Wanted, shown: &Shown, known: &Known) -> Vec<Request> {
    let differences = wanted.differences(shown, &known.sent);
    let (access, others): (Vec<_>, Vec<_>) = differences
        .into_iter()
        .filter(|difference| !known.unkept.contains(difference))
        .partition(Difference::takes_access);
    [access, others]
        .into_iter()
        .filter(|differences| !differences.is_empty())
        .map(|differences| Request::Patch {
            resource: resource.clone(),
            operations: differences.iter().map(Difference::operation).collect(),
        })
        .collect()
}

fn disagrees_on_access(wanted: &Wanted, shown: &Shown) -> bool {
    wanted.differences(shown, []).iter().any(Difference::is_access)
}

/// Deletes a user or group; one that is gone already is a success, once a 404 is known to mean that.
pub async fn delete(client: &Client, resource: Resource) -> Result<Has, ApplyError> {
    match client.send(&Request::Delete { resource }).await? {
        Answer::Done(_) => Ok(Has { changed: true, ..Has::default() }),
        Answer::Missing => client.probe().await.map(|()| Has::default()),
        Answer::Refused(refusal) => {
            Err(refusal.into_error("delete it; with `deletionPolicy: Retain` it would stay, without access"))
        }
    }
}

pub(super) fn vanished() -> ApplyError {
    item("the user vanished from the app while being changed; they will be looked up again")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn requests(active: bool, shown: serde_json::Value, known: &Known) -> Vec<String> {
        let document =
            serde_json::from_value(json!({ "userName": "ada", "externalId": "e", "title": "T" })).unwrap();
        let wanted = Wanted::new(&UserView { id: "1".into(), active, document, password: None });
        let resource = Resource::user(RemoteId::parse("7").unwrap());
        let shown = serde_json::from_value(shown).unwrap();
        plan(&resource, &wanted, &shown, known).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn nothing_is_planned_for_a_user_who_is_as_wanted() {
        let shown = json!({ "userName": "ada", "externalId": "e", "title": "T", "active": true });
        assert_eq!(requests(true, shown, &Known::default()), Vec::<String>::new());
    }

    #[test]
    fn access_is_taken_away_first_and_alone() {
        let shown = json!({ "userName": "ada", "externalId": "e", "active": true });
        let expected = ["PATCH Users/7: replace active;", "PATCH Users/7: replace title;"];
        assert_eq!(requests(false, shown, &Known::default()), expected);
    }

    #[test]
    fn what_the_app_does_not_keep_is_not_sent_again_until_it_changes() {
        let shown = json!({ "userName": "ada", "externalId": "e", "active": true, "title": "t" });
        let document = serde_json::from_value(json!({ "title": "T" })).unwrap();
        let wanted = Wanted::new(&UserView { id: "e".into(), active: true, document, password: None });
        let unkept = wanted.differences(shown.as_object().unwrap(), []);
        let known = Known { sent: Vec::new(), unkept };
        assert_eq!(requests(true, shown, &known), Vec::<String>::new());
        let edited = json!({ "userName": "ada", "externalId": "e", "active": true, "title": "other" });
        assert_eq!(requests(true, edited, &known), ["PATCH Users/7: replace title;"]);
    }
}
