//! What a lease allows, and when, as pure arithmetic on one process's monotonic clock at a time.
//!
//! A replica counts its own lease from *before* it sent the renewal, and stops a margin early. The others count from
//! *after* they saw that renewal, and wait a margin longer. So they give up on it only after it has stopped, whatever
//! any wall clock says; the margins are for clocks that don't run equally fast.

use std::time::Duration;

use tokio::time::Instant;

/// How long a lease lasts: whole seconds, as the Lease object says them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Term(u16);

impl Term {
    /// The shortest term that is at least as long as `duration`.
    pub(super) fn of(duration: Duration) -> Self {
        let seconds = duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0));
        Self(u16::try_from(seconds.max(1)).unwrap_or(u16::MAX))
    }

    pub(super) fn seconds(self) -> i32 {
        i32::from(self.0)
    }

    pub(super) fn renew_every(self) -> Duration {
        self.duration() / 3
    }

    /// How often other replicas' leases are looked at.
    pub(super) fn look_every(self) -> Duration {
        self.duration() / 6
    }

    fn duration(self) -> Duration {
        Duration::from_secs(u64::from(self.0))
    }

    fn margin(self) -> Duration {
        self.duration() / 6
    }
}

/// Our own lease. It lives once: when it has lapsed, there will be another one of another name.
#[derive(Clone, Copy, Debug)]
pub(super) struct OwnLease {
    term: Term,
    valid_until: Instant,
}

impl OwnLease {
    /// A lease that was asked for at `sent`, and is there.
    pub(super) fn created(term: Term, sent: Instant) -> Self {
        Self { term, valid_until: sent + term.duration() - term.margin() }
    }

    pub(super) fn is_valid(&self, now: Instant) -> bool {
        now < self.valid_until
    }

    pub(super) fn valid_until(&self) -> Instant {
        self.valid_until
    }

    /// Takes a renewal into account that was asked for at `sent` and confirmed at `answered`. One that is confirmed
    /// after the lease has lapsed comes too late: by the time it was stored the others may have given us up.
    pub(super) fn renewed(&mut self, sent: Instant, answered: Instant) {
        if self.is_valid(answered) {
            self.valid_until = self.valid_until.max(Self::created(self.term, sent).valid_until);
        }
    }
}

/// Another replica's lease, as it was last seen.
#[derive(Clone, Debug)]
pub(super) struct SeenLease {
    pub(super) version: String,
    term: Term,
    /// Since when it looks so: when the answer that first said so was here.
    since: Instant,
}

/// What a look at another replica's lease says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The replica may still answer reads.
    MayBeValid,
    /// It has stopped: it has deleted its lease.
    Left,
    /// It has stopped: it did not renew its lease in time.
    Expired,
}

impl SeenLease {
    pub(super) fn new(version: String, term: Term, answered: Instant) -> Self {
        Self { version, term, since: answered }
    }

