//! What the operator says when it can't start, on an API server that does not know our kinds.

#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::{
    fs,
    process::{Command, Output},
    time::Duration,
};

use rollcall_dev::ports;

/// Far more than it takes, as machines may be busy.
const PATIENCE: Duration = Duration::from_mins(1);

fn rollcall(arguments: &[&str]) -> Output {
    let kubeconfig = rollcall_dev::shared::control_plane().unwrap().kubeconfig_path();
    Command::new(env!("CARGO_BIN_EXE_rollcall"))
        .env_remove("POD_NAMESPACE")
        .env("KUBECONFIG", kubeconfig)
        .args(arguments)
        .output()
        .unwrap()
}

fn complaint(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

const RUN: [&str; 7] =
    ["run", "--external-url", "http://localhost", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];

#[test]
fn without_its_kinds_it_says_how_to_install_them() {
    let output = rollcall(&[&RUN[..], &["--operator-namespace", "default"]].concat());
    assert_eq!(output.status.code(), Some(3), "{}", complaint(&output));
    let said = complaint(&output);
    assert!(
        said.contains("ScimTenant") && said.contains("rollcall crds | kubectl apply --server-side -f -"),
        "{said}"
    );
}

#[test]
fn outside_of_a_cluster_it_asks_for_the_namespace_of_its_lease() {
    let output = rollcall(&RUN);
    assert_eq!(output.status.code(), Some(3));
    assert!(complaint(&output).contains("--operator-namespace"), "{}", complaint(&output));
}

#[test]
fn it_ends_well_when_it_is_told_to_while_it_waits_for_its_api_server() {
    let plane = rollcall_dev::shared::control_plane().unwrap();
    let nobody = ports::reserve().unwrap();
    let kubeconfig = plane.kubeconfig_path().with_extension("nobody");
    let text = fs::read_to_string(plane.kubeconfig_path()).unwrap();
    fs::write(&kubeconfig, text.replace(plane.url(), &format!("https://{}", nobody.address()))).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
    command.env("KUBECONFIG", kubeconfig).args(RUN).args(["--operator-namespace", "default"]);
    let log = plane.dir().join("waiting.log");
    let mut operator = plane.spawn("rollcall", &mut command, &log).unwrap();
    let waits = || fs::read_to_string(&log).is_ok_and(|log| log.contains("can't start yet"));
    operator.wait_until("that it waits for the API server", PATIENCE, waits).unwrap();
    assert!(operator.stop(PATIENCE).unwrap().success(), "{}", fs::read_to_string(&log).unwrap());
}

#[test]
fn a_bad_argument_is_named_before_anything_starts() {
    let output = rollcall(&["run", "--external-url", "scim.example.com"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(complaint(&output).contains("--external-url"), "{}", complaint(&output));
}

#[test]
fn the_printed_kinds_are_what_kubectl_takes() {
    let output = rollcall(&["crds"]);
    assert!(output.status.success());
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), output.stdout).unwrap();
    let plane = rollcall_dev::shared::control_plane().unwrap();
    // Only asked whether it would: the other tests need an API server without them.
    let created =
        plane.kubectl(&["create", "--dry-run=server", "-f", file.path().to_str().unwrap()]).unwrap();
    assert_eq!(
        created.lines().filter(|line| line.contains("customresourcedefinition")).count(),
        5,
        "{created}"
    );
}
