//! Which shard a member belongs to, and how many shards a team needs.

/// The most shards a Team can name; its schema says the same.
const MAX_SHARDS: usize = 4096;

/// The shard that a member belongs to among `shards`, which is a power of two.
///
/// FNV-1a, because slices are stored: this must give the same number for ever, on every machine.
pub(crate) fn shard_of(member: &str, shards: usize) -> usize {
    let hash = member.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // The high half is mixed in, because the low bits of FNV depend on few of the last bytes.
    let mixed = hash ^ (hash >> 32);
    usize::try_from(mixed & (shards.max(1) as u64 - 1)).unwrap_or(0)
}

/// How many shards of some `per_slice` members a team of `members` should have, given how many it has now: it doubles when slices get too
/// full, and shrinks only when they are nearly empty, so a team at a boundary doesn't flap.
pub(super) fn shards_for(per_slice: usize, members: i64, now: usize) -> usize {
    let wanted =
        usize::try_from(members).unwrap_or(0).div_ceil(per_slice).max(1).next_power_of_two().min(MAX_SHARDS);
    if wanted > now || wanted * 4 <= now { wanted } else { now }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_stays_in_its_shard_for_ever() {
        // These numbers are stored in people's clusters; if they change, their teams fall apart.
        assert_eq!(shard_of("0198c0de-0000-7000-8000-000000000001", 128), 68);
        assert_eq!(shard_of("0198c0de-0000-7000-8000-000000000002", 128), 49);
    }

    #[test]
    fn members_spread_evenly() {
        let mut sizes = [0_usize; 128];
        for number in 0..50_000 {
            sizes[shard_of(&format!("0198c0de-0000-7000-8000-{number:012}"), 128)] += 1;
        }
        assert!(sizes.iter().all(|size| (250..600).contains(size)), "{sizes:?}");
    }

    #[test]
    fn a_team_at_a_boundary_does_not_flap() {
        assert_eq!(shards_for(500, 500, 0), 1);
        assert_eq!(shards_for(500, 501, 1), 2);
        assert_eq!(shards_for(500, 499, 2), 2);
        assert_eq!(shards_for(500, 100, 4), 1);
        assert_eq!(shards_for(500, 50_000, 1), 128);
    }
}
