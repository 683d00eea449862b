//! The annotation `rollcall.dev/rotate`: which tokens to rotate. Pure.
//!
//! A person writes `default`, or `*`. Before anything is rotated, that is pinned to the tokens of this moment:
//! `default@3f0c9a51b2e4` means "the token whose hash starts so". A crash at any later point repeats the rotation
//! of a token that is gone already, that is: of none. Otherwise each repetition would end one more valid token.

use crate::api::TokenStatus;

/// How much of a hash tells a tenant's tokens apart.
const PREFIX: usize = 12;

/// What the annotation asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rotation {
    /// There is no annotation.
    NotAsked,
    /// It must be pinned to this first.
    Pin(String),
    /// It names no token that exists.
    Nothing,
    /// These are to be replaced, where they still exist.
    Of(Vec<Pinned>),
}

/// One token of a certain moment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pinned {
    name: String,
    hash_prefix: String,
}

impl Rotation {
    /// Reads the annotation of a tenant that has these tokens.
    pub(super) fn read(annotation: Option<&str>, rows: &[TokenStatus]) -> Self {
        let Some(annotation) = annotation else { return Self::NotAsked };
        let entries: Vec<&str> =
            annotation.split(',').map(str::trim).filter(|entry| !entry.is_empty()).collect();
        let pinned: Vec<Pinned> = entries.iter().filter_map(|entry| Pinned::parse(entry)).collect();
        if !entries.is_empty() && pinned.len() == entries.len() {
            return Self::Of(pinned);
        }
        let meant = |row: &&TokenStatus| entries.iter().any(|entry| *entry == "*" || *entry == row.name);
        let fresh = rows.iter().filter(meant).map(|row| format!("{}@{}", row.name, prefix(&row.hash)));
        let pins: Vec<String> = pinned.iter().map(Pinned::to_string).chain(fresh).collect();
        if pins.is_empty() { Self::Nothing } else { Self::Pin(pins.join(",")) }
    }

    /// Whether this very token is to be replaced.
    pub(super) fn replaces(&self, row: &TokenStatus) -> bool {
        match self {
            Self::Of(pinned) => {
                pinned.iter().any(|pin| pin.name == row.name && row.hash.starts_with(&pin.hash_prefix))
            }
            Self::NotAsked | Self::Pin(_) | Self::Nothing => false,
        }
    }
}

impl Pinned {
    fn parse(entry: &str) -> Option<Self> {
        let (name, hash_prefix) = entry.split_once('@')?;
        let is_prefix =
            hash_prefix.len() == PREFIX && hash_prefix.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_prefix.then(|| Self { name: name.to_owned(), hash_prefix: hash_prefix.to_owned() })
    }
}

impl std::fmt::Display for Pinned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.name, self.hash_prefix)
    }
}

fn prefix(hash: &str) -> &str {
    hash.get(..PREFIX).unwrap_or(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, digit: &str) -> TokenStatus {
        TokenStatus { name: name.into(), hash: digit.repeat(64), ..TokenStatus::default() }
    }

    fn pin(annotation: &str) -> Rotation {
        Rotation::read(Some(annotation), &[row("a", "1"), row("b", "2")])
    }

    #[test]
    fn a_name_is_pinned_to_the_token_of_now() {
        assert_eq!(pin("b"), Rotation::Pin("b@222222222222".into()));
    }

    #[test]
    fn a_star_means_every_token() {
        assert_eq!(pin("*"), Rotation::Pin("a@111111111111,b@222222222222".into()));
    }

    #[test]
    fn a_pinned_token_is_rotated_and_its_successor_is_not() {
        let rotation = pin("a@111111111111");
        assert!(rotation.replaces(&row("a", "1")));
        assert!(!rotation.replaces(&row("a", "3")));
        assert!(!rotation.replaces(&row("b", "1")));
    }

    #[test]
    fn what_names_no_token_asks_for_nothing() {
        for nothing in ["", " ", ",", "c", "c,d", "a@", "a@xyz", "@"] {
            assert_eq!(pin(nothing), Rotation::Nothing, "{nothing:?}");
        }
        assert_eq!(Rotation::read(None, &[]), Rotation::NotAsked);
    }

    #[test]
    fn a_new_name_next_to_a_pinned_one_is_pinned_too() {
        assert_eq!(pin("a@111111111111, b"), Rotation::Pin("a@111111111111,b@222222222222".into()));
    }
}
