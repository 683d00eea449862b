//! The embedded control plane starts, works, survives what tests do to it, and leaves nothing behind.
#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rollcall_dev::{Component, ControlPlane, Options, shared};

#[test]
fn a_new_namespace_gets_its_default_service_account() {
    let plane = shared::control_plane().unwrap();
    plane.kubectl(&["create", "namespace", "with-account"]).unwrap();
    plane
        .kubectl(&["wait", "--for=create", "serviceaccount/default", "-n", "with-account", "--timeout=120s"])
        .unwrap();
}

#[test]
fn a_deleted_namespace_goes_away() {
    let plane = shared::control_plane().unwrap();
    plane.kubectl(&["create", "namespace", "short-lived"]).unwrap();
    plane.kubectl(&["delete", "namespace", "short-lived", "--timeout=120s"]).unwrap();
}

#[test]
fn a_service_account_token_authenticates_and_grants_nothing_by_itself() {
    let plane = shared::control_plane().unwrap();
    plane.kubectl(&["create", "serviceaccount", "visitor", "-n", "default"]).unwrap();
    let token = plane.kubectl(&["create", "token", "visitor", "-n", "default"]).unwrap();
    let kubeconfig = plane.kubeconfig_for("visitor", token.trim()).unwrap();
    let kubeconfig = kubeconfig.to_str().unwrap();
    let name = plane
        .kubectl(&[
            "--kubeconfig",
            kubeconfig,
            "auth",
            "whoami",
            "-o",
            "jsonpath={.status.userInfo.username}",
        ])
        .unwrap();
    assert_eq!(name, "system:serviceaccount:default:visitor");
    let refused = plane.kubectl(&["--kubeconfig", kubeconfig, "get", "secrets"]).unwrap_err().to_string();
    assert!(refused.contains("forbidden"), "{refused}");
}

#[test]
fn what_was_stored_is_there_after_the_api_server_and_etcd_were_killed() {
    let plane = ControlPlane::start(Options::default()).unwrap();
    plane.kubectl(&["create", "namespace", "kept"]).unwrap();
    plane.kill(Component::ApiServer).unwrap();
    plane.kill(Component::Etcd).unwrap();
    assert!(plane.kubectl(&["get", "namespace", "kept"]).is_err());
    plane.start_component(Component::Etcd).unwrap();
    plane.start_component(Component::ApiServer).unwrap();
    plane.kubectl(&["get", "namespace", "kept"]).unwrap();
}

#[test]
fn a_paused_api_server_answers_once_it_is_resumed() {
    let plane = ControlPlane::start(Options { controller_manager: false, ..Options::default() }).unwrap();
    plane.pause(Component::ApiServer).unwrap();
    assert!(plane.kubectl(&["get", "namespaces", "--request-timeout=1s"]).is_err());
    plane.resume(Component::ApiServer).unwrap();
    plane.kubectl(&["get", "namespaces"]).unwrap();
}

#[test]
fn nothing_is_left_after_drop() {
    let plane = ControlPlane::start(Options::default()).unwrap();
    let directory = plane.dir().to_owned();
    assert_eq!(processes_of(&directory).len(), 4, "three components and the janitor");
    drop(plane);
    assert_eq!(remains_of(&directory), Vec::<String>::new());
}

#[test]
fn nothing_is_left_after_the_owner_was_killed() {
    let mut owner = Command::new(env!("CARGO_BIN_EXE_rollcall-dev"))
        .arg("control-plane")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut kubeconfig = String::new();
    BufReader::new(owner.stdout.as_mut().unwrap()).read_line(&mut kubeconfig).unwrap();
    let directory = Path::new(kubeconfig.trim()).parent().unwrap().to_owned();
    assert_eq!(processes_of(&directory).len(), 4, "three components and the janitor");
    owner.kill().unwrap();
    owner.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while !remains_of(&directory).is_empty() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(remains_of(&directory), Vec::<String>::new());
}

/// What is left of the control plane in `directory`: its files and its processes.
fn remains_of(directory: &Path) -> Vec<String> {
    let files = [directory.to_owned(), directory.with_extension("lock")];
    let left = files.iter().filter(|path| path.exists()).map(|path| path.display().to_string());
    left.chain(processes_of(directory)).collect()
}

/// The command lines that name `directory`.
fn processes_of(directory: &Path) -> Vec<String> {
    let directory = directory.to_str().unwrap();
    let numbers = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().parse::<u32>().is_ok();
    fs::read_dir("/proc")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(numbers)
        // A process may end while it is looked at.
        .filter_map(|process| fs::read(process.join("cmdline")).ok())
        .map(|command| String::from_utf8_lossy(&command).replace('\0', " "))
        .filter(|command| {
            command.contains(&format!("{directory}/")) || command.contains(&format!("{directory} "))
        })
        .collect()
}

#[test]
fn a_kind_can_be_used_once_it_was_waited_for() {
    let plane = shared::control_plane().unwrap();
    for number in 0..5 {
        let (plural, kind) = (format!("oddities{number}"), format!("Oddity{number}"));
        let definition = format!(
            "{{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition,
              metadata: {{name: {plural}.example.com}},
              spec: {{group: example.com, scope: Namespaced, names: {{plural: {plural}, kind: {kind}}},
              versions: [{{name: v1, served: true, storage: true, schema: {{openAPIV3Schema: {{type: object}}}}}}]}}}}"
        );
        plane.apply(&definition).unwrap();
        plane.wait_for_kinds().unwrap();
        let object = format!(
            "{{apiVersion: example.com/v1, kind: {kind}, metadata: {{name: one, namespace: default}}}}"
        );
        plane.apply(&object).unwrap();
    }
}
