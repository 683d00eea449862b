//! Lets libFuzzer loose on one of the targets, the one that `FUZZ_TARGET` names.
#![no_main]

#[allow(dead_code, unused_imports, reason = "the receiver uses what no target does")]
#[path = "../../src/scim/mod.rs"]
mod scim;
mod targets;

use std::sync::LazyLock;

static TARGET: LazyLock<targets::Target> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let found = targets::TARGETS.iter().find(|(known, _)| *known == name);
    found.map(|(_, target)| *target).unwrap_or_else(|| {
        let known: Vec<_> = targets::TARGETS.iter().map(|(known, _)| *known).collect();
        panic!("FUZZ_TARGET is {name:?}, it must be one of {}", known.join(", "))
    })
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| TARGET(data));
