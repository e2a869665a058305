//! Which processors a side of a benchmark keeps to.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// One half of the processors this process may use, for both contenders alike: where the scheduler happens
/// to put the threads of two processes on few processors decides more than what they do, and for a whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Near,
    Far,
}

/// Until it is dropped the calling thread, and the threads and processes it starts, keep to their half.
pub struct Kept(Option<CpuSet>);

impl Side {
    /// Nothing changes where there is one processor alone, or the system does not tell.
    pub fn keep(self) -> Kept {
        let Ok(all) = sched_getaffinity(None) else { return Kept(None) };
        let half = self.half(&all);
        let kept = half.count() > 0 && sched_setaffinity(None, &half).is_ok();
        Kept(kept.then_some(all))
    }

    /// Near has the lower half, as the system numbers them, and the odd one.
    fn half(self, all: &CpuSet) -> CpuSet {
        let cpus: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|cpu| all.is_set(*cpu)).collect();
        let (near, far) = cpus.split_at(cpus.len().div_ceil(2));
        let mut half = CpuSet::new();
        if !far.is_empty() {
            let half_of = if self == Self::Near { near } else { far };
            half_of.iter().for_each(|cpu| half.set(*cpu));
        }
        half
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(all) = &self.0 {
            let _ = sched_setaffinity(None, all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(cpus: &[usize]) -> CpuSet {
        let mut set = CpuSet::new();
        cpus.iter().for_each(|cpu| set.set(*cpu));
        set
    }

    #[test]
    fn the_sides_share_no_processor_and_leave_none_out() {
        for (all, near, far) in [
            (&[0, 1][..], &[0][..], &[1][..]),
            (&[3, 5, 8], &[3, 5], &[8]),
            (&[0, 1, 2, 3], &[0, 1], &[2, 3]),
            (&[7], &[], &[]),
        ] {
            assert_eq!(Side::Near.half(&set(all)), set(near));
            assert_eq!(Side::Far.half(&set(all)), set(far));
        }
    }

    #[test]
    fn afterwards_all_processors_are_free_again() {
        let before = sched_getaffinity(None).unwrap();
        let kept = Side::Far.keep();
        let during = sched_getaffinity(None).unwrap();
        assert_eq!(during, if before.count() > 1 { Side::Far.half(&before) } else { before });
        drop(kept);
        assert_eq!(sched_getaffinity(None).unwrap(), before);
    }
}
