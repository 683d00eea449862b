//! What a client does its own way, read off its requests.
//!
//! This is for people who debug a connection and is never decided by: every client is understood in every
//! spelling, whatever it was seen to do before. So the engine does not know this room; the room looks at the
//! same request beside it, and may only be asked about a request that the engine has accepted.

mod body;
mod query;

pub use body::{of_patch, of_resource};
pub use query::of_query;

/// One thing that a client was seen to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quirk {
    CapitalisedOperations,
    PatchesWithoutPath,
    PathsAsKeys,
    RemovesByValue,
    ReadOnlyAttributes,
    StringBooleans,
    PlainReferences,
    ListsForSingleValues,
    SingleValuesForLists,
    EmptyValues,
    SeveralPrimaries,
    Passwords,
    BareExtensionAttributes,
    MisspelledUrns,
    UnknownAttributes,
    NoSchemas,
    PutsUsers,
    PatchesUsers,
    DeletesUsers,
    PutsGroups,
    PatchesGroups,
    FindsByUserName,
    FindsByExternalId,
    FindsByEmail,
    FindsByDisplayName,
    ChecksReferences,
    ListsAll,
    ExcludesMembers,
    SendsBulk,
    EntraComplianceFlag,
}

/// A set of them.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Quirks(u32);

impl Quirk {
    /// Every one.
    pub const ALL: [Self; 30] = [
        Self::CapitalisedOperations,
        Self::PatchesWithoutPath,
        Self::PathsAsKeys,
        Self::RemovesByValue,
        Self::ReadOnlyAttributes,
        Self::StringBooleans,
        Self::PlainReferences,
        Self::ListsForSingleValues,
        Self::SingleValuesForLists,
        Self::EmptyValues,
        Self::SeveralPrimaries,
        Self::Passwords,
        Self::BareExtensionAttributes,
        Self::MisspelledUrns,
        Self::UnknownAttributes,
        Self::NoSchemas,
        Self::PutsUsers,
        Self::PatchesUsers,
        Self::DeletesUsers,
        Self::PutsGroups,
        Self::PatchesGroups,
        Self::FindsByUserName,
        Self::FindsByExternalId,
        Self::FindsByEmail,
        Self::FindsByDisplayName,
        Self::ChecksReferences,
        Self::ListsAll,
        Self::ExcludesMembers,
        Self::SendsBulk,
        Self::EntraComplianceFlag,
    ];

    /// What people read. Once released, a name keeps its meaning.
    pub fn name(self) -> &'static str {
        match self {
            Self::CapitalisedOperations => "capitalisedOperations",
            Self::PatchesWithoutPath => "patchesWithoutPath",
            Self::PathsAsKeys => "pathsAsKeys",
            Self::RemovesByValue => "removesByValue",
            Self::ReadOnlyAttributes => "readOnlyAttributes",
            Self::StringBooleans => "stringBooleans",
            Self::PlainReferences => "plainReferences",
            Self::ListsForSingleValues => "listsForSingleValues",
            Self::SingleValuesForLists => "singleValuesForLists",
            Self::EmptyValues => "emptyValues",
            Self::SeveralPrimaries => "severalPrimaries",
            Self::Passwords => "passwords",
            Self::BareExtensionAttributes => "bareExtensionAttributes",
            Self::MisspelledUrns => "misspelledUrns",
            Self::UnknownAttributes => "unknownAttributes",
            Self::NoSchemas => "noSchemas",
            Self::PutsUsers => "putsUsers",
            Self::PatchesUsers => "patchesUsers",
            Self::DeletesUsers => "deletesUsers",
            Self::PutsGroups => "putsGroups",
            Self::PatchesGroups => "patchesGroups",
            Self::FindsByUserName => "findsByUserName",
            Self::FindsByExternalId => "findsByExternalId",
            Self::FindsByEmail => "findsByEmail",
            Self::FindsByDisplayName => "findsByDisplayName",
            Self::ChecksReferences => "checksReferences",
            Self::ListsAll => "listsAll",
            Self::ExcludesMembers => "excludesMembers",
            Self::SendsBulk => "sendsBulk",
            Self::EntraComplianceFlag => "entraComplianceFlag",
        }
    }

    fn bit(self) -> u32 {
        1 << self as u32
    }
}

impl Quirks {
    /// None of them.
    pub fn new() -> Self {
        Self::default()
    }

    pub fn insert(&mut self, quirk: Quirk) {
        self.0 |= quirk.bit();
    }

    pub fn contains(self, quirk: Quirk) -> bool {
        self.0 & quirk.bit() != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those of either.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those that `other` lacks.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub fn iter(self) -> impl Iterator<Item = Quirk> {
        Quirk::ALL.into_iter().filter(move |quirk| self.contains(*quirk))
    }
}

impl FromIterator<Quirk> for Quirks {
    fn from_iter<I: IntoIterator<Item = Quirk>>(quirks: I) -> Self {
        quirks.into_iter().fold(Self::new(), |mut all, quirk| {
            all.insert(quirk);
            all
        })
    }
}

impl std::fmt::Debug for Quirks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_quirk_has_a_name_and_a_bit_of_its_own() {
        let names: HashSet<_> = Quirk::ALL.iter().map(|quirk| quirk.name()).collect();
        let all: Quirks = Quirk::ALL.into_iter().collect();
        assert_eq!((names.len(), all.iter().count()), (Quirk::ALL.len(), Quirk::ALL.len()));
    }
}
