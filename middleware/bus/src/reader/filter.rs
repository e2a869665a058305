//! TIME_BASED_FILTER (DDS 1.4, 2.2.3.12): at most one sample per instance and period.

use std::collections::HashMap;

use tidewire_idl::{Guid, InstanceState, KeyHash};
use tidewire_qos::Duration;

/// Lets a sample through if its instance has been silent for the least separation.
pub(crate) struct TimeFilter {
    separation: i64,
    /// By instance; and by writer, where instances are not told apart.
    last: HashMap<(KeyHash, Guid), i64>,
}

impl TimeFilter {
    /// `None` if nothing is to be filtered.
    pub fn new(separation: Duration) -> Option<Self> {
        let separation = i64::try_from(separation.nanos().unwrap_or(u64::MAX)).unwrap_or(i64::MAX);
        (separation > 0).then(|| Self { separation, last: HashMap::new() })
    }

    /// By source time, so that the same samples pass wherever they are read. Ends of instances always
    /// pass.
    pub fn pass(&mut self, change: (InstanceState, KeyHash, Guid, i64)) -> bool {
        let (state, key, writer, source_time) = change;
        if state != InstanceState::Alive {
            return true;
        }
        let writer = if key == KeyHash::default() { writer } else { Guid::default() };
        match self.last.get_mut(&(key, writer)) {
            Some(last) if source_time.saturating_sub(*last) < self.separation => false,
            Some(last) => {
                *last = source_time;
                true
            }
            None => {
                self.last.insert((key, writer), source_time);
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sample_per_instance_and_period_passes() {
        let mut filter = TimeFilter::new(Duration::from_millis(10)).unwrap();
        let change = |ms: i64, key: u8| {
            (InstanceState::Alive, KeyHash([key; 16]), Guid::default(), ms * 1_000_000)
        };
        let passed: Vec<bool> = [(0, 1), (3, 1), (3, 2), (9, 1), (10, 1), (12, 2), (13, 2)]
            .map(|(ms, key)| filter.pass(change(ms, key)))
            .into();
        assert_eq!(passed, [true, false, true, false, true, false, true]);
        assert!(TimeFilter::new(Duration::ZERO).is_none());
    }
}
