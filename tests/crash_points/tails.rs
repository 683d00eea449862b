//! What an identity provider does to a group whose tail gets too long, by one PATCH or by several: it becomes a slice of
//! recent changes, that is folded into the shards when it gets too long itself, and a small group gets its first slice.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use rollcall::api::{Membership, Team};
use serde_json::json;

use crate::{
    lane::Site,
    large_groups::{Group, change, farewell, new_group, set, until_slices},
    scim::refs,
    sweep::Operation,
};

/// One more than a tail may have.
const TAIL: usize = 33;

/// So many are in two shards, which is the fewest that recent changes are kept beside.
pub const PEOPLE: usize = 2_100;

/// So many come by one PATCH: more than fit into a tail.
const BLOCK: usize = TAIL + 7;

/// Enough for a small group that grows.
pub const FEW: usize = BLOCK;

/// The kinds of writes that a change of members consists of.
const NEW: &str = "POST membershipslices";
const SWAP: &str = "PUT teams";
const DROP: &str = "DELETE membershipslices";

/// What becomes of a group, change by change.
pub trait Story {
    const NAME: &'static str;

    /// How many of the changes are made before any write is cut.
    const PREPARED: usize;

    /// What all others write, if nothing is cut.
    const WRITES: &'static [&'static str];

    /// Who is in the group at first, and after each change.
    fn states(&self) -> Vec<Vec<String>>;

    /// What the Team says after the last change, if the group went the way that this is about.
    fn is_as_told(membership: &Membership) -> bool;
}

/// A group, and how many changes were acknowledged.
pub struct Changing {
    number: usize,
    group: Group,
    states: Vec<Vec<String>>,
    done: AtomicUsize,
}

/// A tail becomes what is recent; then another one and that become what is recent, in which somebody who had gone is a
/// member again.
pub struct Overflow(pub Arc<[String]>);

impl Story for Overflow {
    const NAME: &'static str = "let the tail of a group become recent changes, twice";
    const PREPARED: usize = 0;
    const WRITES: &'static [&'static str] = &[NEW, SWAP, NEW, SWAP, DROP];

    fn states(&self) -> Vec<Vec<String>> {
        let (people, newcomers) = self.0.split_at(self.0.len() - 10);
        let back = &people[..TAIL - 10];
        let second = [back, &people[2 * TAIL..], newcomers].concat();
        vec![people.to_vec(), people[TAIL..].to_vec(), second]
    }

    fn is_as_told(membership: &Membership) -> bool {
        has_recent_changes(membership)
    }
}

/// The usual write of a large group: so many members join by one PATCH that they become what is recent.
pub struct Join(pub Arc<[String]>);

impl Story for Join {
    const NAME: &'static str = "let a block of members join a large group";
    const PREPARED: usize = 0;
    const WRITES: &'static [&'static str] = &[NEW, SWAP];

    fn states(&self) -> Vec<Vec<String>> {
        vec![self.0[BLOCK..].to_vec(), self.0.to_vec()]
    }

    fn is_as_told(membership: &Membership) -> bool {
        has_recent_changes(membership)
    }
}

/// The next such PATCH: they join those who are recent already.
pub struct JoinAgain(pub Arc<[String]>);

impl Story for JoinAgain {
    const NAME: &'static str = "let another block of members join a large group";
    const PREPARED: usize = 1;
    const WRITES: &'static [&'static str] = &[NEW, SWAP, DROP];

    fn states(&self) -> Vec<Vec<String>> {
        vec![self.0[2 * BLOCK..].to_vec(), self.0[BLOCK..].to_vec(), self.0.to_vec()]
    }

    fn is_as_told(membership: &Membership) -> bool {
        has_recent_changes(membership)
    }
}

/// What is recent and what changes now are together too many to be recent, so that both shards are written anew.
pub struct Fold(pub Arc<[String]>);

impl Story for Fold {
    const NAME: &'static str = "fold the recent changes of a group";
    const PREPARED: usize = 1;
    const WRITES: &'static [&'static str] = &[NEW, NEW, SWAP, DROP, DROP, DROP];

    fn states(&self) -> Vec<Vec<String>> {
        vec![self.0.to_vec(), self.0[TAIL..].to_vec(), self.0[2_005..].to_vec()]
    }

    fn is_as_told(membership: &Membership) -> bool {
        let Membership { count: _, added, removed, recent, slices } = membership;
        recent.is_empty() && added.is_empty() && removed.is_empty() && slices.len() == 2
    }
}

/// A small group gets more members than fit into a tail, and loses nearly all of them.
pub struct Cross(pub Arc<[String]>);

