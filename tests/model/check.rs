//! Running the checker.

use std::{
    collections::HashMap,
    fmt::Debug,
    hash::Hash,
    sync::{LazyLock, RwLock},
    time::Instant,
};

use stateright::{Checker, HasDiscoveries, Model, Path};

/// Every state that can be reached has all properties.
pub fn holds<M>(name: &str, model: M)
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + PartialEq + Hash + Send + Sync + 'static,
    M::Action: Clone + Debug + PartialEq,
{
    let begin = Instant::now();
    let checker = model.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    println!(
        "{name}: {} states in {:.1} s, up to {} steps deep",
        checker.unique_state_count(),
        begin.elapsed().as_secs_f64(),
        checker.max_depth()
    );
    checker.assert_properties();
}

/// There is a state that lacks a property, and a way to it.
pub fn fails<M>(model: M, property: &'static str)
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + PartialEq + Hash + Send + Sync + 'static,
    M::Action: Clone + Debug + PartialEq,
{
    let checker =
        model.checker().threads(2).finish_when(HasDiscoveries::AnyOf([property].into())).spawn_bfs().join();
    let found = checker.discovery(property);
    let steps = found.map(Path::into_actions);
    println!("{property}: {steps:#?}");
    assert!(steps.is_some(), "the checker has not seen that it fails: {property}");
}

/// Remembers what follows from a part of the state, as most states share theirs with others.
pub struct Known<T, V>(LazyLock<RwLock<HashMap<T, V>>>);

impl<T: Clone + Eq + Hash, V: Copy> Known<T, V> {
    pub const fn nothing() -> Self {
        Self(LazyLock::new(RwLock::default))
    }

    pub fn or_find_out(&self, part: &T, find_out: impl Fn(&T) -> V) -> V {
        let known = self.0.read().unwrap().get(part).copied();
        known.unwrap_or_else(|| {
            let found = find_out(part);
            self.0.write().unwrap().insert(part.clone(), found);
            found
        })
    }
}
