//! Which changes go together, case by case.

use std::collections::BTreeSet;

use kube::api::ObjectMeta;
use proptest::{collection::vec, prelude::*};
use serde_json::json;

use super::*;
use crate::{
    api::{Team, TenantRef, names},
    scim::member::MemberRef,
};

fn team(origin: &str) -> TeamView {
    let metadata = ObjectMeta {
        name: Some("team".to_owned()),
        generation: Some(3),
        labels: Some([(names::LABEL_ORIGIN.to_owned(), origin.to_owned())].into()),
        ..ObjectMeta::default()
    };
    let tenant_ref = TenantRef { name: "okta".to_owned() };
    let spec = TeamSpec { tenant_ref, display_name: "Platform".to_owned(), ..TeamSpec::default() };
    TeamView::new(Team { metadata, spec, status: None }, Vec::new())
}

fn receivers() -> TeamView {
    team(names::ORIGIN_RECEIVER)
}

fn of(moves: Vec<MemberChange>) -> TeamChange {
    let apply: Apply = Box::new(move |document| Ok((document, moves.clone())));
    TeamChange { conditions: Conditions::default(), unique: Vec::new(), apply, alone: false }
}

fn add(members: &[&str]) -> TeamChange {
    of(vec![MemberChange::Add(refs(members))])
}

fn remove(member: &str) -> TeamChange {
    of(vec![MemberChange::Remove(vec![member.to_owned()])])
}

fn rename(name: &'static str) -> TeamChange {
    let apply: Apply = Box::new(move |mut document| {
        document.insert("displayName".to_owned(), json!(name));
        Ok((document, Vec::new()))
    });
    TeamChange { apply, ..of(Vec::new()) }
}

fn if_match(version: &str, change: TeamChange) -> TeamChange {
    TeamChange { conditions: Conditions::parse([version], []), ..change }
}

fn refs(members: &[&str]) -> Vec<MemberRef> {
    members.iter().map(|it| MemberRef { value: (*it).to_owned(), kind: None }).collect()
}

fn put(batch: &mut Batch<'_>, change: &TeamChange) -> Fit {
    batch.add(change, |_| Ok(()))
}

fn added(batch: Batch<'_>) -> Vec<String> {
    batch.wanted().map(|it| it.spec.membership.added).unwrap_or_default()
}

#[test]
fn changes_of_members_are_stored_together_in_their_order() {
    let (team, members) = (receivers(), Members::default());
    let mut batch = Batch::on(&team, &members);
    for change in [add(&["a", "b"]), remove("a"), add(&["c"]), remove("b"), add(&["a"])] {
        assert!(matches!(put(&mut batch, &change), Fit::Taken));
    }
    let wanted = batch.wanted().unwrap();
    assert_eq!(wanted.spec.membership.added, ["a", "c"]);
    assert_eq!((wanted.spec.membership.count, wanted.changes), (2, 5));
}

#[test]
fn what_is_refused_leaves_no_trace_and_the_rest_goes_on() {
    let (team, members) = (receivers(), Members::default());
    let mut batch = Batch::on(&team, &members);
    assert!(matches!(put(&mut batch, &add(&["a"])), Fit::Taken));
    let unknown = |_: &[MemberChange]| Err(ScimError::invalid_value("nobody"));
    assert!(matches!(batch.add(&add(&["b"]), unknown), Fit::Refused(StoreError::Scim(_))));
    let broken: Apply = Box::new(|_| Err(ScimError::invalid_value("broken")));
    let broken = TeamChange { apply: broken, ..add(&[]) };
    assert!(matches!(put(&mut batch, &broken), Fit::Refused(StoreError::Scim(_))));
    assert!(matches!(put(&mut batch, &add(&["c"])), Fit::Taken));
    assert_eq!(added(batch), ["a", "c"]);
}

#[test]
fn what_changes_nothing_is_not_stored() {
    let (team, members) = (receivers(), Members::default());
    let mut batch = Batch::on(&team, &members);
    for change in [remove("a"), rename("Platform"), if_match("3", remove("b"))] {
        assert!(matches!(put(&mut batch, &change), Fit::Taken));
    }
    assert!(batch.wanted().is_none());
    let mut batch = Batch::on(&team, &members);
    for change in [add(&["a"]), remove("a")] {
        assert!(matches!(put(&mut batch, &change), Fit::Taken));
    }
    assert!(batch.wanted().is_none(), "there and back");
}

