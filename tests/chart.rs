//! The Helm chart: what it renders, and what the rights it grants amount to on a real API server.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/access.rs"]
mod access;

use access::can;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use rollcall_dev::chart::Release;
use rollcall_dev::{ControlPlane, shared};
use serde_json::Value;

/// Values that together turn on everything.
const EVERYTHING: &str = "
replicaCount: 3
tenantNamespaces: [chart-a, chart-b]
rbac:
  enabled: true
  clusterWide: true
  bindableRoles: [view, edit]
  bindableNamespacedRoles: {chart-a: [deployer]}
ingress:
  enabled: true
  className: nginx
  host: scim.example.com
  tls: {secretName: scim-tls}
networkPolicy:
  enabled: true
  from: [{namespaceSelector: {matchLabels: {ingress: 'true'}}}]
";

/// Further values whose rendering must keep the policies, too.
const VARIANTS: [&str; 6] = [
    "",
    EVERYTHING,
    "watchAllNamespaces: true",
    "{replicaCount: 2, podDisruptionBudget: {enabled: false}, crds: {enabled: false}}",
    "rbac: {enabled: true, namespaces: [dev, prod]}",
    "rbac: {enabled: true, clusterWide: true, namespaces: [dev], bindableRoles: []}",
];

fn plane() -> &'static ControlPlane {
    shared::control_plane().unwrap()
}

fn release(values: &str) -> Release<'static> {
    Release::new(plane(), "okta", "chart-test", values)
}

/// The manifests that a release renders.
fn manifests(values: &str) -> Vec<Value> {
    let rendered = release(values).render().unwrap();
    let manifests: Vec<Value> = serde_saphyr::from_multiple(&rendered).unwrap();
    manifests.into_iter().filter(|manifest| !manifest.is_null()).collect()
}

fn of_kind<'a>(manifests: &'a [Value], kind: &str) -> Vec<&'a Value> {
    manifests.iter().filter(|manifest| manifest["kind"] == kind).collect()
}

/// Every rule of every Role and ClusterRole.
fn rules(manifests: &[Value]) -> Vec<Value> {
    let roles = manifests.iter().filter(|it| it["kind"] == "Role" || it["kind"] == "ClusterRole");
    roles.flat_map(|role| role["rules"].as_array().cloned().unwrap_or_default()).collect()
}

fn has(list: &Value, wanted: &str) -> bool {
    list.as_array().is_some_and(|list| list.iter().any(|it| it == wanted))
}

fn create_namespaces(names: &[&str]) {
    for name in names {
        plane().kubectl(&["create", "namespace", name]).unwrap();
    }
}

/// Asks every question of a table whose lines start with `yes` or `no`.
fn assert_answers(user: &str, table: &str) {
    let wrong: Vec<&str> = table
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .filter(|line| {
            let (answer, question) = line.split_once(' ').unwrap();
            can(plane(), user, question.trim()) != (answer == "yes")
        })
        .collect();
    assert!(wrong.is_empty(), "answered otherwise:\n{}", wrong.join("\n"));
}

#[test]
fn helm_finds_nothing_to_criticise() {
    for values in VARIANTS {
        release(values).lint().unwrap();
    }
}

#[test]
fn values_that_make_no_sense_are_refused() {
    for (values, said) in [
        ("replicaCount: 0", "replicaCount"),
        ("{ingress: {enabled: true}}", "host"),
        ("rbac: {bindableRoles: ['*']}", "bindableRoles"),
        ("rbac: {bindableNamespacedRoles: {dev: []}}", "bindableNamespacedRoles"),
        ("tenantNamespaces: [Not_A_Label]", "tenantNamespaces"),
        ("replicas: 3", "replicas"),
    ] {
        match release(values).render() {
            Ok(_) => panic!("accepted {values}"),
            Err(error) => assert!(error.to_string().contains(said), "{values}: {error}"),
        }
    }
}

#[test]
fn no_rule_holds_a_wildcard_or_a_verb_that_hands_out_power() {
    for values in VARIANTS {
        for rule in rules(&manifests(values)) {
            for part in ["apiGroups", "resources", "verbs", "resourceNames"] {
                assert!(!has(&rule[part], "*"), "{values}: {rule}");
            }
            for verb in ["escalate", "impersonate", "deletecollection"] {
                assert!(!has(&rule["verbs"], verb), "{values}: {rule}");
            }
        }
    }
}

#[test]
fn secrets_are_never_listed() {
    for values in VARIANTS {
        for rule in rules(&manifests(values)).iter().filter(|rule| has(&rule["resources"], "secrets")) {
            let verbs = if rule["resourceNames"] == serde_json::json!(["rollcall-peers"]) {
                r#"["get"]"#
            } else {
                r#"["get","create","update","delete"]"#
            };
            assert_eq!(rule["verbs"].to_string(), verbs, "{values}");
        }
    }
}

