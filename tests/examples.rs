//! What people copy works: examples and the YAML of the papers are accepted by a real API server, bad objects are refused
//! with our words, and links lead somewhere.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Once,
};

use rollcall_dev::{ControlPlane, chart::Release, shared};
use serde::Deserialize;
use serde_json::Value;

/// An object that must not be accepted.
#[derive(Deserialize)]
struct Case {
    /// What is wrong with it.
    refused: String,
    /// What the API server must say.
    because: String,
    /// The object as it was before, for rules about changes.
    before: Option<Value>,
    object: Value,
}

/// The tree.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files of a folder with this ending, sorted.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|it| it == ending)).collect();
    files.sort();
    files
}

/// What people read.
fn papers() -> Vec<PathBuf> {
    [".", "docs", "docs/adr", "docs/reference"].into_iter().flat_map(|folder| files(folder, "md")).collect()
}

/// An API server that knows our kinds.
fn plane() -> &'static ControlPlane {
    static KINDS: Once = Once::new();
    let plane = shared::control_plane().unwrap();
    KINDS.call_once(|| {
        let crds = root().join("crds");
        plane.kubectl(&["apply", "--server-side", "--filename", crds.to_str().unwrap()]).unwrap();
        plane.wait_for_kinds().unwrap();
    });
    plane
}

#[test]
fn every_example_is_accepted() {
    for path in files("examples", "yaml") {
        let text = fs::read_to_string(&path).unwrap();
        if path.ends_with("values-production.yaml") {
            let release = Release::new(plane(), "rollcall", "default", &text);
            release.lint().unwrap();
            assert!(release.render().unwrap().contains("kind: Ingress"));
        } else if let Err(error) = plane().apply(&text) {
            panic!("{}: {error}", path.display());
        }
    }
}

#[test]
fn every_object_in_the_papers_is_accepted() {
    let mut shown = 0;
    for path in papers() {
        let text = fs::read_to_string(&path).unwrap();
        let blocks = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("\n```").next());
        for block in blocks.filter(|block| block.contains("apiVersion: rollcall.dev/")) {
            shown += 1;
            if let Err(error) = plane().apply(block) {
                panic!("{}: {error}\n{block}", path.display());
            }
        }
    }
    assert!(shown > 0, "the papers show no object at all");
}

#[test]
fn bad_objects_are_refused_with_our_words() {
    let text = fs::read_to_string(root().join("tests/data/refused.yaml")).unwrap();
    let cases: Vec<Case> = serde_saphyr::from_str(&text).unwrap();
    let mut wrong = Vec::new();
    for Case { refused, because, before, object } in cases {
        if let Some(before) = before {
            plane().apply(&before.to_string()).unwrap();
        }
        match plane().apply(&object.to_string()) {
            Ok(_) => wrong.push(format!("{refused}: accepted")),
            Err(error) if error.to_string().contains(&because) => {}
            Err(error) => wrong.push(format!("{refused}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn every_link_in_the_papers_leads_somewhere() {
    let mut lost = Vec::new();
    for path in papers() {
        let text = fs::read_to_string(&path).unwrap();
        // What is between back-ticks is code, however much it looks like a link.
        let prose: String = text.split('`').step_by(2).collect();
        for target in prose.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            let elsewhere = target.contains("://") || file.is_empty();
            if !elsewhere && !path.parent().unwrap().join(file).exists() {
                lost.push(format!("{}: {target}", path.display()));
            }
        }
    }
    assert!(lost.is_empty(), "{}", lost.join("\n"));
}
