//! What a tenant's controller tells people: problems for conditions, notes for events. Never a token.

use kube::runtime::events::{Event, EventType};

/// Why a tenant is not as its spec says, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// CamelCase, for machines.
    pub(super) reason: &'static str,
    /// For people.
    pub(super) message: String,
}

/// Something that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// A first token.
    Issued { token: String, secret: String },
    /// A new token, while the old one still works.
    Rotated { token: String, secret: String },
    /// A new token, because the Secret no longer carried the old one, which has stopped working.
    Replaced { token: String, secret: String },
    /// A token left the spec, or its Secret changed its name.
    Removed { secret: String },
    /// The annotation names no token.
    NothingToRotate,
}

impl Problem {
    pub(super) fn invalid_secret_name(token: &str, secret: &str) -> Self {
        let secret = secret.escape_default();
        Self {
            reason: "InvalidSecretName",
            message: format!(
                "token {token}: \"{secret}\" can't be the name of a Secret: use lower-case letters, digits, '-' and '.' in secretName"
            ),
        }
    }

    pub(super) fn secret_name_taken(token: &str, secret: &str, rival: &str) -> Self {
        Self {
            reason: "SecretNameTaken",
            message: format!(
                "tokens {rival} and {token} both want Secret {secret}: give one of them another secretName"
            ),
        }
    }

    pub(super) fn secret_not_owned(token: &str, secret: &str) -> Self {
        Self {
            reason: "SecretNotOwned",
            message: format!(
                "Secret {secret} exists but does not belong to this tenant, so that token {token} can't be put there: \
                 delete that Secret, or set secretName of the token"
            ),
        }
    }
}

impl Note {
    /// The event that tells of it.
    pub(super) fn event(&self) -> Event {
        let (type_, reason, action, note) = match self {
            Self::Issued { token, secret } => {
                (EventType::Normal, "TokenIssued", "Issue", format!("issued token {token}; it is in Secret {secret}"))
            }
            Self::Rotated { token, secret } => (
                EventType::Normal,
                "TokenRotated",
                "Rotate",
                format!("rotated token {token}; the new one is in Secret {secret}, the old one works until its overlap ends"),
            ),
            Self::Replaced { token, secret } => (
                EventType::Warning,
                "TokenReplaced",
                "Replace",
                format!("Secret {secret} did not hold token {token} any more: issued a new one, the old one no longer works"),
            ),
            Self::Removed { secret } => {
                (EventType::Normal, "TokenRemoved", "Remove", format!("removed Secret {secret}; its token no longer works"))
            }
            Self::NothingToRotate => (
                EventType::Warning,
                "NothingToRotate",
                "Rotate",
                "the annotation rollcall.dev/rotate names none of this tenant's tokens; it takes names separated by commas, or *"
                    .to_owned(),
            ),
        };
        Event {
            type_,
            reason: reason.to_owned(),
            note: Some(note),
            action: action.to_owned(),
            secondary: None,
        }
    }
}

/// The event that tells of a condition that turned bad.
pub(super) fn warning(reason: &str, message: &str) -> Event {
    Event {
        type_: EventType::Warning,
        reason: reason.to_owned(),
        note: Some(message.to_owned()),
        action: "Reconcile".to_owned(),
        secondary: None,
    }
}
