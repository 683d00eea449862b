//! The planner alone, without an API server.

use super::*;
use crate::api::{Grant, RbacTarget, RoleKind, RoleRef, SubjectKind, SubjectName, Subjects};
use crate::downstream::MemberView;

fn owner() -> Owner {
    Owner { app: "cluster".into(), namespace: "people".into(), tenant: "okta".into() }
}

fn settings(kind: SubjectKind, name: Option<SubjectName>, namespaces: &[&str]) -> Settings {
    let subjects = Subjects { kind: Some(kind), prefix: "okta:".into(), name };
    let role_ref = RoleRef { kind: RoleKind::ClusterRole, name: "view".into() };
    let namespaces = namespaces.iter().map(|&namespace| namespace.into()).collect();
    let grant = Grant { team: "Ops".into(), role_ref, namespaces, cluster_wide: false };
    Settings::new(&RbacTarget { subjects, grants: vec![grant] }).unwrap()
}

fn users(namespaces: &[&str]) -> Settings {
    settings(SubjectKind::Users, None, namespaces)
}

fn member(name: &str) -> MemberView {
    MemberView {
        id: format!("id-{name}"),
        remote_id: None,
        user_name: name.into(),
        email: None,
        external_id: None,
    }
}

fn team(members: impl IntoIterator<Item = MemberView>) -> TeamView {
    TeamView {
        id: "team-1".into(),
        display_name: "ops".into(),
        external_id: None,
        members: members.into_iter().collect(),
    }
}

fn seeing(bindings: Vec<Binding>) -> Observed {
    Observed { bindings, unreadable: BTreeSet::new() }
}

fn run(settings: &Settings, team: &TeamView, seen: Vec<Binding>) -> Plan {
    plan(settings, &Reach::Cluster, &owner(), team, seeing(seen))
}

/// What the API server has after a plan that met nothing.
fn result(plan: Plan) -> Vec<Binding> {
    let created = |step| match step {
        Step::Create(binding) => binding,
        other @ (Step::Replace { .. } | Step::Recreate { .. } | Step::Delete(_)) => panic!("{other}"),
    };
    plan.steps.into_iter().map(created).collect()
}

#[test]
fn what_is_as_it_should_be_needs_no_step() {
    let (settings, team) = (users(&["dev", "prod"]), team([member("ada"), member("bob")]));
    let mut seen = result(run(&settings, &team, vec![]));
    seen[0].subjects.reverse();
    let again = run(&settings, &team, seen);
    assert_eq!((again.steps, again.bindings), (vec![], 2));
}

#[test]
fn another_role_under_our_name_is_deleted_and_made_anew() {
    let (settings, team) = (users(&["dev"]), team([member("ada")]));
    let mut seen = result(run(&settings, &team, vec![]));
    seen[0].role.name = "edit".into();
    let steps = run(&settings, &team, seen).steps;
    assert!(matches!(steps.as_slice(), [Step::Recreate { .. }]), "{steps:?}");
}

#[test]
fn a_replacement_keeps_what_others_put_into_the_metadata() {
    let (settings, mut team) = (users(&["dev"]), team([member("ada")]));
    let mut seen = result(run(&settings, &team, vec![]));
    seen[0].metadata.annotations = Some(BTreeMap::from([("theirs".into(), "1".into())]));
    seen[0].metadata.resource_version = Some("7".into());
    team.members.push(member("bob"));
    let steps = run(&settings, &team, seen.clone()).steps;
    let [Step::Replace { wanted, .. }] = steps.as_slice() else { panic!("{steps:?}") };
    assert_eq!(wanted.metadata, seen[0].metadata);
}

#[test]
fn one_member_more_among_thousands_changes_one_binding() {
    let settings = users(&["dev"]);
    let mut team = team((0..3000).map(|n| member(&format!("user{n}"))));
    let seen = result(run(&settings, &team, vec![]));
    assert_eq!(seen.len(), 8);
    assert!(seen.iter().all(|binding| binding.subjects.len() <= MAX_SUBJECTS));
    team.members.push(member("one more"));
    let steps = run(&settings, &team, seen).steps;
    assert!(matches!(steps.as_slice(), [Step::Replace { .. }]), "{steps:?}");
}

#[test]
fn a_split_creates_before_it_takes_away() {
    let settings = users(&["dev"]);
    let few = team((0..500).map(|n| member(&format!("user{n}"))));
    let many = team((0..501).map(|n| member(&format!("user{n}"))));
    let steps = run(&settings, &many, result(run(&settings, &few, vec![]))).steps;
    assert!(matches!(steps.as_slice(), [Step::Create(_), Step::Replace { .. }]), "{steps:?}");
}

#[test]
fn a_team_that_is_no_longer_granted_anything_loses_its_bindings() {
    let settings = users(&["dev"]);
    let mut team = team([member("ada")]);
    let seen = result(run(&settings, &team, vec![]));
    team.display_name = "Renamed".into();
    let plan = run(&settings, &team, seen.clone());
    assert_eq!((plan.steps, plan.bindings), (vec![Step::Delete(seen[0].clone())], 0));
}

#[test]
fn a_team_without_members_has_no_binding_of_users() {
    assert_eq!(run(&users(&["dev"]), &team([]), vec![]), Plan::default());
}

#[test]
fn a_group_subject_does_not_depend_on_members() {
    let settings = settings(SubjectKind::Group, None, &["dev"]);
    let mut team = team([]);
    team.display_name = "OPS".into();
    let bindings = result(run(&settings, &team, vec![]));
    let [binding] = bindings.as_slice() else { panic!("{bindings:?}") };
    assert_eq!((binding.subjects[0].kind.as_str(), binding.subjects[0].name.as_str()), ("Group", "okta:OPS"));
}

#[test]
fn members_whose_names_are_unusable_are_left_out_and_counted() {
    let settings = settings(SubjectKind::Users, Some(SubjectName::ExternalId), &["dev"]);
    let with = |id: &str| MemberView { external_id: Some(id.into()), ..member(id) };
    let plan = run(&settings, &team([with("good"), with("ba\nd"), member("a"), member("b")]), vec![]);
    assert_eq!(
        plan.problems,
        [
            "2 of 4 subjects left out: no value in the attribute that names the subject",
            "1 of 4 subjects left out: a name with control characters",
        ]
    );
    assert_eq!(result(plan)[0].subjects.len(), 1);
}

#[test]
fn nothing_is_planned_where_the_installation_does_not_reach() {
    let reach = Reach::Namespaces(BTreeSet::from(["dev".to_owned()]));
    let plan = plan(&users(&["dev", "prod"]), &reach, &owner(), &team([member("ada")]), Observed::default());
    assert_eq!(plan.problems.len(), 1);
    assert!(plan.problems[0].contains("prod"), "{plan}");
    assert_eq!(result(plan).len(), 1);
}

#[test]
fn a_plan_names_no_person() {
    let plan = run(&users(&["dev"]), &team([member("ada@example.com")]), vec![]);
    let printed = plan.to_string();
    assert!(printed.starts_with("create RoleBinding dev/rollcall-cluster-"), "{printed}");
    assert!(!printed.contains("ada"), "{printed}");
}
