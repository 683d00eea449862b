//! The `rbac` kind of app on a real API server, with no other rights than those that the chart grants.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/access.rs"]
mod access;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use access::can;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use rollcall::api::{DeletionPolicy, DownstreamApp, DownstreamAppSpec, TenantRef};
use rollcall::downstream::rbac::{RbacApp, Reach};
use rollcall::downstream::{ApplyError, Blame, Downstream, Had, Has, MemberView, TeamView};
use rollcall_dev::chart::Release;
use rollcall_dev::{Component, ControlPlane, Options, shared};
use serde_json::{Value, json};

const RIGHTS: &str = "rbac: {enabled: true, bindableRoles: [view]}";

/// A namespace with an installation's rights, and one more to grant roles in.
struct Lab {
    plane: &'static ControlPlane,
    home: String,
    dev: String,
    client: Client,
}

impl Lab {
    async fn new(name: &str, values: &str) -> Self {
        let plane = shared::control_plane().unwrap();
        // What `view` allows is put together by the controller manager.
        plane.kubectl(&["wait", "--for=jsonpath={.rules}", "clusterrole/view", "--timeout=120s"]).unwrap();
        Self::on(plane, name, values).await
    }

    async fn on(plane: &'static ControlPlane, name: &str, values: &str) -> Self {
        let (home, dev) = (format!("{name}-home"), format!("{name}-dev"));
        for namespace in [&home, &dev] {
            plane.kubectl(&["create", "namespace", namespace]).unwrap();
        }
        let values = values.replace("DEV", &dev);
        let account = Release::new(plane, "rollcall", &home, &values).grant().unwrap();
        let lab = Self { plane, home, dev, client: client(&account.kubeconfig).await };
        let role = if values.contains("edit") { "edit" } else { "view" };
        lab.until_can(&account.user, &format!("bind clusterroles/{role} -n {}", lab.dev), true);
        lab.until_can(&account.user, &format!("list rolebindings -n {}", lab.dev), true);
        lab
    }

    /// An app that grants, with the subjects and grants of this JSON, `DEV` standing for our namespace.
    fn app(&self, rbac: &Value) -> RbacApp {
        self.reaching(rbac, Reach::Cluster).unwrap()
    }

    fn reaching(&self, rbac: &Value, reach: Reach) -> Result<RbacApp, ApplyError> {
        let rbac = serde_json::from_str(&rbac.to_string().replace("DEV", &self.dev)).unwrap();
        let spec = DownstreamAppSpec {
            tenant_ref: TenantRef { name: "okta".into() },
            rbac: Some(rbac),
            ..DownstreamAppSpec::default()
        };
        let mut app = DownstreamApp::new("cluster", spec);
        app.metadata.namespace = Some(self.home.clone());
        RbacApp::new(self.client.clone(), &app, reach)
    }

    /// RoleBindings in our namespace and ClusterRoleBindings that belong to our app.
    fn bindings(&self) -> Vec<Value> {
        let selector = format!("rollcall.dev/app-namespace={}", self.home);
        let get = ["get", "rolebindings,clusterrolebindings", "-A", "-o", "json", "-l", &selector];
        let list: Value = serde_json::from_str(&self.plane.kubectl(&get).unwrap()).unwrap();
        list["items"].as_array().unwrap().clone()
    }

    /// The resourceVersion of each of them.
    fn versions(&self) -> BTreeMap<String, String> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let version = |it: Value| (text(&it["metadata"]["name"]), text(&it["metadata"]["resourceVersion"]));
        self.bindings().into_iter().map(version).collect()
    }

    fn subjects(&self) -> Vec<String> {
        let bindings = self.bindings();
        let subjects = bindings.iter().flat_map(|it| it["subjects"].as_array().cloned().unwrap_or_default());
        let mut names: Vec<String> = subjects
            .map(|it| format!("{} {}", it["kind"].as_str().unwrap(), it["name"].as_str().unwrap()))
            .collect();
        names.sort();
        names
    }

    /// Our only binding's name.
    fn only(&self) -> String {
        let versions = self.versions();
        assert_eq!(versions.len(), 1);
        versions.into_keys().next().unwrap()
    }

    /// Asks `kubectl auth can-i` until it answers so: authorization follows the store within moments.
    fn until_can(&self, user: &str, question: &str, expected: bool) {
        let deadline = Instant::now() + Duration::from_mins(2);
        while can(self.plane, user, question) != expected {
            assert!(Instant::now() < deadline, "can-i {question} as {user} is not {expected}");
        }
    }

    fn pods(&self) -> String {
        format!("get pods -n {}", self.dev)
    }
}

