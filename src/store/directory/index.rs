//! A map from a value to the ids that have it.

use std::{collections::HashMap, sync::Arc};

use crate::store::membership::Id;

/// Which ids have a value. Nearly always one, so the list is short.
#[derive(Debug, Default)]
pub(super) struct Index(HashMap<Arc<str>, Vec<Id>>);

impl Index {
    pub(super) fn get(&self, value: &str) -> &[Id] {
        self.0.get(value).map_or(&[], Vec::as_slice)
    }

    pub(super) fn insert(&mut self, value: &str, id: &Id) {
        match self.0.get_mut(value) {
            Some(ids) if ids.contains(id) => {}
            Some(ids) => ids.push(id.clone()),
            None => {
                self.0.insert(value.into(), vec![id.clone()]);
            }
        }
    }

    pub(super) fn remove(&mut self, value: &str, id: &str) {
        let Some(ids) = self.0.get_mut(value) else { return };
        ids.retain(|it| it.as_ref() != id);
        if ids.is_empty() {
            self.0.remove(value);
        }
    }
}