impl Story for Cross {
    const NAME: &'static str = "let a small group grow over its tail, and back";
    const PREPARED: usize = 0;
    const WRITES: &'static [&'static str] = &[NEW, SWAP, NEW, SWAP, DROP];

    fn states(&self) -> Vec<Vec<String>> {
        let some = &self.0[..FEW];
        vec![some[..TAIL - 1].to_vec(), some.to_vec(), some[TAIL + 4..].to_vec()]
    }

    fn is_as_told(membership: &Membership) -> bool {
        let Membership { count: _, added, removed, recent, slices } = membership;
        recent.is_empty() && added.is_empty() && removed.is_empty() && slices.len() == 1
    }
}

/// What has changed is recent, all of it, beside both shards.
fn has_recent_changes(membership: &Membership) -> bool {
    let Membership { count: _, added, removed, recent, slices } = membership;
    !recent.is_empty() && added.is_empty() && removed.is_empty() && slices.len() == 2
}

/// A story, cut at each write.
pub struct Told<S>(pub S);

impl<S: Story> Operation for Told<S> {
    type Subject = Changing;
    const NAME: &'static str = S::NAME;

    async fn prepare(&self, site: &Site, number: usize) -> Changing {
        let states = self.0.states();
        let group = new_group(site, format!("{} {number}", S::NAME), &states[0]).await;
        let changing = Changing { number, group, states, done: AtomicUsize::new(0) };
        for _ in 0..S::PREPARED {
            changing.change(site).await;
        }
        let team: Team = site.api().get(&changing.group.id).await.unwrap();
        assert_eq!(team.spec.membership.recent.is_empty(), S::PREPARED == 0);
        changing
    }

    async fn act(&self, site: &Site, changing: &Changing) {
        while changing.done() + 1 < changing.states.len() {
            changing.change(site).await;
        }
    }

    async fn look(&self, site: &Site, changing: &Changing) {
        let members = site.members(&changing.group.id).await;
        let may_be = changing.states.iter().skip(changing.done()).take(2);
        let is_one = may_be.map(|it| set(it)).any(|it| it == members);
        assert!(is_one, "{} members after {} changes", members.len(), changing.done());
    }

    async fn settle(&self, site: &Site, changing: &Changing) {
        let team: Team = site.api().get(&changing.group.id).await.unwrap();
        let membership = &team.spec.membership;
        assert!(S::is_as_told(membership), "{membership:?}");
        until_slices(site, &changing.group, membership.slice_names().count()).await;
        if !site.proxy.has_cut() {
            let writes = site.proxy.writes();
            assert_eq!(writes.iter().filter_map(|it| kind(it)).collect::<Vec<_>>(), S::WRITES);
        }
    }

    async fn check(&self, site: &Site, changing: &Changing) {
        assert_eq!(site.members(&changing.group.id).await, changing.expected());
        // Every other one stays, so that the sweep meets slices of groups that are there, too.
        if changing.number.is_multiple_of(2) {
            farewell(site, &changing.group, changing.states.last().unwrap().last().unwrap()).await;
        }
    }
}

impl Changing {
    fn done(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }

    /// The members that were acknowledged last.
    fn expected(&self) -> BTreeSet<String> {
        set(&self.states[self.done()])
    }

    /// Makes the next change.
    async fn change(&self, site: &Site) {
        let (before, after) = (&self.states[self.done()], &self.states[self.done() + 1]);
        let less = |these: &[String], those: &[String]| {
            let those = set(those);
            these.iter().filter(|it| !those.contains(*it)).cloned().collect::<Vec<_>>()
        };
        let operations = [("remove", less(before, after)), ("add", less(after, before))];
        let operations = operations.into_iter().filter(|(_, members)| !members.is_empty());
        let operations = operations
            .map(|(op, members)| json!({"op": op, "path": "members", "value": refs(&members)}))
            .collect();
        change(site, &self.group, &operations).await;
        self.done.fetch_add(1, Ordering::Relaxed);
        assert_eq!(site.members(&self.group.id).await, self.expected(), "what was acknowledged is there");
    }
}

/// `PUT teams`, of `PUT namespace/teams/name`. `None` for a write that has nothing to do with members: what the tenant's
/// status says is written now and then.
fn kind(write: &str) -> Option<String> {
    let (method, path) = write.split_once(' ')?;
    let [_, plural @ ("teams" | "membershipslices"), _] = path.split('/').collect::<Vec<_>>()[..] else {
        return None;
    };
    Some(format!("{method} {plural}"))
}
