//! What is generated is what is written down: CustomResourceDefinitions and references equal their sources.
//!
//! `make generate` (that is `UPDATE=1 cargo test --test generated`) writes them anew.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod api_reference;
mod cli_reference;
mod crds;
mod values_reference;

use std::{env, fs, path::PathBuf};

/// A file of the tree, by its path in it.
fn path(inside: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), inside].iter().collect()
}

/// Whether files are to be written instead of compared.
fn updates() -> bool {
    env::var_os("UPDATE").is_some_and(|it| it == "1")
}

/// Compares a file with what it should be, or writes it.
fn hold(inside: &str, expected: &str) {
    if updates() {
        fs::create_dir_all(path(inside).parent().unwrap()).unwrap();
        return fs::write(path(inside), expected).unwrap();
    }
    let written = fs::read_to_string(path(inside)).unwrap_or_default();
    let first = written.lines().zip(expected.lines()).find(|(written, expected)| written != expected);
    assert!(written == expected, "{inside} is stale: run `make generate`; the first difference: {first:?}");
}
