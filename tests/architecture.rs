//! The rooms of the house: who may import whom. `ARCHITECTURE.md` shows the picture; this holds it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Each room, and the rooms that it may import besides itself. A room that is not here may import everything.
const MAY_IMPORT: [(&str, &[&str]); 7] = [
    ("scim", &[]),
    ("api", &[]),
    ("store", &["api", "scim"]),
    ("downstream", &["api", "scim"]),
    ("controllers", &["downstream", "store", "api", "scim"]),
    ("receiver", &["store", "api", "scim"]),
    ("metrics", &[]),
];

/// Crates that a room must not know.
const MUST_NOT_KNOW: [(&str, &[&str]); 4] = [
    ("scim", &["kube", "k8s_openapi", "tokio", "axum", "reqwest", "std::fs", "std::net"]),
    ("api", &["tokio", "axum", "reqwest", "std::fs", "std::net"]),
    ("receiver", &["kube", "k8s_openapi", "reqwest"]),
    ("controllers", &["axum"]),
];

/// Above this a file is more than one thing.
const LONGEST_FILE: usize = 400;

/// Every source file with its text up to its tests.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut next = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(path) = next.pop() {
        if path.is_dir() {
            next.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|it| it == "rs") && !is_test_module(&path) {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
            found.push((path, code));
        }
    }
    found
}

fn is_test_module(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem == "tests" || stem.to_string_lossy().ends_with("_tests"))
}

fn room(path: &Path) -> String {
    let inside = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    inside.iter().next().unwrap().to_string_lossy().trim_end_matches(".rs").to_owned()
}

/// The modules of this crate that a text names as `crate::name`, `use` trees with braces included.
fn imported(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    let code = without_comments(code);
    for rest in code.split("crate::").skip(1) {
        if let Some(tree) = rest.strip_prefix('{') {
            names.extend(top_level_names(tree));
        } else {
            names.push(word(rest));
        }
    }
    names
}

fn without_comments(code: &str) -> String {
    code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

fn top_level_names(tree: &str) -> Vec<String> {
    let (mut depth, mut names, mut expected) = (0_i32, Vec::new(), true);
    for (position, character) in tree.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => expected = true,
            it if it.is_alphanumeric() && depth == 0 && expected => {
                names.push(word(&tree[position..]));
                expected = false;
            }
            _ => {}
        }
    }
    names
}

fn word(text: &str) -> String {
    text.chars().take_while(|it| it.is_alphanumeric() || *it == '_').collect()
}

#[test]
fn imports_only_point_down_the_list_of_rooms() {
    let rooms: Vec<String> = sources("src").iter().map(|(path, _)| room(path)).collect();
    for (path, code) in sources("src") {
        let here = room(&path);
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == here) else { continue };
        for import in imported(&code).into_iter().filter(|it| rooms.contains(it) && *it != here) {
            assert!(
                allowed.contains(&import.as_str()),
                "{}: {here} must not import {import}",
                path.display()
            );
        }
    }
}

#[test]
fn each_room_knows_only_the_crates_of_its_side() {
    for (path, code) in sources("src") {
        let here = room(&path);
        let code = without_comments(&code);
        for (_, unknown) in MUST_NOT_KNOW.iter().filter(|(name, _)| *name == here) {
            for name in *unknown {
                let named = code.contains(&format!("use {name}")) || code.contains(&format!(" {name}::"));
                assert!(!named, "{}: {here} must not know {name}", path.display());
            }
        }
    }
}

#[test]
fn no_file_is_more_than_one_thing() {
    for (path, code) in sources("src").into_iter().chain(sources("dev/src")) {
        let lines = code.lines().count();
        assert!(lines <= LONGEST_FILE, "{} has {lines} lines before its tests; split it", path.display());
    }
}

#[test]
fn every_module_says_what_it_is() {
    for (path, code) in sources("src").into_iter().chain(sources("dev/src")).chain(sources("tests")) {
        assert!(code.starts_with("//!"), "{} does not open with what it is and why", path.display());
    }
}
