//! Whether a Lease may be taken over, judged by what was seen of it and when, and by no other machine's clock.

use std::time::Duration;

use k8s_openapi::{api::coordination::v1::Lease, apimachinery::pkg::apis::meta::v1::MicroTime};
use tokio::time::Instant;

use super::leader::holder;

/// What was seen of a Lease, and since when it looks so.
#[derive(Debug, Default)]
pub(super) struct ObservedLease(Option<(Record, Instant)>);

/// Whether somebody holds the Lease.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Somebody does, as far as we know.
    Held,
    /// Nobody does, or not any more.
    Free,
}

#[derive(Clone, Debug, PartialEq)]
struct Record {
    holder: Option<String>,
    renewed: Option<MicroTime>,
    transitions: Option<i32>,
}

impl ObservedLease {
    /// Takes note of the Lease as it is at `now`. It is free if nobody holds it, or if its holder has not renewed
    /// it for its whole term while we watched.
    pub(super) fn observe(&mut self, lease: &Lease, now: Instant, default_term: Duration) -> Verdict {
        if holder(lease).is_none() {
            return Verdict::Free;
        }
        let record = record(lease);
        match &self.0 {
            Some((seen, since)) if *seen == record && now - *since >= term(lease, default_term) => {
                Verdict::Free
            }
            Some((seen, _)) if *seen == record => Verdict::Held,
            Some(_) | None => {
                self.0 = Some((record, now));
                Verdict::Held
            }
        }
    }
}

fn record(lease: &Lease) -> Record {
    let spec = lease.spec.clone().unwrap_or_default();
    Record { holder: spec.holder_identity, renewed: spec.renew_time, transitions: spec.lease_transitions }
}

/// The term that the holder itself goes by.
fn term(lease: &Lease, default: Duration) -> Duration {
    let seconds = lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds);
    let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
    seconds.filter(|seconds| *seconds > 0).map_or(default, Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::{api::coordination::v1::LeaseSpec, jiff::Timestamp};

    use super::*;

    const TERM: Duration = Duration::from_secs(6);

    fn lease(holder: &str, renewed_second: i64) -> Lease {
        let spec = LeaseSpec {
            holder_identity: Some(holder.into()),
            lease_duration_seconds: Some(6),
            renew_time: Some(MicroTime(Timestamp::from_second(renewed_second).unwrap())),
            ..LeaseSpec::default()
        };
        Lease { spec: Some(spec), ..Lease::default() }
    }

    #[test]
    fn a_lease_without_a_holder_is_free() {
        let mut seen = ObservedLease::default();
        assert_eq!(seen.observe(&lease("", 0), Instant::now(), TERM), Verdict::Free);
        assert_eq!(seen.observe(&Lease::default(), Instant::now(), TERM), Verdict::Free);
    }

    #[test]
    fn a_renew_time_long_past_by_our_clock_says_nothing_at_first_sight() {
        let mut seen = ObservedLease::default();
        assert_eq!(seen.observe(&lease("a", 0), Instant::now(), TERM), Verdict::Held);
    }

    #[test]
    fn a_lease_seen_unchanged_for_its_term_is_free() {
        let (mut seen, start) = (ObservedLease::default(), Instant::now());
        seen.observe(&lease("a", 0), start, TERM);
        assert_eq!(
            seen.observe(&lease("a", 0), start + TERM - Duration::from_millis(1), TERM),
            Verdict::Held
        );
        assert_eq!(seen.observe(&lease("a", 0), start + TERM, TERM), Verdict::Free);
    }

    #[test]
    fn a_renewal_starts_the_term_again() {
        let (mut seen, start) = (ObservedLease::default(), Instant::now());
        seen.observe(&lease("a", 0), start, TERM);
        // A clock that runs backwards is a change like any other.
        assert_eq!(seen.observe(&lease("a", -9), start + TERM, TERM), Verdict::Held);
        assert_eq!(seen.observe(&lease("a", -9), start + TERM + TERM, TERM), Verdict::Free);
    }

    #[test]
    fn the_holders_own_term_counts() {
        let (mut seen, start) = (ObservedLease::default(), Instant::now());
        seen.observe(&lease("a", 0), start, Duration::from_secs(1));
        let later = start + Duration::from_secs(2);
        assert_eq!(seen.observe(&lease("a", 0), later, Duration::from_secs(1)), Verdict::Held);
    }
}
