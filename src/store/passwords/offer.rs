//! The offer of a password to apps: an annotation on the User that says which password waits, and until when. It is how
//! the replica that calls apps learns of it, and holds nothing of the password.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

use crate::api::{ForwardedPassword, ForwardingState, User, names};

/// How long a password waits for apps at most.
const WAITS: SignedDuration = SignedDuration::from_hours(1);

/// A password that waits for apps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Which password: made up for each new one.
    pub revision: String,
    /// When it is dropped in any case. Also tells two offers of one password apart.
    pub until: MicroTime,
}

impl Offer {
    pub(super) fn new(revision: String, now: Timestamp) -> Self {
        let until = now.saturating_add(WAITS).unwrap_or(Timestamp::MAX);
        let micros = until.as_microsecond();
        Self { revision, until: MicroTime(Timestamp::from_microsecond(micros).unwrap_or(until)) }
    }

    /// The offer that a User carries. What is no offer of ours is none.
    pub fn of(user: &User) -> Option<Self> {
        Self::parse(user.metadata.annotations.as_ref()?.get(names::ANNOTATION_PASSWORD_OFFER)?)
    }

    /// Reads what `Display` writes.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (revision, until) = text.split_once(' ')?;
        Some(Self { revision: revision.to_owned(), until: MicroTime(until.parse().ok()?) })
    }

    /// Whether an app, by what its row says, has this password, or was tried with this offer.
    pub fn is_answered(&self, said: Option<&ForwardedPassword>) -> bool {
        said.is_some_and(|it| {
            it.until == self.until || it.state == ForwardingState::Forwarded && it.revision == self.revision
        })
    }

    /// How long ago it was made.
    pub fn age(&self, now: Timestamp) -> SignedDuration {
        WAITS - self.until.0.duration_since(now)
    }

    /// Whether it is over.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until.0 <= now
    }
}

impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:.6}", self.revision, self.until.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(annotation: &str) -> User {
        let mut user = User::new("ada", crate::api::UserSpec::default());
        let annotations = [(names::ANNOTATION_PASSWORD_OFFER.to_owned(), annotation.to_owned())];
        user.metadata.annotations = Some(annotations.into());
        user
    }

    fn said(state: ForwardingState, offer: &Offer) -> ForwardedPassword {
        let Offer { revision, until } = offer.clone();
        ForwardedPassword { state, revision, until, error: None }
    }

    #[test]
    fn an_offer_reads_as_it_was_written_also_from_a_status() {
        let offer = Offer::new("1".to_owned(), Timestamp::now());
        assert_eq!(Offer::of(&user(&offer.to_string())), Some(offer.clone()));
        let row = serde_json::to_string(&said(ForwardingState::NotForwarded, &offer)).unwrap();
        assert!(offer.is_answered(serde_json::from_str(&row).ok().as_ref()), "{row}");
        for nonsense in ["", "1", "1 soon", "1 2026"] {
            assert_eq!(Offer::of(&user(nonsense)), None, "{nonsense}");
        }
    }

    #[test]
    fn an_app_that_has_the_password_is_not_asked_again_and_one_that_has_not_is_with_the_next_offer() {
        let now = Timestamp::now();
        let first = Offer::new("1".to_owned(), now);
        let second = Offer::new("1".to_owned(), now + SignedDuration::from_secs(5));
        let other = Offer::new("2".to_owned(), now + SignedDuration::from_secs(5));
        let (has, lacks) =
            (said(ForwardingState::Forwarded, &first), said(ForwardingState::NotForwarded, &first));
        assert!(first.is_answered(Some(&has)) && second.is_answered(Some(&has)));
        assert!(first.is_answered(Some(&lacks)) && !second.is_answered(Some(&lacks)));
        assert!(!other.is_answered(Some(&has)) && !first.is_answered(None));
    }

    #[test]
    fn it_is_over_after_an_hour() {
        let now = Timestamp::now();
        let offer = Offer::new("1".to_owned(), now);
        assert!(!offer.is_over(now) && offer.age(now) < SignedDuration::from_secs(1));
        assert!(offer.is_over(now + SignedDuration::from_hours(1)));
    }
}
