//! A password for an account that is there already: in a request of its own, so that an app which dislikes it still gets
//! everything else, above all that somebody has no access any more.

use super::answer::{Answer, Refusal};
use super::attributes::Wanted;
use super::request::{Request, Resource};
use super::users::{Users, vanished};
use crate::downstream::{ApplyError, PasswordOutcome};
use crate::scim::password::Password;

impl Users {
    /// Gives an account this password; by PUT where PATCH is not understood.
    pub async fn give_password(
        &self,
        resource: Resource,
        wanted: &Wanted,
        password: &Password,
    ) -> Result<PasswordOutcome, ApplyError> {
        let request = Request::Password { resource: resource.clone(), password: password.clone() };
        let refusal = match self.client.send(&request).await? {
            Answer::Done(_) => return Ok(PasswordOutcome::Taken),
            Answer::Missing => return Err(vanished()),
            Answer::Refused(refusal) => refusal,
        };
        if !refusal.may_be_said_otherwise() {
            return Ok(refused(refusal));
        }
        let shown = self.now(&resource).await?;
        let body = wanted.body_over(&shown, &[]);
        match self.client.send(&Request::Replace { resource, body, password: Some(password.clone()) }).await?
        {
            Answer::Done(_) => Ok(PasswordOutcome::Taken),
            Answer::Missing => Err(vanished()),
            Answer::Refused(refusal) => Ok(refused(refusal)),
        }
    }
}

/// What the app said of it is not passed on: it may hold the password.
pub fn refused(refusal: Refusal) -> PasswordOutcome {
    PasswordOutcome::Refused(refusal.into_error("take the password").message)
}
