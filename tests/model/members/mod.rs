//! Members of a team: changes, folds into slices, resharding and sweeps at the same time.

mod alone;
mod model;
mod server;
mod writer;
mod wrong;

use self::{model::Teams, server::Change, wrong::Wrong};
use super::check;

const MEMBERS: &str = "the members are those of the committed changes";
const ACKNOWLEDGED: &str = "what was acknowledged has happened";

/// A team of two in two shards, in which members come and go.
const TWO: Teams = Teams {
    writers: 2,
    operations: 3,
    lost: 1,
    members: Some(0b011),
    changes: &[Change::Add(0b100), Change::Remove(0b001), Change::Replace(0b101)],
    wrong: Wrong::Nothing,
};

#[test]
fn members_are_what_was_committed_whatever_two_writers_and_lost_answers_do() {
    check::holds("members, two writers", Teams { operations: 4, ..TWO });
}

#[test]
fn members_are_what_was_committed_whatever_three_writers_do() {
    check::holds("members, three writers", Teams { writers: 3, ..TWO });
}

/// A team that does not exist yet, and of whose slices a sweeper hears.
const NEW: Teams = Teams { members: None, changes: &[Change::Replace(0b111), Change::Remove(0b001)], ..TWO };

#[test]
fn a_team_is_made_with_all_its_members_or_not_at_all() {
    check::holds("members, a new team", NEW);
}

/// No answers are lost: what is wrong here goes wrong without.
const CALM: Teams = Teams { lost: 0, ..TWO };

#[test]
fn a_team_written_in_any_version_is_found_out() {
    check::fails(Teams { wrong: Wrong::TeamWithoutVersion, ..CALM }, MEMBERS);
}

#[test]
fn a_team_swapped_before_its_slices_are_written_is_found_out() {
    check::fails(Teams { wrong: Wrong::TeamBeforeSlices, ..CALM }, MEMBERS);
}

#[test]
fn old_slices_that_go_before_the_swap_are_found_out() {
    check::fails(Teams { wrong: Wrong::OldSlicesGoFirst, ..CALM }, MEMBERS);
}

#[test]
fn slices_that_change_are_found_out() {
    check::fails(Teams { wrong: Wrong::SlicesChange, ..CALM }, MEMBERS);
}

#[test]
fn a_lost_swap_that_counts_as_refused_is_found_out() {
    check::fails(Teams { wrong: Wrong::LostMeansRefused, ..TWO }, MEMBERS);
}

#[test]
fn a_sweep_without_a_write_to_the_team_is_found_out() {
    check::fails(Teams { wrong: Wrong::TeamsAreNotTouched, ..CALM }, MEMBERS);
}

#[test]
fn a_sweep_without_a_placeholder_is_found_out() {
    check::fails(Teams { wrong: Wrong::NoPlaceholder, ..NEW }, MEMBERS);
}

#[test]
fn a_change_acknowledged_before_all_replicas_know_of_it_is_found_out() {
    check::fails(Teams { wrong: Wrong::OthersAreNotWaitedFor, ..CALM }, ACKNOWLEDGED);
}
