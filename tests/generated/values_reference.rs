//! `docs/reference/values.md`: the comments of the chart's values.yaml.

use std::{fmt::Write as _, fs};

use serde_json::Value;

use super::{hold, path};

const VALUES: &str = "charts/rollcall/values.yaml";

/// One key of values.yaml, by the keys that lead to it, and its comment.
struct Key {
    keys: Vec<String>,
    comment: Option<String>,
}

/// Every key, in the order of the file. Only what the file uses is understood: block mappings, and comments that start
/// with `# --` right above their key.
fn keys(text: &str) -> Vec<Key> {
    let (mut found, mut open, mut comment) = (Vec::new(), Vec::<(usize, String)>::new(), None);
    for line in text.lines() {
        let trimmed = line.trim_start();
        if let Some(words) = trimmed.strip_prefix("# -- ") {
            comment = Some(words.to_owned());
        } else if let Some((key, _)) = trimmed.split_once(':').filter(|_| !trimmed.starts_with(['#', '-'])) {
            let indent = line.len() - trimmed.len();
            open.retain(|(outer, _)| *outer < indent);
            open.push((indent, key.to_owned()));
            let keys = open.iter().map(|(_, key)| key.clone()).collect();
            found.push(Key { keys, comment: comment.take() });
        }
    }
    found
}

fn values() -> (Vec<Key>, Value) {
    let text = fs::read_to_string(path(VALUES)).unwrap();
    (keys(&text), serde_saphyr::from_str(&text).unwrap())
}

fn default<'a>(values: &'a Value, keys: &[String]) -> &'a Value {
    keys.iter().fold(values, |value, key| &value[key])
}

#[test]
fn every_value_is_explained() {
    let (keys, values) = values();
    let explained = |keys: &[String], key: &Key| keys.starts_with(&key.keys) && key.comment.is_some();
    for key in keys.iter().filter(|key| !default(&values, &key.keys).is_object()) {
        assert!(keys.iter().any(|it| explained(&key.keys, it)), "{} has no comment", key.keys.join("."));
    }
}

#[test]
fn the_values_are_as_the_chart_has_them() {
    let (keys, values) = values();
    let mut text = "<!-- Written by `make generate` from values.yaml of the chart; edit that. -->\n\n# Values of the chart\n\n\
         `examples/values-production.yaml` shows an installation with several replicas.\n\n\
         | value | default | what it is |\n|---|---|---|\n"
        .to_owned();
    for Key { keys, comment } in keys {
        if let Some(comment) = comment {
            let default = serde_json::to_string(default(&values, &keys)).unwrap();
            let (key, comment) = (keys.join("."), comment.replace('|', "\\|"));
            writeln!(text, "| `{key}` | `{default}` | {comment} |").unwrap();
        }
    }
    hold("docs/reference/values.md", &text);
}
