//! What one writer can do from a state, while all the others stand still for ever. It is run from every state that is
//! reached, so that no state is a dead end.

use super::{
    server::{Change, Object, Server},
    writer::{Turn, Writer},
    wrong::Wrong,
};
use crate::check::Known;

static KNOWN: Known<Server, bool> = Known::nothing();

/// Nobody is stuck: every change can be made, and what nobody names can be swept.
pub fn is_no_dead_end(server: &Server) -> bool {
    KNOWN.or_find_out(server, |it| every_change_can_be_made(it) && sweeping_leaves_what_is_named(it))
}

/// Slices are numbered from here on: higher than those of other writers.
const NEXT_SLICE: u8 = 200;

/// More calls than any operation makes that nobody disturbs.
const ENOUGH: usize = 30;

/// If there is a team, its members can be changed.
fn every_change_can_be_made(stored: &Server) -> bool {
    let Object::Team(team) = &stored.object else { return true };
    [Change::Replace(0), Change::Replace(0b111), Change::Remove(1)].into_iter().all(|change| {
        let (mut server, mut next_slice) = (stored.clone(), NEXT_SLICE);
        let Some(before) = server.members() else { return false };
        let load = Writer::Load { change, team: team.clone(), was_so: true };
        run(&mut server, load.load(stored, &mut next_slice, Wrong::Nothing))
            && server.members() == Some(change.apply(before))
    })
}

/// After all slices are swept there are those that the team names, and no others.
fn sweeping_leaves_what_is_named(server: &Server) -> bool {
    let mut swept = server.clone();
    let all: Vec<u8> = server.slices.keys().copied().collect();
    for slice in all {
        if !run(&mut swept, Writer::sweep(slice)) && !swept.named().contains(&slice) {
            return false;
        }
    }
    let mut named = server.named();
    named.sort_unstable();
    swept.slices.keys().copied().eq(named) && swept.members() == server.members()
}

/// Runs an operation to its end; whether it has done what it was to do.
fn run(server: &mut Server, mut writer: Writer) -> bool {
    for _ in 0..ENOUGH {
        match writer.turn() {
            Turn::Call(call, _) => {
                let answer = server.call(&call, Wrong::Nothing);
                writer = writer.told(answer, Wrong::Nothing);
            }
            Turn::End { stored, swapped } => return stored || swapped,
        }
    }
    false
}
