//! Every dialogue under `tests/dialogues` is held, one test per identity provider, each file with fresh tenants.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/dialogue.rs"]
mod dialogue;
#[path = "support/endpoint.rs"]
mod endpoint;
#[path = "support/operator.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod operator;

use std::path::{Path, PathBuf};

use dialogue::{Dialogue, Parties};
use endpoint::Endpoint;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, api::PostParams};
use operator::{Operator, eventually};
use rollcall::{
    api::{ScimTenant, ScimTenantSpec},
    scim::dialect::Quirk,
};

#[tokio::test]
async fn okta_as_catalogue_apps_speak() {
    hold_all("okta-catalogue").await;
}

#[tokio::test]
async fn okta_as_custom_apps_speak() {
    hold_all("okta-custom").await;
}

#[tokio::test]
async fn entra_id_as_it_speaks_by_default() {
    hold_all("entra").await;
}

#[tokio::test]
async fn entra_id_with_its_compliance_flag() {
    hold_all("entra-flag").await;
}

#[tokio::test]
async fn ping_and_the_like() {
    hold_all("others").await;
}

#[tokio::test]
async fn whoever_meets_people_who_are_there_already() {
    hold_all("adoption").await;
}

#[tokio::test]
async fn anybody_who_asks_for_what_they_should_not() {
    hold_all("errors").await;
}

#[tokio::test]
async fn anybody_who_reads_the_rfcs() {
    hold_all("rfc").await;
}

#[test]
fn every_quirk_of_a_client_is_explained() {
    let manual = include_str!("../docs/protocol.md");
    let missing: Vec<_> = Quirk::ALL
        .iter()
        .map(|quirk| quirk.name())
        .filter(|name| !manual.contains(&format!("`{name}`")))
        .collect();
    assert!(missing.is_empty(), "docs/protocol.md does not explain {missing:?}");
}

#[tokio::test]
async fn tenants_with_rules_of_their_own() {
    hold_all("rules").await;
}

async fn hold_all(provider: &str) {
    let mut operator = Operator::start().await;
    let http = reqwest::Client::new();
    let mut failures = Vec::new();
    for file in files(provider) {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let dialogue = Dialogue::read(&file);
        let own = tenant(&operator, &format!("own-{name}"), &dialogue.tenant).await;
        let other = tenant(&operator, &format!("other-{name}"), &dialogue.tenant).await;
        let parties = Parties { own, other };
        if let Err(problem) = dialogue.replay(&http, &parties).await {
            failures.push(format!("{provider}/{name}, {problem}"));
        }
    }
    assert!(operator.stop().await, "the operator ended badly: {}", operator.log());
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
}

/// A new tenant, as a person makes one: apply it, and read URL and token from its Secret.
async fn tenant(operator: &Operator, name: &str, spec: &ScimTenantSpec) -> Endpoint {
    let tenants: Api<ScimTenant> = Api::namespaced(operator.client.clone(), &operator.namespace);
    let secrets: Api<Secret> = Api::namespaced(operator.client.clone(), &operator.namespace);
    let tenant = ScimTenant::new(name, spec.clone());
    tenants.create(&PostParams::default(), &tenant).await.unwrap();
    let endpoint = eventually("the tenant's Secret", || async {
        let data = secrets.get_opt(&format!("{name}-default")).await.unwrap()?.data?;
        let read = |key| Some(String::from_utf8(data.get(key)?.0.clone()).unwrap());
        Some(Endpoint { url: read("url")?, token: read("token")? })
    });
    endpoint.await
}

fn files(provider: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogues").join(provider);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} has no dialogues", folder.display());
    files
}
