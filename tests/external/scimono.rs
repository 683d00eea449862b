//! SAP's compliance tests, those of them that ask for what the RFCs ask for: `scimono/chosen.properties` says which, and
//! why the others are not among them.

use axum::{Router, http::header::CONTENT_TYPE, routing::post};
use rollcall_dev::peers;
use serde_json::json;
use tokio::net::TcpListener;

use crate::{beside, installed, run, support::Receiver};

#[tokio::test]
async fn the_chosen_tests_of_scimono_pass() {
    let receiver = Receiver::start().await;
    let tenant = receiver.tenant().await;
    let chosen = beside("scimono/chosen.properties");
    let expected = count(&std::fs::read_to_string(&chosen).unwrap());
    let work = tempfile::tempdir().unwrap();
    let mut command = installed(peers::scimono).await;
    command.current_dir(work.path());
    command.arg(format!("scim.service.url={}", tenant.url));
    command.arg(format!("tests.file.path={}", chosen.display()));
    command.args(["auth.type=Oauth", "oauth.grant=client_credentials", "oauth.clientId=x", "oauth.secret=x"]);
    command.arg(format!("oauth.service.url={}", token_service(tenant.token.clone()).await));
    let ran = run("scimono", command, &tenant).await;

    // Its report is JUnit's; its exit status says nothing of the tests.
    let report = std::fs::read_to_string(work.path().join("TEST-junit-jupiter.xml"));
    let report = report.unwrap_or_else(|error| panic!("{error}:\n{}", ran.said));
    let failed = failures(&report);
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    let suite = report.split('>').find(|tag| tag.trim_start().starts_with("<testsuite ")).unwrap();
    let counted = (attribute(suite, "tests"), attribute(suite, "skipped"));
    assert_eq!(counted, (expected.to_string().as_str(), "0"), "tests that ran, and tests that were skipped");
    receiver.stop().await;
}

/// How many tests the file names: all words that are neither a comment nor a class.
fn count(chosen: &str) -> usize {
    let lines = chosen.lines().filter(|line| !line.starts_with('#'));
    let words = lines.flat_map(|line| line.split([',', ' ', '\\'])).filter(|word| !word.is_empty());
    words.filter(|word| !word.ends_with('=')).count()
}

/// The tests that failed, with what they say.
fn failures(report: &str) -> Vec<String> {
    let cases = report.split("<testcase ").skip(1);
    let failed = cases.filter(|case| case.contains("<failure") || case.contains("<error"));
    failed.map(|case| format!("{}: {}", attribute(case, "name"), attribute(case, "message"))).collect()
}

/// The value of an XML attribute.
fn attribute<'x>(text: &'x str, name: &str) -> &'x str {
    let after = text.split_once(&format!(" {name}=\"")).or_else(|| text.split_once(&format!("{name}=\"")));
    after.and_then(|(_, rest)| rest.split('"').next()).unwrap_or_default()
}

/// The suite takes bearer tokens from an authorization server alone. This one hands out the tenant's.
async fn token_service(token: String) -> String {
    let answer = json!({ "access_token": token, "token_type": "Bearer", "expires_in": 3600 }).to_string();
    let routes =
        Router::new().route("/token", post(async move || ([(CONTENT_TYPE, "application/json")], answer)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/token", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    url
}
