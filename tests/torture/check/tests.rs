//! Histories that are right, and histories that are wrong in the ways that matter.

use std::time::Duration;

use super::{Event, NamesOp, Ownership, Register, RegisterOp, explain, is_explained};

/// Who did it on which replica, from when to when.
fn event<Op>(replica: usize, began: u64, ended: Option<u64>, op: Op) -> Event<Op> {
    let at = Duration::from_millis;
    Event { client: replica, replica, began: at(began), ended: ended.map(at), op }
}

fn create(began: u64, value: &str) -> Event<RegisterOp> {
    event(0, began, Some(began + 1), RegisterOp::Create(value.to_owned()))
}

fn write(began: u64, ended: impl Into<Option<u64>>, value: &str) -> Event<RegisterOp> {
    event(0, began, ended.into(), RegisterOp::Write(value.to_owned()))
}

fn read(replica: usize, began: u64, value: &str) -> Event<RegisterOp> {
    event(replica, began, Some(began + 1), RegisterOp::Read(Some(value.to_owned())))
}

fn named(began: u64, ended: u64, who: &str, name: &str) -> Event<NamesOp> {
    let (who, name) = (who.to_owned(), name.to_owned());
    event(0, began, Some(ended), NamesOp::Create { who, name })
}

#[track_caller]
fn right(events: &[Event<RegisterOp>]) {
    assert_eq!(explain::<Register>(events), None);
}

#[track_caller]
fn wrong(events: &[Event<RegisterOp>], lines: usize) {
    let explained = explain::<Register>(events).expect("a history that can't be explained");
    assert_eq!(explained.lines().count(), lines, "{explained}");
}

#[test]
fn a_write_that_is_under_way_may_be_seen_or_not() {
    right(&[create(0, "a"), write(10, 20, "b"), read(1, 12, "a"), read(1, 15, "b"), read(2, 21, "b")]);
    right(&[create(0, "a"), write(10, 20, "b"), read(1, 12, "b")]);
}

#[test]
fn a_write_under_way_may_be_seen_on_one_replica_and_not_yet_on_another() {
    right(&[create(0, "a"), write(10, 20, "b"), read(1, 12, "b"), read(2, 14, "a")]);
}

#[test]
fn one_replica_does_not_go_back() {
    wrong(&[create(0, "a"), write(10, 20, "b"), read(1, 12, "b"), read(1, 14, "a")], 4);
}

#[test]
fn a_stale_read_is_found() {
    let needless = [read(1, 3, "a"), read(2, 4, "a"), read(1, 22, "b")];
    let stale = [create(0, "a"), write(10, 20, "b"), read(2, 21, "a")];
    wrong(&[&needless[..], &stale].concat(), 3);
}

#[test]
fn a_lost_write_is_found() {
    wrong(&[create(0, "a"), write(10, 20, "b"), write(30, 40, "c"), read(1, 50, "b")], 4);
}

#[test]
fn a_value_from_nowhere_is_found() {
    wrong(&[create(0, "a"), read(1, 10, "b")], 2);
}

#[test]
fn a_value_from_the_future_is_found() {
    wrong(&[create(0, "a"), read(1, 10, "b"), write(20, 30, "b")], 2);
}

#[test]
fn who_came_back_after_being_deleted_is_found() {
    let delete = event(0, 10, Some(20), RegisterOp::Delete);
    right(&[create(0, "a"), delete.clone(), event(1, 30, Some(31), RegisterOp::Read(None))]);
    wrong(&[create(0, "a"), delete, read(1, 30, "a")], 3);
}

#[test]
fn who_is_not_found_by_a_name_that_is_theirs_is_missed() {
    let other = |began, name: &str| event(1, began, Some(began + 1), RegisterOp::ReadOther(name.to_owned()));
    right(&[create(0, "a"), write(10, 20, "b"), other(12, "a"), other(25, "a")]);
    wrong(&[create(0, "a"), write(10, 20, "b"), other(25, "b")], 3);
}

#[test]
fn a_write_without_an_answer_may_happen_late_or_never() {
    right(&[create(0, "a"), write(10, None, "b"), read(1, 50, "a"), read(2, 60, "b"), read(2, 70, "b")]);
    right(&[create(0, "a"), write(10, None, "b"), write(20, 30, "c"), read(1, 50, "c"), read(2, 60, "b")]);
    right(&[create(0, "a"), write(10, None, "b"), write(20, 30, "c"), read(1, 50, "c")]);
    wrong(&[create(0, "a"), write(10, None, "b"), read(1, 50, "b"), read(1, 60, "a")], 4);
}

#[test]
fn a_member_who_was_added_is_there_until_removed() {
    let added = [create(0, "out"), write(10, 20, "in")];
    wrong(&[&added[..], &[read(1, 30, "out")]].concat(), 3);
    wrong(&[&added[..], &[write(30, 40, "out"), read(1, 50, "in")]].concat(), 4);
}

#[test]
fn twin_owners_of_a_name_are_found() {
    let twins = [named(0, 10, "ada", "a"), named(5, 20, "grace", "a")];
    let explained = explain::<Ownership>(&twins).unwrap();
    assert_eq!(explained.lines().count(), 2, "{explained}");
}

#[test]
fn a_name_passes_on_when_it_is_given_up() {
    let who = "ada".to_owned();
    let renamed = event(0, 15, Some(30), NamesOp::Rename { who, name: "b".to_owned() });
    let history = [named(0, 10, "ada", "a"), renamed, named(16, 20, "grace", "a")];
    assert!(is_explained::<Ownership>(&history));
    let refused = NamesOp::Taken { who: "mary".to_owned(), name: "c".to_owned() };
    let refused = event(0, 40, Some(50), refused);
    assert!(!is_explained::<Ownership>(&[&history[..], &[refused]].concat()), "nobody has that name");
}

#[test]
fn long_histories_are_checked_in_no_time() {
    let mut events = vec![create(0, "0")];
    for number in 1..2_000_u64 {
        // Three at a time, of which one is never answered.
        let ended = (number % 50 != 0).then_some(number * 10 + 25);
        events.push(write(number * 10, ended, &number.to_string()));
    }
    let order: Vec<u64> = (1..2_000).filter(|number| number % 50 != 0).collect();
    events.extend(order.iter().map(|number| read(1, number * 10 + 24, &number.to_string())));
    right(&events);
}
