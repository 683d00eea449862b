//! Two replicas of the operator as the chart's Deployment starts them, under the chart's own rights: a tenant gets ready,
//! a team is pushed, its member gains a role and loses it, both show it, and the API server never has to say "forbidden".

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/access.rs"]
mod access;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use access::can;
use reqwest::{Client, Method};
use rollcall_dev::chart::Release;
use rollcall_dev::{ControlPlane, Process, ports, shared};
use serde_json::{Value, json};

const HOME: &str = "rights-home";
const DEV: &str = "rights-dev";
const VALUES: &str = "rbac: {enabled: true, namespaces: [rights-dev]}";
const PATIENCE: &str = "--timeout=120s";

const OBJECTS: &str = r#"
{"apiVersion": "v1", "kind": "List", "items": [
  {"apiVersion": "rollcall.dev/v1alpha1", "kind": "ScimTenant",
   "metadata": {"name": "okta", "namespace": "rights-home"}, "spec": {}},
  {"apiVersion": "rollcall.dev/v1alpha1", "kind": "DownstreamApp",
   "metadata": {"name": "cluster", "namespace": "rights-home"},
   "spec": {"tenantRef": {"name": "okta"}, "rbac": {
     "subjects": {"prefix": "okta:"},
     "grants": [{"team": "ops", "roleRef": {"kind": "ClusterRole", "name": "view"}, "namespaces": ["rights-dev"]}]}}}
]}"#;

/// The arguments of the Deployment's container, with other places to listen.
fn arguments(release: &Release<'_>, listen: &str, admin: &str) -> Vec<String> {
    let manifests: Vec<Value> = serde_saphyr::from_multiple(&release.render().unwrap()).unwrap();
    let deployment = manifests.iter().find(|it| it["kind"] == "Deployment").unwrap();
    let args = deployment["spec"]["template"]["spec"]["containers"][0]["args"].as_array().unwrap();
    let adapted = args.iter().map(|argument| match argument.as_str().unwrap().split_once('=') {
        Some(("--listen", _)) => format!("--listen={listen}"),
        Some(("--admin-listen", _)) => format!("--admin-listen={admin}"),
        Some(("--external-url", _)) => format!("--external-url=http://{listen}"),
        Some(_) | None => argument.as_str().unwrap().to_owned(),
    });
    adapted.collect()
}

/// Makes the namespaces and definitions, and installs what Pods of the chart need.
fn install(plane: &ControlPlane) -> (Release<'_>, PathBuf) {
    for namespace in [HOME, DEV] {
        plane.kubectl(&["create", "namespace", namespace]).unwrap();
    }
    for crd in rollcall::api::crds() {
        plane.apply(&serde_json::to_string(&crd).unwrap()).unwrap();
    }
    plane.wait_for_kinds().unwrap();
    let release = Release::new(plane, "rollcall", HOME, VALUES);
    let account = release.grant().unwrap();
    (release, account.kubeconfig)
}

/// Starts a replica as the ServiceAccount of a release, and waits until it would get requests.
async fn start(
    plane: &ControlPlane,
    (release, kubeconfig): &(Release<'_>, PathBuf),
    listen: &str,
) -> (Process, PathBuf) {
    let reserved = [(); 2].map(|()| ports::reserve().unwrap());
    let [admin, peers] = reserved.each_ref().map(ports::Port::address);
    let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
    command.env("KUBECONFIG", kubeconfig).env("POD_IP", "127.0.0.1");
    command.args(arguments(release, listen, &admin)).arg(format!("--peer-listen={peers}"));
    let log = plane.dir().join(format!("{}.log", listen.replace(':', "-")));
    let replica = plane.spawn("rollcall", &mut command, &log).unwrap();
    let deadline = Instant::now() + Duration::from_mins(2);
    let ready = format!("http://{admin}/readyz");
    while !Client::new().get(&ready).send().await.is_ok_and(|answer| answer.status().is_success()) {
        assert!(Instant::now() < deadline, "not ready: {}", fs::read_to_string(&log).unwrap());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    (replica, log)
}

/// What a key of the tenant's Secret holds.
fn secret(plane: &ControlPlane, key: &str) -> String {
    let template = format!("--template={{{{.data.{key} | base64decode}}}}");
    plane.kubectl(&["get", "secret", "okta-default", "-n", HOME, &template]).unwrap()
}

/// Sends a SCIM request, and returns the id in the answer.
async fn send(plane: &ControlPlane, method: Method, path: &str, body: &Value) -> String {
    let url = format!("{}{path}", secret(plane, "url"));
    let request = Client::new().request(method, url).bearer_auth(secret(plane, "token")).json(body);
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let body: Value = answer.json().await.unwrap_or_default();
    assert!(status.is_success(), "{status} {body}");
    body["id"].as_str().unwrap_or_default().to_owned()
}

fn until_can(plane: &ControlPlane, expected: bool) {
    let deadline = Instant::now() + Duration::from_mins(2);
    while can(plane, "okta:ada", &format!("get pods -n {DEV}")) != expected {
        assert!(Instant::now() < deadline, "access did not become {expected}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_works_with_exactly_the_rights_of_the_chart() {
    _ = rustls::crypto::ring::default_provider().install_default();
    let plane = shared::control_plane().unwrap();
    plane.kubectl(&["wait", "--for=jsonpath={.rules}", "clusterrole/view", PATIENCE]).unwrap();
    let installed = install(plane);
    let (port, other_port) = (ports::reserve().unwrap(), ports::reserve().unwrap());
    let (operator, log) = start(plane, &installed, &port.address()).await;
    let (other, other_log) = start(plane, &installed, &other_port.address()).await;
    plane.apply(OBJECTS).unwrap();
    plane.kubectl(&["wait", "--for=condition=Ready", "scimtenant/okta", "-n", HOME, PATIENCE]).unwrap();

    let user =
        json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ada", "active": true});
    let ada = send(plane, Method::POST, "/Users", &user).await;
    let elsewhere = format!("http://{}/scim/{HOME}/okta/v2/Users/{ada}", other_port.address());
    let shown = Client::new().get(elsewhere).bearer_auth(secret(plane, "token")).send().await.unwrap();
    assert_eq!(shown.status(), 200, "the other replica shows it at once");
    let schemas = json!(["urn:ietf:params:scim:schemas:core:2.0:Group"]);
    let group = json!({"schemas": schemas, "displayName": "Ops", "members": [{"value": ada}]});
    let ops = send(plane, Method::POST, "/Groups", &group).await;
    until_can(plane, true);
    plane.kubectl(&["wait", "--for=condition=Ready", "downstreamapp/cluster", "-n", HOME, PATIENCE]).unwrap();

    let inactive = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "replace", "value": {"active": false}}]});
    send(plane, Method::PATCH, &format!("/Users/{ada}"), &inactive).await;
    until_can(plane, false);
    send(plane, Method::DELETE, &format!("/Groups/{ops}"), &Value::Null).await;
    send(plane, Method::DELETE, &format!("/Users/{ada}"), &Value::Null).await;
    plane
        .kubectl(&[
            "wait",
            "--for=delete",
            "users.rollcall.dev,teams.rollcall.dev",
            "--all",
            "-n",
            HOME,
            PATIENCE,
        ])
        .unwrap();

    for (replica, log) in [(operator, log), (other, other_log)] {
        assert!(replica.stop(Duration::from_mins(2)).unwrap().success());
        let log = fs::read_to_string(log).unwrap();
        assert!(!log.to_lowercase().contains("forbidden"), "{log}");
    }
}
