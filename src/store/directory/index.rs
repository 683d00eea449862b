//! A map from a value to the ids that have it.

use std::{collections::HashMap, sync::Arc};

use crate::store::membership::Id;

/// Which ids have a value. Nearly always one; but many may share an address or a name, so the list is sorted.
#[derive(Debug, Default)]
pub(super) struct Index(HashMap<Arc<str>, Vec<Id>>);

impl Index {
    pub(super) fn get(&self, value: &str) -> &[Id] {
        self.0.get(value).map_or(&[], Vec::as_slice)
    }

    pub(super) fn insert(&mut self, value: &str, id: &Id) {
        match self.0.get_mut(value) {
            Some(ids) => {
                // Ids come in the order of creation as a rule, so this is at the end.
                if let Err(place) = ids.binary_search(id) {
                    ids.insert(place, id.clone());
                }
            }
            None => {
                self.0.insert(value.into(), vec![id.clone()]);
            }
        }
    }

    pub(super) fn remove(&mut self, value: &str, id: &str) {
        let Some(ids) = self.0.get_mut(value) else { return };
        if let Ok(place) = ids.binary_search_by(|it| it.as_ref().cmp(id)) {
            ids.remove(place);
        }
        if ids.is_empty() {
            self.0.remove(value);
        }
    }
}
