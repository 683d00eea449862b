//! `crds/`, and the copy that the chart installs.

use std::{collections::BTreeSet, fs};

use rollcall::api;
use serde_json::Value;

use super::{hold, path, updates};

const FOLDERS: [&str; 2] = ["crds", "charts/rollcall/files/crds"];

/// Each definition as JSON.
pub fn definitions() -> Vec<Value> {
    api::crds().iter().map(|crd| serde_json::to_value(crd).unwrap()).collect()
}

/// The schema of a definition's only version.
pub fn schema(definition: &Value) -> &Value {
    &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
}

fn files() -> Vec<(String, String)> {
    let file = |crd| api::manifest(crd).unwrap();
    let name = |name: Option<&String>| format!("{}.yaml", name.unwrap());
    api::crds().iter().map(|crd| (name(crd.metadata.name.as_ref()), file(crd))).collect()
}

#[test]
fn the_written_definitions_are_those_of_the_types() {
    for folder in FOLDERS {
        for (name, text) in files() {
            hold(&format!("{folder}/{name}"), &text);
        }
    }
}

#[test]
fn no_definition_is_left_over() {
    let wanted: BTreeSet<String> = files().into_iter().map(|(name, _)| name).collect();
    for folder in FOLDERS {
        for entry in fs::read_dir(path(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if updates() && !wanted.contains(&name) {
                fs::remove_file(path(&format!("{folder}/{name}"))).unwrap();
            } else {
                assert!(wanted.contains(&name), "{folder}/{name} is no kind of ours: run `make generate`");
            }
        }
    }
}

#[test]
fn kubectl_explain_has_a_word_on_every_field() {
    let mut silent = Vec::new();
    for definition in definitions() {
        let kind = definition["spec"]["names"]["kind"].as_str().unwrap();
        undescribed(schema(&definition), kind, &mut silent);
    }
    assert!(silent.is_empty(), "without a description: {silent:#?}");
}

fn undescribed(schema: &Value, at: &str, silent: &mut Vec<String>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let at = format!("{at}.{name}");
        if property["description"].as_str().is_none_or(str::is_empty) {
            silent.push(at.clone());
        }
        undescribed(property, &at, silent);
    }
    for inner in ["items", "additionalProperties"] {
        if schema[inner].is_object() {
            undescribed(&schema[inner], at, silent);
        }
    }
}
