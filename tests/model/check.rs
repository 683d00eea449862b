//! Running the checker.

use std::{fmt::Debug, hash::Hash, time::Instant};

use stateright::{Checker, HasDiscoveries, Model};

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

/// There is a state that lacks one of `properties`.
pub fn fails<M>(model: M, property: &'static str)
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + PartialEq + Hash + Send + Sync + 'static,
    M::Action: Clone + Debug + PartialEq,
{
    let checker =
        model.checker().threads(2).finish_when(HasDiscoveries::AnyOf([property].into())).spawn_bfs().join();
    let found = checker.discovery(property);
    let steps = found.map(|path| path.into_actions());
    println!("{property}: {steps:#?}");
    assert!(steps.is_some(), "the checker has not seen that it fails: {property}");
}
