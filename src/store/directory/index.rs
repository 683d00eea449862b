//! A map from a value to the ids that have it.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    slice,
};

use crate::store::membership::Id;

/// Which ids may have a value: those whose value has the same hash. The values themselves are with the users, who have
/// them already; so whoever asks looks whether it is so.
#[derive(Debug, Default)]
pub(super) struct Index {
    by_hash: HashMap<u64, Ids>,
    hasher: RandomState,
}

/// Nearly always one; but many may share an address or a name, so a list is sorted. It is never empty.
#[derive(Debug)]
enum Ids {
    One(Id),
    #[allow(clippy::box_collection, reason = "the few that are many must not make each of the others larger")]
    Many(Box<Vec<Id>>),
}

impl Index {
    /// Those who have `value`, and hardly ever somebody else.
    pub(super) fn get(&self, value: &str) -> &[Id] {
        match self.by_hash.get(&self.hasher.hash_one(value)) {
            Some(Ids::One(id)) => slice::from_ref(id),
            Some(Ids::Many(ids)) => ids,
            None => &[],
        }
    }

    pub(super) fn insert(&mut self, value: &str, id: &Id) {
        let hash = self.hasher.hash_one(value);
        let mut ids = self.by_hash.remove(&hash).map(Ids::into_vec).unwrap_or_default();
        // Ids come in the order of creation as a rule, so this is at the end.
        if let Err(place) = ids.binary_search(id) {
            ids.insert(place, id.clone());
        }
        self.by_hash.extend(Ids::of(ids).map(|ids| (hash, ids)));
    }

    pub(super) fn remove(&mut self, value: &str, id: &Id) {
        let hash = self.hasher.hash_one(value);
        let mut ids = self.by_hash.remove(&hash).map(Ids::into_vec).unwrap_or_default();
        ids.retain(|it| it != id);
        self.by_hash.extend(Ids::of(ids).map(|ids| (hash, ids)));
    }
}

impl Ids {
    fn of(mut ids: Vec<Id>) -> Option<Self> {
        let last = ids.pop()?;
        if ids.is_empty() {
            return Some(Self::One(last));
        }
        ids.push(last);
        Some(Self::Many(Box::new(ids)))
    }

    fn into_vec(self) -> Vec<Id> {
        match self {
            Self::One(id) => vec![id],
            Self::Many(ids) => *ids,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_and_go() {
        let mut index = Index::default();
        let [one, two]: [Id; 2] = ["1".into(), "2".into()];
        index.insert("ada", &two);
        index.insert("ada", &one);
        index.insert("ada", &one);
        assert_eq!(index.get("ada"), [one.clone(), two.clone()]);
        index.remove("ada", &two);
        assert_eq!(index.get("ada"), slice::from_ref(&one));
        index.remove("ada", &one);
        assert!(index.get("ada").is_empty() && index.by_hash.is_empty());
    }
}
