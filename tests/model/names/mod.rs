//! Unique names: creates, renames, deletes, take-overs and sweeps at the same time.

mod alone;
mod model;
mod server;
mod writer;
mod wrong;

use self::{model::Names, wrong::Wrong};
use super::check;

/// Two writers with three operations on two users: names are swapped, given up and taken again. Any one of all their calls
/// may go unanswered.
const TWO: Names = Names { writers: 2, operations: 3, lost: 1, users: 2, most: 1, wrong: Wrong::Nothing };

#[test]
fn names_are_unique_whatever_two_writers_and_lost_answers_do() {
    check::holds("names, two writers", TWO);
}

#[test]
fn names_are_unique_whatever_three_writers_do() {
    check::holds("names, three writers", Names { writers: 3, lost: 0, users: 1, ..TWO });
}

/// As with several unique attributes: a write gets and loses several claims, or gets one and not the other.
#[test]
fn names_are_unique_where_users_have_several() {
    check::holds("names, two to a user", Names { most: 2, lost: 0, ..TWO });
}

/// Each protocol that is nearly right ends with two users of one name.
fn is_found_out(wrong: Wrong, world: Names) {
    check::fails(Names { wrong, ..world }, "no two users have one name");
}

/// No answers are lost: what is wrong here goes wrong without.
const CALM: Names = Names { lost: 0, ..TWO };

#[test]
fn a_take_over_without_a_placeholder_is_found_out() {
    is_found_out(Wrong::NoPlaceholder, Names { operations: 2, users: 0, ..CALM });
}

#[test]
fn a_take_over_from_a_renamer_who_can_go_on_is_found_out() {
    is_found_out(Wrong::HoldersAreNotTouched, Names { operations: 2, users: 1, ..CALM });
}

#[test]
fn a_claim_written_in_any_version_is_found_out() {
    is_found_out(Wrong::ClaimsWithoutVersion, Names { writers: 3, users: 1, ..CALM });
}

#[test]
fn an_object_written_in_any_version_is_found_out() {
    is_found_out(Wrong::ObjectsWithoutVersion, Names { users: 1, ..CALM });
}

#[test]
fn a_held_claim_that_is_not_written_again_is_found_out() {
    is_found_out(Wrong::HeldClaimIsNotWritten, Names { users: 1, ..CALM });
}

#[test]
fn a_claim_that_goes_before_its_object_is_found_out() {
    is_found_out(Wrong::ClaimGoesBeforeItsObject, Names { operations: 2, users: 1, ..CALM });
}

#[test]
fn an_old_claim_that_is_read_after_the_swap_is_found_out() {
    is_found_out(Wrong::OldClaimIsReadAfterTheSwap, Names { users: 1, ..CALM });
}

#[test]
fn a_lost_write_that_counts_as_refused_is_found_out() {
    is_found_out(Wrong::LostMeansRefused, Names { operations: 2, users: 0, ..TWO });
}
