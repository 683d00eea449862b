//! Whether this replica may answer: the one place that says so.

use std::sync::{PoisonError, RwLock};

use tokio::time::Instant;

use super::{lease::OwnLease, leases::LeaseName};

/// How this replica stands among the others.
#[derive(Debug)]
pub(super) struct Standing(RwLock<State>);

#[derive(Debug)]
enum State {
    /// It holds no lease, and why.
    Outside { why: String },
    /// It holds a lease, and makes itself known to the others. It has not begun to read.
    Joining { name: LeaseName, lease: OwnLease },
    /// It is told of every write, and may answer while its lease is valid.
    Inside { name: LeaseName, lease: OwnLease },
}

/// What this replica is to another that addresses it by the name of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It has not begun to read, so whatever is stored by now it will find.
    Joining,
    /// It may answer reads.
    Inside,
    /// That lease is over, and it will never answer under it again.
    Over,
}

impl Default for Standing {
    fn default() -> Self {
        Self(RwLock::new(State::Outside { why: "not asked for yet".to_owned() }))
    }
}

impl Standing {
    /// Why this replica may not answer; none if it may.
    pub(super) fn why_not(&self, now: Instant) -> Option<String> {
        match &*self.read() {
            State::Outside { why } => Some(why.clone()),
            State::Joining { .. } => Some("not all other replicas have answered yet".to_owned()),
            State::Inside { lease, .. } if lease.is_valid(now) => None,
            State::Inside { .. } => Some("it could not be renewed in time".to_owned()),
        }
    }

    /// The lease under which this replica may answer; none if it may not.
    pub(super) fn lease(&self, now: Instant) -> Option<LeaseName> {
        match &*self.read() {
            State::Inside { name, lease } if lease.is_valid(now) => Some(name.clone()),
            State::Outside { .. } | State::Joining { .. } | State::Inside { .. } => None,
        }
    }

    pub(super) fn role(&self, name: &str, now: Instant) -> Role {
        match &*self.read() {
            State::Joining { name: ours, lease } if ours.as_ref() == name && lease.is_valid(now) => {
                Role::Joining
            }
            State::Inside { name: ours, lease } if ours.as_ref() == name && lease.is_valid(now) => {
                Role::Inside
            }
            State::Outside { .. } | State::Joining { .. } | State::Inside { .. } => Role::Over,
        }
    }

    /// Until when our lease is valid; none if there is none.
    pub(super) fn valid_until(&self) -> Option<Instant> {
        match &*self.read() {
            State::Outside { .. } => None,
            State::Joining { lease, .. } | State::Inside { lease, .. } => Some(lease.valid_until()),
        }
    }

    pub(super) fn join(&self, name: LeaseName, lease: OwnLease) {
        *self.write() = State::Joining { name, lease };
    }

    pub(super) fn enter(&self) {
        let mut state = self.write();
        if let State::Joining { name, lease } = &*state {
            *state = State::Inside { name: name.clone(), lease: *lease };
        }
    }

    pub(super) fn renewed(&self, sent: Instant, answered: Instant) {
        match &mut *self.write() {
            State::Outside { .. } => {}
            State::Joining { lease, .. } | State::Inside { lease, .. } => lease.renewed(sent, answered),
        }
    }

    pub(super) fn leave(&self, why: String) {
        *self.write() = State::Outside { why };
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, State> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, State> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{super::lease::Term, *};

    fn lease() -> OwnLease {
        OwnLease::created(Term::of(Duration::from_secs(6)), Instant::now())
    }

    #[tokio::test(start_paused = true)]
    async fn it_may_answer_from_its_entry_until_its_lease_lapses() {
        let standing = Standing::default();
        assert_eq!(standing.lease(Instant::now()), None);
        standing.join("one".into(), lease());
        assert_eq!(standing.lease(Instant::now()), None);
        standing.enter();
        assert!(standing.lease(Instant::now()).is_some());
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(standing.lease(Instant::now()), None);
        assert!(standing.why_not(Instant::now()).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_lapsed_lease_is_over_for_ever() {
        let standing = Standing::default();
        standing.join("one".into(), lease());
        standing.enter();
        assert_eq!(standing.role("one", Instant::now()), Role::Inside);
        assert_eq!(standing.role("another", Instant::now()), Role::Over);
        let sent = Instant::now();
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(standing.role("one", Instant::now()), Role::Over);
        standing.renewed(sent, Instant::now());
        assert_eq!(standing.role("one", Instant::now()), Role::Over);
    }
}
