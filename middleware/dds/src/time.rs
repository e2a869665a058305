//! Between ns since the Unix epoch and RTPS time, which counts in 2^-32 s (RTPS 2.5, 9.3.2.1).

use rustdds::Timestamp;

const NANOS: u128 = 1_000_000_000;

/// RTPS time ends in 2106 and begins in 1970: what lies outside is clamped.
pub(crate) fn to_rtps(nanos: i64) -> Timestamp {
    let nanos = u128::try_from(nanos).unwrap_or(0);
    // Rounded up, so that rounding down on the way back gives the same nanosecond.
    let ticks = ((nanos << 32).div_ceil(NANOS)).min(u128::from(u64::MAX - 2));
    Timestamp::from_ticks(ticks as u64)
}

/// ns since the Unix epoch.
pub(crate) fn from_rtps(time: Timestamp) -> i64 {
    ((u128::from(time.to_ticks()) * NANOS) >> 32) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_nanosecond_survives_the_way_through_rtps() {
        for nanos in (0..5_000).map(|i| 1_795_000_000_123_456_789 + i * 7_919) {
            assert_eq!(from_rtps(to_rtps(nanos)), nanos);
        }
        assert_eq!(from_rtps(to_rtps(0)), 0);
        assert_eq!(from_rtps(to_rtps(-5)), 0);
    }
}
