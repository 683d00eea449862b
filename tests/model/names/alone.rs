//! What one writer can do from a state, while all the others stand still for ever. It is run from every state that is
//! reached, so that no state is a dead end.

use rollcall::store::claims::protocol::Outcome;

use super::{
    model::{is_owned, is_unique},
    server::{IDS, NAMES, Server, only, text},
    writer::Writer,
    wrong::Wrong,
};
use crate::check::Known;

static KNOWN: Known<Server, bool> = Known::nothing();

/// Nobody is stuck: every unused name can be had, and what is not used can be swept.
pub fn is_no_dead_end(server: &Server) -> bool {
    KNOWN.or_find_out(server, |it| unused_names_can_be_had(it) && sweeping_leaves_what_is_used(it))
}

/// More calls than any operation makes that nobody disturbs.
const ENOUGH: usize = 12;

/// A new user can have every name that nobody uses, and no other.
fn unused_names_can_be_had(server: &Server) -> bool {
    // The last id is used by nobody else.
    let new_id = IDS as u8 - 1;
    (0..NAMES as u8).all(|name| {
        let mut server = server.clone();
        let is_used = server.used().any(|(_, used)| used == name);
        let outcome = run(&mut server, Writer::create(new_id, only(name)));
        let expected = if is_used { Outcome::Taken(text(name)) } else { Outcome::Stored };
        outcome == Some(expected) && is_unique(&server) && is_owned(&server)
    })
}

/// After all claims are swept there are those that are used, and no others.
fn sweeping_leaves_what_is_used(server: &Server) -> bool {
    let mut swept = server.clone();
    for claim in 0..NAMES as u8 {
        if let Some(sweep) = Writer::sweep(&swept, claim)
            && run(&mut swept, sweep).is_none()
        {
            return false;
        }
    }
    let claims = swept.claims.iter().flatten().count();
    claims == server.used().count() && swept.live().eq(server.live()) && is_owned(&swept)
}

fn run(server: &mut Server, mut writer: Writer) -> Option<Outcome> {
    (0..ENOUGH).find_map(|_| writer.step(server, false, Wrong::Nothing))
}