async fn client(kubeconfig: &std::path::Path) -> Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

fn viewers() -> Value {
    json!({
        "subjects": {"prefix": "okta:"},
        "grants": [{"team": "ops", "roleRef": {"kind": "ClusterRole", "name": "view"}, "namespaces": ["DEV"]}],
    })
}

fn member(name: &str) -> MemberView {
    let id = format!("id-of-{name}");
    MemberView { id, remote_id: None, user_name: name.into(), email: None, external_id: None }
}

fn team(members: &[&str]) -> TeamView {
    TeamView {
        id: "0199-team".into(),
        display_name: "Ops".into(),
        external_id: None,
        members: members.iter().map(|name| member(name)).collect(),
    }
}

async fn apply(app: &RbacApp, team: &TeamView) -> Result<Has, ApplyError> {
    app.apply_team(team, &Had::default()).await
}

fn changed(team: &TeamView) -> Has {
    Has { remote_id: Some(team.id.clone()), changed: true, ..Has::default() }
}

/// The text of an error that blames the team alone.
fn item(answer: Result<Has, ApplyError>) -> String {
    let error = answer.unwrap_err();
    assert_eq!(error.blame, Blame::Item, "{error}");
    error.message
}

#[tokio::test(flavor = "multi_thread")]
async fn members_may_what_the_role_allows_and_only_there() {
    let lab = Lab::new("grant", RIGHTS).await;
    let team = team(&["ada", "bob"]);
    assert_eq!(apply(&lab.app(&viewers()), &team).await, Ok(changed(&team)));
    lab.until_can("okta:ada", &lab.pods(), true);
    lab.until_can("okta:ada", &format!("delete pods -n {}", lab.dev), false);
    lab.until_can("okta:ada", &format!("get pods -n {}", lab.home), false);
    lab.until_can("ada", &lab.pods(), false);
    lab.until_can("okta:eve", &lab.pods(), false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_who_leaves_or_is_deactivated_loses_access() {
    let lab = Lab::new("leave", RIGHTS).await;
    let app = lab.app(&viewers());
    apply(&app, &team(&["ada", "bob"])).await.unwrap();
    lab.until_can("okta:bob", &lab.pods(), true);
    apply(&app, &team(&["ada"])).await.unwrap();
    lab.until_can("okta:bob", &lab.pods(), false);
    lab.until_can("okta:ada", &lab.pods(), true);
    apply(&app, &team(&[])).await.unwrap();
    lab.until_can("okta:ada", &lab.pods(), false);
    assert!(lab.bindings().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_user_has_access_under_the_new_name_alone() {
    let lab = Lab::new("rename", RIGHTS).await;
    let (app, mut team) = (lab.app(&viewers()), team(&["ada"]));
    apply(&app, &team).await.unwrap();
    team.members[0].user_name = "ada.lovelace".into();
    apply(&app, &team).await.unwrap();
    assert_eq!(lab.subjects(), ["User okta:ada.lovelace"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn applying_twice_writes_nothing() {
    let lab = Lab::new("twice", RIGHTS).await;
    let (app, team) = (lab.app(&viewers()), team(&["ada", "bob"]));
    apply(&app, &team).await.unwrap();
    let before = lab.versions();
    assert_eq!(apply(&app, &team).await, Ok(Has { changed: false, ..changed(&team) }));
    assert_eq!(lab.versions(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_member_more_or_less_among_1200_writes_one_binding() {
    let lab = Lab::new("many", RIGHTS).await;
    let names: Vec<String> = (0..1200).map(|n| format!("user{n}")).collect();
    let (app, mut team) = (lab.app(&viewers()), team(&names.iter().map(String::as_str).collect::<Vec<_>>()));
    apply(&app, &team).await.unwrap();
    let sizes: Vec<usize> =
        lab.bindings().iter().map(|it| it["subjects"].as_array().unwrap().len()).collect();
    assert_eq!((sizes.len(), sizes.iter().sum::<usize>()), (4, 1200));
    assert!(sizes.iter().all(|&size| size <= 500), "{sizes:?}");
    for step in 0..2 {
        let before = lab.versions();
        if step == 0 {
            team.members.push(member("one-more"));
        } else {
            team.members.remove(0);
        }
        apply(&app, &team).await.unwrap();
        let after = lab.versions();
        assert_eq!(after.iter().filter(|(name, version)| before.get(*name) != Some(version)).count(), 1);
    }
    lab.until_can("okta:one-more", &lab.pods(), true);
    lab.until_can("okta:user0", &lab.pods(), false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_can_be_one_group_subject() {
    let lab = Lab::new("group", RIGHTS).await;
    let mut rbac = viewers();
    rbac["subjects"]["kind"] = json!("Group");
    apply(&lab.app(&rbac), &team(&[])).await.unwrap();
    assert_eq!(lab.subjects(), ["Group okta:Ops"]);
    lab.until_can("x", &format!("{} --as-group=okta:Ops", lab.pods()), true);
    lab.until_can("x", &format!("{} --as-group=Ops", lab.pods()), false);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_name_escapes_the_prefix() {
    let lab = Lab::new("hostile", RIGHTS).await;
    let mut rbac = viewers();
    rbac["grants"][0]["team"] = json!("system:masters");
    let names = ["system:masters", "../../system:admin", "*", "okta:", "a\u{0}b", "\u{202e}toor", "", "ok"];
    let mut hostile = TeamView { display_name: "SYSTEM:masters".into(), ..team(&names) };
    let said = item(apply(&lab.app(&rbac), &hostile).await);
    assert!(said.contains("2 of 8") && said.contains("1 of 8") && !said.contains("toor"), "{said}");
    let expected = ["User okta:*", "User okta:../../system:admin", "User okta:ok", "User okta:okta:"];
    assert_eq!(lab.subjects()[..4], expected);
    assert_eq!(lab.subjects()[4..], ["User okta:system:masters"]);
    rbac["subjects"]["kind"] = json!("Group");
    hostile.members.clear();
    apply(&lab.app(&rbac), &hostile).await.unwrap();
    assert_eq!(lab.subjects(), ["Group okta:SYSTEM:masters"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_of_kubernetes_own_is_refused() {
    let lab = Lab::new("prefix", RIGHTS).await;
    for prefix in ["system:", "system:serviceaccount:", "okta", ""] {
        let mut rbac = viewers();
        rbac["subjects"]["prefix"] = json!(prefix);
        assert_eq!(lab.reaching(&rbac, Reach::Cluster).unwrap_err().blame, Blame::App, "{prefix}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_binding_of_our_name_is_reported_and_left_alone() {
    let lab = Lab::new("foreign", RIGHTS).await;
    let (app, team) = (lab.app(&viewers()), team(&["ada"]));
    apply(&app, &team).await.unwrap();
    let name = lab.only();
    let theirs =
        ["label", "rolebinding", &name, "-n", &lab.dev, "app.kubernetes.io/managed-by=them", "--overwrite"];
    lab.plane.kubectl(&theirs).unwrap();
    let before = lab.versions();
    let said = item(apply(&app, &team).await);
    assert!(said.contains("exists but is not ours"), "{said}");
    app.revoke_team(&team.id, &Had::default(), DeletionPolicy::Delete).await.unwrap();
    assert_eq!(lab.versions(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_is_repaired() {
    let lab = Lab::new("drift", RIGHTS).await;
    let (app, team) = (lab.app(&viewers()), team(&["ada"]));
    apply(&app, &team).await.unwrap();
    let name = lab.only();
    let edit = r#"{"subjects":[{"kind":"User","apiGroup":"rbac.authorization.k8s.io","name":"eve"}]}"#;
    lab.plane.kubectl(&["patch", "rolebinding", &name, "-n", &lab.dev, "--type=merge", "-p", edit]).unwrap();
    assert_eq!(apply(&app, &team).await, Ok(changed(&team)));
    assert_eq!(lab.subjects(), ["User okta:ada"]);
    lab.plane.kubectl(&["delete", "rolebinding", &name, "-n", &lab.dev]).unwrap();
    assert_eq!(apply(&app, &team).await, Ok(changed(&team)));
    assert_eq!(lab.subjects(), ["User okta:ada"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_binding_made_to_grant_another_role_is_made_anew() {
    let lab = Lab::new("roleref", RIGHTS).await;
    let (app, team) = (lab.app(&viewers()), team(&["ada"]));
    apply(&app, &team).await.unwrap();
    let mut binding = lab.bindings().remove(0);
    let name = lab.only();
    binding["roleRef"]["name"] = json!("admin");
    let metadata = binding["metadata"].as_object_mut().unwrap();
    metadata.retain(|key, _| ["name", "namespace", "labels"].contains(&key.as_str()));
    lab.plane.kubectl(&["delete", "rolebinding", &name, "-n", &lab.dev]).unwrap();
    lab.plane.apply(&binding.to_string()).unwrap();
    assert_eq!(apply(&app, &team).await, Ok(changed(&team)));
    assert_eq!(lab.bindings()[0]["roleRef"]["name"], "view");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_not_be_bound_holds_up_no_other() {
    let lab = Lab::new("refused", RIGHTS).await;
    let mut rbac = viewers();
    let admin =
        json!({"team": "ops", "roleRef": {"kind": "ClusterRole", "name": "admin"}, "namespaces": ["DEV"]});
    rbac["grants"].as_array_mut().unwrap().insert(0, admin);
    let said = item(apply(&lab.app(&rbac), &team(&["ada"])).await);
    let expected =
        "the installation does not allow Rollcall to bind ClusterRole admin: add it to rbac.bindableRoles";
    assert_eq!(said, expected);
    assert_eq!(lab.bindings()[0]["roleRef"]["name"], "view");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_must_lose_a_role_loses_it_though_it_may_no_longer_be_bound() {
    let lab = Lab::new("withdrawn", RIGHTS).await;
    let app = lab.app(&viewers());
    apply(&app, &team(&["ada", "bob"])).await.unwrap();
    let fewer = "rbac: {enabled: true, bindableRoles: [edit]}";
    let account = Release::new(lab.plane, "rollcall", &lab.home, fewer).grant().unwrap();
    lab.until_can(&account.user, "bind clusterroles/view", false);
    let said = item(apply(&app, &team(&["ada"])).await);
    assert!(said.contains("bind ClusterRole view") && said.contains("is deleted"), "{said}");
    lab.until_can("okta:bob", &lab.pods(), false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_namespace_is_named_and_holds_up_no_other() {
    let lab = Lab::new("missing", RIGHTS).await;
    let mut rbac = viewers();
    rbac["grants"][0]["namespaces"] = json!(["nowhere-at-all", "DEV"]);
    let said = item(apply(&lab.app(&rbac), &team(&["ada"])).await);
    assert!(said.starts_with("namespace nowhere-at-all does not exist"), "{said}");
    assert_eq!(lab.subjects(), ["User okta:ada"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_can_be_granted_in_the_whole_cluster() {
    let lab = Lab::new("wide", "rbac: {enabled: true, clusterWide: true}").await;
    let mut rbac = viewers();
    rbac["grants"][0]["namespaces"] = json!([]);
    rbac["grants"][0]["clusterWide"] = json!(true);
    let app = lab.app(&rbac);
    apply(&app, &team(&["wide-ada"])).await.unwrap();
    lab.until_can("okta:wide-ada", "list pods -A", true);
    app.revoke_team(&team(&[]).id, &Had::default(), DeletionPolicy::Retain).await.unwrap();
    lab.until_can("okta:wide-ada", "list pods -A", false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_wide_grant_needs_the_installations_consent() {
    let lab = Lab::new("narrow", RIGHTS).await;
    let mut rbac = viewers();
    rbac["grants"][0]["namespaces"] = json!([]);
    rbac["grants"][0]["clusterWide"] = json!(true);
    let said = item(apply(&lab.app(&rbac), &team(&["ada"])).await);
    assert!(said.contains("rbac.clusterWide"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_for_named_namespaces_works_in_these_alone() {
    let lab = Lab::new("named", "rbac: {enabled: true, namespaces: [DEV]}").await;
    let mut rbac = viewers();
    rbac["grants"][0]["namespaces"] = json!(["DEV", "default"]);
    let app = lab.reaching(&rbac, Reach::Namespaces([lab.dev.clone()].into())).unwrap();
    app.probe().await.unwrap();
    let said = item(apply(&app, &team(&["ada"])).await);
    assert!(said.contains("namespace default: add it to rbac.namespaces"), "{said}");
    assert_eq!(lab.subjects(), ["User okta:ada"]);
    app.revoke_team(&team(&[]).id, &Had::default(), DeletionPolicy::Delete).await.unwrap();
    assert!(lab.bindings().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_without_rbac_says_so() {
    let lab = Lab::new("off", RIGHTS).await;
    lab.plane.kubectl(&["create", "serviceaccount", "bare", "-n", &lab.home]).unwrap();
    let token = lab.plane.kubectl(&["create", "token", "bare", "-n", &lab.home]).unwrap();
    let bare = client(&lab.plane.kubeconfig_for("bare", token.trim()).unwrap()).await;
    let app = Lab { client: bare, ..lab }.app(&viewers());
    let error = app.probe().await.unwrap_err();
    assert_eq!(error.blame, Blame::App);
    assert!(error.message.contains("set rbac.enabled in the chart"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_for_named_namespaces_that_is_not_told_of_them_says_so() {
    let lab = Lab::new("untold", "rbac: {enabled: true, namespaces: [DEV]}").await;
    let error = lab.app(&viewers()).probe().await.unwrap_err();
    assert_eq!(error.blame, Blame::App);
    assert!(error.message.contains("--rbac-namespaces") && error.message.contains(&lab.dev), "{error}");
    assert!(!error.message.contains("rbac.enabled"), "it is enabled: {error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_of_the_installation_that_is_not_allowed_does_not_stop_the_others() {
    let lab = Lab::new("partly", "rbac: {enabled: true, namespaces: [DEV]}").await;
    let reach = |names: &[&str]| Reach::Namespaces(names.iter().map(|name| (*name).to_owned()).collect());
    let partly = lab.reaching(&viewers(), reach(&["aaa-not-there", &lab.dev])).unwrap();
    partly.probe().await.unwrap();
    let nowhere = lab.reaching(&viewers(), reach(&["aaa-not-there"])).unwrap();
    let error = nowhere.probe().await.unwrap_err();
    assert!(error.message.contains("any namespace of --rbac-namespaces"), "{error}");
    assert!(error.message.contains("aaa-not-there"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn revoking_a_team_leaves_the_bindings_of_others() {
    let lab = Lab::new("others", RIGHTS).await;
    let mut rbac = viewers();
    let devs =
        json!({"team": "devs", "roleRef": {"kind": "ClusterRole", "name": "view"}, "namespaces": ["DEV"]});
    rbac["grants"].as_array_mut().unwrap().push(devs);
    let app = lab.app(&rbac);
    let devs = TeamView { id: "0199-devs".into(), display_name: "Devs".into(), ..team(&["bob"]) };
    apply(&app, &team(&["ada"])).await.unwrap();
    apply(&app, &devs).await.unwrap();
    let had = Had { remote_id: Some("0199-team".into()), ..Had::default() };
    let revoked = app.revoke_team("0199-team", &had, DeletionPolicy::Retain).await;
    assert_eq!(revoked, Ok(Has { changed: true, ..Has::default() }));
    assert_eq!(lab.subjects(), ["User okta:bob"]);
    let again = app.revoke_team("0199-team", &had, DeletionPolicy::Retain).await;
    assert_eq!(again, Ok(Has::default()));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_api_server_is_down_the_app_is_to_blame_and_nothing_is_lost() {
    let options = Options { controller_manager: false, ..Options::default() };
    // Never dropped, as the shared one: it ends with this process.
    let plane: &'static ControlPlane = Box::leak(Box::new(ControlPlane::start(options).unwrap()));
    let lab = Lab::on(plane, "down", RIGHTS).await;
    let app = lab.app(&viewers());
    apply(&app, &team(&["ada"])).await.unwrap();
    plane.kill(Component::ApiServer).unwrap();
    assert_eq!(app.probe().await.unwrap_err().blame, Blame::App);
    assert_eq!(apply(&app, &team(&[])).await.unwrap_err().blame, Blame::App);
    plane.start_component(Component::ApiServer).unwrap();
    assert_eq!(lab.subjects(), ["User okta:ada"]);
    apply(&app, &team(&[])).await.unwrap();
    assert!(lab.bindings().is_empty());
}