    /// Judges by the version that was found, if any, by a question asked at `asked` and answered at `answered`.
    pub(super) fn judge(&mut self, found: Option<&str>, asked: Instant, answered: Instant) -> Verdict {
        if asked < self.since {
            // The answer may be older than what we know already.
            return Verdict::MayBeValid;
        }
        match found {
            None => Verdict::Left,
            Some(version) if version != self.version => {
                version.clone_into(&mut self.version);
                self.since = answered;
                Verdict::MayBeValid
            }
            Some(_) if asked >= self.since + self.term.duration() + self.term.margin() => Verdict::Expired,
            Some(_) => Verdict::MayBeValid,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TERM: Term = Term(6);

    fn after(start: Instant, milliseconds: u64) -> Instant {
        start + Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_term_is_never_shorter_than_asked_for() {
        assert_eq!(Term::of(Duration::from_millis(1001)), Term(2));
        assert_eq!(Term::of(Duration::ZERO), Term(1));
        assert_eq!(Term::of(Duration::MAX), Term(u16::MAX));
    }

    #[test]
    fn our_lease_counts_from_before_it_was_asked_for() {
        let start = Instant::now();
        let mut lease = OwnLease::created(TERM, start);
        assert!(lease.is_valid(after(start, 4999)));
        assert!(!lease.is_valid(after(start, 5000)));
        lease.renewed(after(start, 2000), after(start, 4000));
        assert!(lease.is_valid(after(start, 6999)));
        assert!(!lease.is_valid(after(start, 7000)));
    }

    #[test]
    fn a_renewal_that_is_confirmed_too_late_renews_nothing() {
        let start = Instant::now();
        let mut lease = OwnLease::created(TERM, start);
        lease.renewed(after(start, 4900), after(start, 5000));
        assert!(!lease.is_valid(after(start, 5000)));
    }

    #[test]
    fn renewals_that_are_confirmed_out_of_order_shorten_nothing() {
        let start = Instant::now();
        let mut lease = OwnLease::created(TERM, start);
        lease.renewed(after(start, 3000), after(start, 3100));
        lease.renewed(after(start, 2000), after(start, 3200));
        assert!(lease.is_valid(after(start, 7999)));
    }

    #[test]
    fn a_lease_that_stays_as_it_is_expires_and_one_that_changes_does_not() {
        let start = Instant::now();
        let mut seen = SeenLease::new("1".to_owned(), TERM, start);
        assert_eq!(seen.judge(Some("1"), after(start, 6999), after(start, 8000)), Verdict::MayBeValid);
        assert_eq!(seen.judge(Some("2"), after(start, 7000), after(start, 7100)), Verdict::MayBeValid);
        assert_eq!(seen.judge(Some("2"), after(start, 14_099), after(start, 14_200)), Verdict::MayBeValid);
        assert_eq!(seen.judge(Some("2"), after(start, 14_100), after(start, 14_200)), Verdict::Expired);
    }

    #[test]
    fn a_lease_that_is_gone_was_given_back() {
        let start = Instant::now();
        let mut seen = SeenLease::new("1".to_owned(), TERM, start);
        assert_eq!(seen.judge(None, after(start, 1), after(start, 2)), Verdict::Left);
    }

    #[test]
    fn an_answer_to_an_older_question_says_nothing() {
        let start = Instant::now();
        let mut seen = SeenLease::new("2".to_owned(), TERM, after(start, 10));
        assert_eq!(seen.judge(None, start, after(start, 20)), Verdict::MayBeValid);
        assert_eq!(seen.judge(Some("1"), start, after(start, 20)), Verdict::MayBeValid);
        assert_eq!(seen.version, "2");
    }

    /// What happens next, and how long the parts of it take, in milliseconds.
    #[derive(Clone, Debug)]
    enum Event {
        Renew { before: u64, request: u64, answer: u64 },
        Look { before: u64, request: u64, answer: u64 },
    }

    fn events() -> impl Strategy<Value = Vec<Event>> {
        let times = || (0_u64..4000, 0_u64..4000, 0_u64..4000);
        let renew = times().prop_map(|(before, request, answer)| Event::Renew { before, request, answer });
        let look = times().prop_map(|(before, request, answer)| Event::Look { before, request, answer });
        prop::collection::vec(prop_oneof![renew, look], 1..60)
    }

    proptest! {
        #[test]
        fn nobody_is_given_up_who_may_still_answer(events in events()) {
            // Two processes side by side; each does one thing after the other. A renewal is stored, and a look is
            // true, at the moment between its request and its answer.
            let start = Instant::now();
            let mut own = OwnLease::created(TERM, start);
            let mut seen = SeenLease::new("0".to_owned(), TERM, start);
            let (mut owner, mut other) = (start, start);
            let mut stored = vec![start];
            let mut looks = Vec::new();
            for event in &events {
                let (clock, before, request, answer) = match event {
                    Event::Renew { before, request, answer } => (&mut owner, before, request, answer),
                    Event::Look { before, request, answer } => (&mut other, before, request, answer),
                };
                let asked = after(*clock, *before);
                let done = after(asked, *request);
                *clock = after(done, *answer);
                match event {
                    Event::Renew { .. } => {
                        stored.push(done);
                        own.renewed(asked, *clock);
                    }
                    Event::Look { .. } => looks.push((asked, done, *clock)),
                }
            }
            for (asked, done, answered) in looks {
                let version = stored.iter().filter(|at| **at <= done).count() - 1;
                if seen.judge(Some(&version.to_string()), asked, answered) == Verdict::Expired {
                    prop_assert!(!own.is_valid(answered));
                    break;
                }
            }
        }
    }
}
