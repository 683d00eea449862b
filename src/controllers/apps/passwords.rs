//! A password on its last way: fetched for one call of one app, and what is said of it afterwards.

use crate::{
    api::{ForwardedPassword, ForwardingState},
    controllers::Context,
    downstream::{ApplyError, Blame, PasswordOutcome, UserView},
    store::{self, Offer, Offered, TenantKey},
};

/// What one call does about an offer.
#[derive(Debug)]
pub(super) enum Passing {
    /// The view that is applied has the password, of this revision.
    Given(Offer, String),
    /// It can't be given any more.
    Lost(Offer, &'static str),
    /// It is not there yet.
    NotYet,
    /// It could not be fetched. The app is told of everything else first.
    Failed(ApplyError),
}

impl Passing {
    /// Puts the password that is offered into the view for an app.
    pub(super) async fn fetch(
        context: &Context,
        tenant: &TenantKey,
        (user, offer): (store::UserView, Offer),
        view: &mut UserView,
    ) -> Self {
        match context.store.offered_password(tenant, &user.object(), &offer).await {
            Ok(Offered::Here { password, revision }) => {
                view.password = Some(password);
                Self::Given(offer, revision)
            }
            Ok(Offered::Lost(why)) => Self::Lost(offer, why),
            Ok(Offered::NotYet) => Self::NotYet,
            Err(error) => Self::Failed(ApplyError {
                blame: Blame::Item,
                message: format!("the password for the app can't be read: {error}"),
                retry_after: None,
            }),
        }
    }

    /// What the app's row says from now on; `None` if nothing new.
    pub(super) fn said(
        self,
        outcome: Option<PasswordOutcome>,
    ) -> Result<Option<ForwardedPassword>, ApplyError> {
        let (Offer { revision, until }, error) = match (self, outcome) {
            (Self::Given(offer, revision), Some(PasswordOutcome::Taken)) => {
                (Offer { revision, ..offer }, None)
            }
            (Self::Given(offer, revision), Some(PasswordOutcome::Refused(why))) => {
                (Offer { revision, ..offer }, Some(why))
            }
            (Self::Lost(offer, why), _) => (offer, Some(format!("the password can't be forwarded: {why}"))),
            // The app has no account to give it to, so far.
            (Self::Given(..), None) | (Self::NotYet, _) => return Ok(None),
            (Self::Failed(error), _) => return Err(error),
        };
        let state = if error.is_none() { ForwardingState::Forwarded } else { ForwardingState::NotForwarded };
        Ok(Some(ForwardedPassword { state, revision, until, error }))
    }
}