#[test]
fn a_condition_is_held_against_what_is_stored_and_nothing_joins_it() {
    let (team, members) = (receivers(), Members::default());
    let mut batch = Batch::on(&team, &members);
    let other = if_match("2", add(&["a"]));
    assert!(matches!(put(&mut batch, &other), Fit::Refused(StoreError::VersionMismatch { .. })));
    assert!(matches!(put(&mut batch, &if_match("3", add(&["b"]))), Fit::Taken));
    assert!(
        matches!(put(&mut batch, &add(&["c"])), Fit::Later),
        "its version would hold more than was asked for"
    );
    assert_eq!(added(batch), ["b"]);
    let mut batch = Batch::on(&team, &members);
    assert!(matches!(put(&mut batch, &if_match("3", remove("b"))), Fit::Taken));
    assert!(matches!(put(&mut batch, &add(&["c"])), Fit::Later), "also if it changes nothing");
    let mut batch = Batch::on(&team, &members);
    assert!(matches!(put(&mut batch, &add(&["a"])), Fit::Taken));
    assert!(matches!(put(&mut batch, &if_match("3", add(&["b"]))), Fit::Later));
    assert!(
        matches!(put(&mut batch, &if_match("9", add(&["b"]))), Fit::Later),
        "perhaps 9 is what comes next"
    );
}

#[test]
fn what_changes_the_team_itself_is_stored_alone() {
    let (team, members) = (receivers(), Members::default());
    let mut batch = Batch::on(&team, &members);
    assert!(matches!(put(&mut batch, &rename("Core")), Fit::Taken));
    assert!(matches!(put(&mut batch, &add(&["a"])), Fit::Later));
    assert_eq!(batch.wanted().unwrap().spec.display_name, "Core");
    let mut batch = Batch::on(&team, &members);
    assert!(matches!(put(&mut batch, &add(&["a"])), Fit::Taken));
    assert!(matches!(put(&mut batch, &rename("Core")), Fit::Later));
    assert_eq!(batch.wanted().unwrap().spec.display_name, "Platform");
}

#[test]
fn what_was_refused_with_others_is_tried_alone() {
    let (team, members) = (receivers(), Members::default());
    let alone = |members| TeamChange { alone: true, ..add(members) };
    let mut batch = Batch::on(&team, &members);
    assert!(matches!(put(&mut batch, &alone(&["a"])), Fit::Taken));
    assert!(matches!(put(&mut batch, &alone(&["b"])), Fit::Later));
    let mut batch = Batch::on(&team, &members);
    assert!(matches!(put(&mut batch, &add(&["a"])), Fit::Taken));
    assert!(matches!(put(&mut batch, &alone(&["b"])), Fit::Later));
}

#[test]
fn a_batch_is_bounded_by_changes_and_by_members_but_takes_one_of_any_size() {
    let (team, members) = (receivers(), Members::default());
    let mut batch = Batch::on(&team, &members);
    let names: Vec<String> = (0..=MOST_CHANGES).map(|number| format!("m{number}")).collect();
    for name in &names[1..] {
        assert!(matches!(put(&mut batch, &add(&[name])), Fit::Taken));
    }
    assert!(matches!(put(&mut batch, &add(&[&names[0]])), Fit::Later));
    let many: Vec<String> = (0..=MOST_MEMBERS).map(|number| format!("m{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let mut batch = Batch::on(&team, &members);
    assert!(matches!(put(&mut batch, &add(&many)), Fit::Taken));
    assert!(matches!(put(&mut batch, &add(&["another"])), Fit::Later));
}

#[test]
fn what_people_declare_is_not_changed_and_what_is_so_already_is_no_change() {
    let (team, members) = (team("Git"), Members::default());
    let mut batch = Batch::on(&team, &members);
    for _ in 0..2 {
        assert!(matches!(put(&mut batch, &add(&["a"])), Fit::Refused(StoreError::Declared { .. })));
    }
    assert!(matches!(put(&mut batch, &remove("a")), Fit::Taken));
    assert!(batch.wanted().is_none());
}

fn any_change() -> impl Strategy<Value = MemberChange> {
    let some = || vec(0..12_u8, 0..4).prop_map(|it| it.iter().map(|it| format!("m{it}")).collect::<Vec<_>>());
    let refs = |it: Vec<String>| it.into_iter().map(|value| MemberRef { value, kind: None }).collect();
    prop_oneof![
        4 => some().prop_map(move |it| MemberChange::Add(refs(it))),
        4 => some().prop_map(MemberChange::Remove),
        1 => some().prop_map(move |it| MemberChange::ReplaceAll(refs(it))),
        1 => Just(MemberChange::Clear),
    ]
}

proptest! {
    #[test]
    fn a_batch_comes_to_what_its_changes_come_to_one_by_one(changes in vec(vec(any_change(), 0..3), 0..12)) {
        let (team, members) = (receivers(), Members::default());
        let mut batch = Batch::on(&team, &members);
        let mut expected: BTreeSet<String> = BTreeSet::new();
        for moves in changes {
            for change in &moves {
                match change {
                    MemberChange::Add(it) => expected.extend(it.iter().map(|it| it.value.clone())),
                    MemberChange::Remove(it) => it.iter().for_each(|it| { expected.remove(it); }),
                    MemberChange::ReplaceAll(it) => expected = it.iter().map(|it| it.value.clone()).collect(),
                    MemberChange::Clear => expected.clear(),
                }
            }
            prop_assert!(matches!(put(&mut batch, &of(moves)), Fit::Taken));
        }
        prop_assert_eq!(added(batch), expected.into_iter().collect::<Vec<_>>());
    }
}