#[test]
fn roles_are_bound_only_by_name() {
    for values in VARIANTS {
        for rule in rules(&manifests(values)).iter().filter(|rule| has(&rule["verbs"], "bind")) {
            let names = rule["resourceNames"].as_array();
            assert!(names.is_some_and(|names| !names.is_empty()), "{values}: {rule}");
        }
    }
}

#[test]
fn without_rbac_there_is_no_right_outside_of_namespaces() {
    let manifests = manifests("");
    assert!(
        of_kind(&manifests, "ClusterRole").is_empty() && of_kind(&manifests, "ClusterRoleBinding").is_empty()
    );
}

#[test]
fn named_namespaces_take_the_place_of_the_cluster() {
    let manifests = manifests("rbac: {enabled: true, namespaces: [dev, prod]}");
    assert!(of_kind(&manifests, "ClusterRole").is_empty());
    let args = &of_kind(&manifests, "Deployment")[0]["spec"]["template"]["spec"]["containers"][0]["args"];
    assert!(has(args, "--rbac-namespaces=dev,prod"), "{args}");
}

#[test]
fn pods_are_restricted() {
    for values in VARIANTS {
        let manifests = manifests(values);
        let pod = &of_kind(&manifests, "Deployment")[0]["spec"]["template"]["spec"];
        let container = &pod["containers"][0]["securityContext"];
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        assert_eq!(pod["securityContext"]["runAsUser"], 65532);
        assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
        assert_eq!(container["readOnlyRootFilesystem"], true);
        assert_eq!(container["allowPrivilegeEscalation"], false);
        assert!(has(&container["capabilities"]["drop"], "ALL"));
    }
}

#[test]
fn a_pod_goes_only_when_its_successor_is_ready() {
    let one = manifests("");
    assert_eq!(of_kind(&one, "Deployment")[0]["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"], 0);
    assert!(of_kind(&one, "PodDisruptionBudget").is_empty());
    let three = manifests("replicaCount: 3");
    let deployment = &of_kind(&three, "Deployment")[0]["spec"];
    assert_eq!(deployment["strategy"]["rollingUpdate"]["maxUnavailable"], 0);
    assert!(has(&deployment["template"]["spec"]["containers"][0]["args"], "--peers"));
    assert_eq!(of_kind(&three, "PodDisruptionBudget").len(), 1);
}

#[test]
fn the_ingress_decides_the_external_url() {
    for (values, url) in [
        ("", "http://okta-rollcall.chart-test.svc:80"),
        ("ingress: {enabled: true, host: a.example.com}", "https://a.example.com"),
        ("ingress: {enabled: true, host: a.example.com, tls: {enabled: false}}", "http://a.example.com"),
        ("externalUrl: https://b.example.com/x", "https://b.example.com/x"),
    ] {
        let manifests = manifests(values);
        let args = &of_kind(&manifests, "Deployment")[0]["spec"]["template"]["spec"]["containers"][0]["args"];
        assert!(has(args, &format!("--external-url={url}")), "{values}: {args}");
    }
}

#[test]
fn crds_outlive_the_release_unless_told_otherwise() {
    let policy = |values: &str| -> Vec<bool> {
        let manifests = manifests(values);
        let crds = of_kind(&manifests, "CustomResourceDefinition");
        crds.iter().map(|crd| crd["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep").collect()
    };
    assert_eq!(policy(""), [true; 5]);
    assert_eq!(policy("crds: {keep: false}"), [false; 5]);
    assert!(policy("crds: {enabled: false}").is_empty());
}

#[test]
fn helm_renders_crds_unchanged() {
    let manifests = manifests("");
    let rendered = of_kind(&manifests, "CustomResourceDefinition");
    for crd in rollcall::api::crds() {
        let name = crd.metadata.name.as_deref().unwrap();
        let same = rendered.iter().find(|it| it["metadata"]["name"] == name).unwrap();
        let same: CustomResourceDefinition = serde_json::from_value((*same).clone()).unwrap();
        assert!(same.spec == crd.spec, "{name}");
    }
}

#[test]
fn an_installed_release_may_do_what_it_must_and_nothing_else() {
    create_namespaces(&["chart-system", "chart-a", "chart-b", "chart-other"]);
    let release = Release::new(plane(), "rollcall", "chart-system", EVERYTHING);
    let said = release.install().unwrap();
    assert!(said.contains("https://scim.example.com"), "{said}");
    plane().wait_for_kinds().unwrap();
    let user = release.service_account().unwrap().user;
    assert_answers(&user, include_str!("data/chart-rights.txt"));
    release.upgrade().unwrap();
    release.uninstall().unwrap();
    plane().kubectl(&["get", "crd", "users.rollcall.dev"]).unwrap();
    assert!(!can(plane(), &user, "get users.rollcall.dev -n chart-a"));
}
