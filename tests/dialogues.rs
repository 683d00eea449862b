//! Every dialogue under `tests/dialogues` is held, one test per identity provider, each file with fresh tenants.

#[path = "support/dialogue.rs"]
mod dialogue;
#[path = "support/endpoint.rs"]
mod endpoint;
#[path = "support/receiver.rs"]
#[allow(dead_code, reason = "the receiver's own tests need more of it")]
mod receiver;

use std::path::{Path, PathBuf};

use dialogue::{Dialogue, Parties};
use receiver::Receiver;

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
async fn anybody_who_asks_for_what_they_should_not() {
    hold_all("errors").await;
}

#[tokio::test]
async fn anybody_who_reads_the_rfcs() {
    hold_all("rfc").await;
}

async fn hold_all(provider: &str) {
    let receiver = Receiver::start().await;
    let http = receiver.http();
    let mut failures = Vec::new();
    for file in files(provider) {
        let parties = Parties { own: receiver.tenant().await, other: receiver.tenant().await };
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Err(problem) = Dialogue::read(&file).replay(&http, &parties).await {
            failures.push(format!("{provider}/{name}, {problem}"));
        }
    }
    receiver.stop().await;
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
}

fn files(provider: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogues").join(provider);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} has no dialogues", folder.display());
    files
}
