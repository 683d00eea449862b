//! What the documentation names as proof is there.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
};

const PROTOCOL: &str = include_str!("../docs/protocol.md");

#[test]
fn every_test_that_the_table_of_the_protocol_names_exists() {
    let missing: Vec<&str> =
        rows().flat_map(|row| names(row.last().unwrap())).filter(|it| !exists(it)).collect();
    assert!(missing.is_empty(), "docs/protocol.md names what is not there: {missing:#?}");
}

#[test]
fn every_feature_that_is_supported_is_shown_by_something() {
    let unproved: Vec<&str> = rows()
        .filter(|row| row[1] == "yes" && names(row.last().unwrap()).is_empty())
        .map(|row| row[0])
        .collect();
    assert!(unproved.is_empty(), "docs/protocol.md has no proof for: {unproved:#?}");
}

#[test]
fn every_example_of_the_rfcs_that_is_replayed_is_in_the_table() {
    let named: Vec<&str> = rows().flat_map(|row| names(row.last().unwrap())).collect();
    let folder = root().join("tests/dialogues/rfc");
    let examples = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let stems = examples.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned());
    let forgotten: Vec<String> = stems
        .filter(|name| name.starts_with("764") || name.starts_with("986"))
        .filter(|name| !named.contains(&format!("rfc/{name}").as_str()))
        .collect();
    assert!(forgotten.is_empty(), "docs/protocol.md doesn't name {forgotten:#?}");
}

/// The rows of all tables whose last column is "shown by", without the headlines in them.
fn rows() -> impl Iterator<Item = Vec<&'static str>> {
    let mut proved = false;
    PROTOCOL.lines().filter_map(move |line| {
        let Some(line) = line.strip_prefix('|') else {
            proved = false;
            return None;
        };
        let cells: Vec<&str> = line.trim_end_matches('|').split('|').map(str::trim).collect();
        if cells.last() == Some(&"shown by") {
            proved = true;
            return None;
        }
        (proved && !line.starts_with("---")).then_some(cells)
    })
}

/// What a cell has in back-ticks.
fn names(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// Whether it is a file, a test in a file (`tests/file.rs::test`), a dialogue (`rfc/name`), or a table of cases.
fn exists(name: &str) -> bool {
    if let Some((file, test)) = name.split_once("::") {
        let text = fs::read_to_string(root().join(file)).unwrap_or_default();
        return text.contains(&format!("fn {test}("));
    }
    let places = [
        root().join(name),
        root().join("tests/dialogues").join(format!("{name}.yaml")),
        root().join("tests/data/scim").join(name),
    ];
    places.iter().any(|place| place.exists())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}
