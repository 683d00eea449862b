//! `docs/reference/api.md`: every field and rule of the CustomResourceDefinitions.

use std::fmt::Write as _;

use serde_json::Value;

use super::{
    crds::{definitions, schema},
    hold,
};

/// Types of Kubernetes itself, which its own reference describes.
const FOREIGN: [&str; 2] = ["conditions", "selector"];

const HEAD: &str = "<!-- Written by `make generate` from the CustomResourceDefinitions; edit src/api/. -->\n\n\
    # Objects: `rollcall.dev/v1alpha1`\n\n\
    The same texts as `kubectl explain <kind>` prints. All kinds are namespaced and in the category `scim`, so that\n\
    `kubectl get scim` lists them. The fields inside of `conditions` and `selector` are those of Kubernetes.\n";

#[test]
fn the_reference_has_every_field_and_rule() {
    let text = definitions().iter().fold(HEAD.to_owned(), |text, definition| text + &kind(definition));
    hold("docs/reference/api.md", &text);
}

fn kind(definition: &Value) -> String {
    let names = &definition["spec"]["names"];
    let (kind, short) = (names["kind"].as_str().unwrap(), names["shortNames"][0].as_str().unwrap());
    let version = &definition["spec"]["versions"][0];
    let mut text = format!("\n## {kind}\n\n{}\n\n", words(&schema(definition)["description"]));
    let columns = list(&version["additionalPrinterColumns"], "name");
    writeln!(text, "`kubectl get {short}` shows: {}.", columns.join(", ")).unwrap();
    let selectable = list(&version["selectableFields"], "jsonPath");
    if !selectable.is_empty() {
        let fields: Vec<String> =
            selectable.iter().map(|it| format!("`{}`", it.trim_start_matches('.'))).collect();
        writeln!(text, "`--field-selector` takes: {}.", fields.join(", ")).unwrap();
    }
    text += "\n| field | type | meaning |\n|---|---|---|\n";
    fields(schema(definition), "", &mut text);
    let mut messages = Vec::new();
    rules(schema(definition), "", &mut messages);
    if !messages.is_empty() {
        text += "\nThe API server refuses an object, and says why:\n\n";
        writeln!(text, "- {}", messages.join("\n- ")).unwrap();
    }
    text
}

fn fields(schema: &Value, at: &str, text: &mut String) {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let here = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
        let must = if required.iter().any(|it| it == name) { ", required" } else { "" };
        let meaning = [words(&property["description"]), limits(property)].concat();
        writeln!(text, "| `{here}` | {}{must} | {} |", type_of(property), meaning.replace('|', "\\|"))
            .unwrap();
        if FOREIGN.contains(&name.as_str()) {
            continue;
        }
        fields(property, &here, text);
        fields(&property["items"], &format!("{here}[]"), text);
    }
}

fn type_of(property: &Value) -> String {
    let plain = property["type"].as_str().unwrap_or("any");
    match plain {
        "array" => format!("list of {}", type_of(&property["items"])),
        "object" if property["additionalProperties"].is_object() => {
            format!("map to {}", type_of(&property["additionalProperties"]))
        }
        "string" if property["format"] == "date-time" => "time".to_owned(),
        other => other.to_owned(),
    }
}

/// What the schema demands beyond the type.
fn limits(property: &Value) -> String {
    let choices = [&property["enum"], &property["items"]["enum"]].into_iter().find_map(Value::as_array);
    let choices = choices.map(|all| {
        let all: Vec<String> =
            all.iter().filter_map(Value::as_str).map(|choice| format!("`{choice}`")).collect();
        format!("one of {}", all.join(", "))
    });
    let number =
        |key: &str, what: &str| property[key].as_f64().map(|limit| what.replace('#', &limit.to_string()));
    let limits = [
        choices,
        property["pattern"].as_str().map(|pattern| format!("matches `{pattern}`")),
        number("minLength", "at least # long"),
        number("maxLength", "at most # long"),
        number("maxItems", "at most # entries"),
        number("minItems", "at least #"),
        number("maxProperties", "at most # entries"),
        number("minimum", "at least #"),
        number("maximum", "at most #"),
    ];
    let limits: Vec<String> = limits.into_iter().flatten().collect();
    if limits.is_empty() { String::new() } else { format!(" ({})", limits.join("; ")) }
}

fn rules(schema: &Value, at: &str, messages: &mut Vec<String>) {
    for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
        let place = if at.is_empty() { String::new() } else { format!("`{at}`: ") };
        messages.push(format!("{place}{}", words(&rule["message"])));
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let here = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
        rules(property, &here, messages);
        rules(&property["items"], &format!("{here}[]"), messages);
    }
}

fn list(array: &Value, key: &str) -> Vec<String> {
    let entries = array.as_array().into_iter().flatten();
    entries.filter_map(|entry| entry[key].as_str()).map(str::to_owned).collect()
}

/// A text on one line.
fn words(text: &Value) -> String {
    text.as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}
