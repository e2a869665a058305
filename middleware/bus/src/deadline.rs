//! DEADLINE (DDS 1.4, 2.2.3.7): how often each instance must have a new sample, and who fell short.

use std::collections::HashMap;

use tidewire_idl::KeyHash;
use tidewire_qos::Duration;

/// Deadlines that passed without a sample (REQUESTED_ and OFFERED_DEADLINE_MISSED, DDS 1.4, 2.2.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeadlineMissed {
    /// All of them: one for each period in which an instance had no sample.
    pub total: u64,
    /// Of these, new ones since this was last read.
    pub total_change: u64,
    /// The instance that missed last; all zero on topics without a key.
    pub last: KeyHash,
}

/// When each instance is due.
pub(crate) struct Deadlines {
    period: i64,
    due: HashMap<KeyHash, i64>,
    /// The time of the last check.
    checked: i64,
    /// When a sample was last found.
    found: i64,
    missed: DeadlineMissed,
}

impl Deadlines {
    /// `None` if there is no deadline.
    pub fn new(period: Duration) -> Option<Self> {
        let period = i64::try_from(period.nanos()?).ok()?.max(1);
        Some(Self {
            period,
            due: HashMap::new(),
            checked: 0,
            found: 0,
            missed: DeadlineMissed::default(),
        })
    }

    /// A sample came at `now`; or since the last check, at its source time, and was only found now.
    pub fn renew(&mut self, key: KeyHash, source_time: i64, now: i64) {
        self.found = now;
        let came = source_time.clamp(self.checked.min(now), now);
        let due = came.saturating_add(self.period);
        let entry = self.due.entry(key).or_insert(due);
        *entry = due.max(*entry);
    }

    /// The instance has ended: nothing more is due.
    pub fn end(&mut self, key: &KeyHash) {
        self.due.remove(key);
    }

    /// Whether samples may wait that nobody has found: an instance seems late, or none was found for
    /// a while.
    pub fn is_in_doubt(&mut self, now: i64) -> bool {
        if now - self.found > self.period / 4 {
            self.found = now;
            return true;
        }
        self.due.values().any(|due| *due < now)
    }

    /// Counts what was missed; says whether anything was.
    pub fn check(&mut self, now: i64) -> bool {
        let before = self.missed.total;
        for (key, due) in self.due.iter_mut().filter(|(_, due)| **due < now) {
            let periods = (now - *due) / self.period + 1;
            *due += periods * self.period;
            self.missed.total += periods as u64;
            self.missed.last = *key;
        }
        self.checked = now;
        self.missed.total > before
    }

    pub fn missed(&self) -> DeadlineMissed {
        self.missed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_period_without_a_sample_counts_once_for_each_instance() {
        assert!(Deadlines::new(Duration::INFINITE).is_none());
        let (a, b) = (KeyHash([1; 16]), KeyHash([2; 16]));
        let mut deadlines = Deadlines::new(Duration::from_nanos(100)).unwrap();
        assert!(!deadlines.check(10_000), "nothing has begun");
        deadlines.renew(a, 10_010, 10_010);
        deadlines.renew(b, 10_050, 10_050);
        assert!(!deadlines.check(10_110));
        deadlines.renew(a, 10_110, 10_110);
        assert!(!deadlines.is_in_doubt(10_120) && deadlines.is_in_doubt(10_151));
        assert!(deadlines.is_in_doubt(10_160) && deadlines.check(10_160));
        assert_eq!(deadlines.missed(), DeadlineMissed { total: 1, last: b, ..Default::default() });
        // Found late, but written in time.
        deadlines.renew(a, 10_200, 10_300);
        assert!(deadlines.check(10_300));
        assert_eq!(deadlines.missed(), DeadlineMissed { total: 2, last: b, ..Default::default() });
        deadlines.end(&b);
        assert!(deadlines.check(10_550));
        assert_eq!(deadlines.missed(), DeadlineMissed { total: 5, last: a, ..Default::default() });
        // A source time of long ago, as of a replay, says nothing of when the sample came.
        deadlines.renew(a, 5, 10_560);
        assert!(!deadlines.check(10_640));
    }
}
