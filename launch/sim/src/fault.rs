//! When which fault happens, and the announcement of it: the truth a detector is judged by.
//!
//! A schedule is drawn from a seed before the first sample, so two runs with one seed break at the
//! same seconds. The start of a fault goes out on topic `truth` with `end_ns` 0; its end updates
//! the same instance.
//!
//! ```
//! use tidewire_sim::fault::{Kind, Plan, Schedule};
//!
//! let plan = Plan { kinds: vec![Kind::Bearing], first_s: 10.0, every_s: 30.0, ..Plan::default() };
//! let faults: Vec<_> = Schedule::new(&plan, 42).take(3).collect();
//! assert_eq!(faults, Schedule::new(&plan, 42).take(3).collect::<Vec<_>>());
//! assert!(faults[0].start_s >= 10.0 && faults[1].start_s >= faults[0].end_s);
//! ```

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

/// What can break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Outer-race bearing damage: an impulse train on `vibration`.
    Bearing,
    /// The current sensor repeats its last value.
    StuckCurrent,
    /// The temperature sensor repeats its last value.
    StuckTemperature,
    /// The temperature sensor creeps away from the truth.
    Drift,
    /// The arm hits something: a torque step on one joint, a shock on the wrist.
    Collision,
    /// Prices fall together within a second and come back, spreads open.
    FlashCrash,
    /// The feed repeats its last quotes while trading goes on.
    StaleFeed,
}

impl Kind {
    /// The name in `FaultTruth.kind` and in launch files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bearing => "bearing",
            Self::StuckCurrent => "stuck_current",
            Self::StuckTemperature => "stuck_temperature",
            Self::Drift => "drift",
            Self::Collision => "collision",
            Self::FlashCrash => "flash_crash",
            Self::StaleFeed => "stale_feed",
        }
    }

    /// The topic (before remapping) on which it shows.
    pub fn topic(self) -> &'static str {
        match self {
            Self::Bearing => "vibration",
            Self::StuckCurrent => "current",
            Self::StuckTemperature | Self::Drift => "temperature",
            Self::Collision => "joint_states",
            Self::FlashCrash | Self::StaleFeed => "quotes",
        }
    }

    /// How long one lasts by default, in seconds.
    fn lasts(self) -> f64 {
        match self {
            Self::Bearing | Self::Drift => 12.0,
            Self::StuckCurrent | Self::StuckTemperature => 8.0,
            Self::Collision => 1.0,
            Self::FlashCrash | Self::StaleFeed => 5.0,
        }
    }
}

/// Which faults a source has and how often.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Plan {
    /// What may break; empty: nothing does.
    pub kinds: Vec<Kind>,
    /// No fault before this many seconds: detectors warm up, people see the healthy signal.
    pub first_s: f64,
    /// Mean time from the start of one fault to the next, in seconds.
    pub every_s: f64,
    /// How long each lasts, in seconds; 0: what suits its kind.
    pub lasts_s: f64,
}

impl Default for Plan {
    fn default() -> Self {
        Self { kinds: Vec::new(), first_s: 15.0, every_s: 30.0, lasts_s: 0.0 }
    }
}

/// One fault of a schedule; times in seconds since the source started.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Counts from 1; with point, topic and kind it is the key of `FaultTruth`.
    pub id: u32,
    /// What breaks.
    pub kind: Kind,
    /// When it starts.
    pub start_s: f64,
    /// When it is over.
    pub end_s: f64,
}

impl Fault {
    /// How far it has come at `t` seconds: 0 at the start, 1 at the end.
    pub fn progress(&self, t: f64) -> f64 {
        ((t - self.start_s) / (self.end_s - self.start_s)).clamp(0.0, 1.0)
    }
}

/// The endless list of faults a plan and a seed make; they never overlap.
#[derive(Clone, Debug)]
pub struct Schedule {
    plan: Plan,
    rng: StdRng,
    after_s: f64,
    made: u32,
}

impl Schedule {
    /// The schedule of `plan` for `seed`.
    pub fn new(plan: &Plan, seed: u64) -> Self {
        // Not the stream the physics draws from: changing one must not shift the other.
        let rng = StdRng::seed_from_u64(seed ^ 0xf_a017_5eed);
        Self { plan: plan.clone(), rng, after_s: plan.first_s, made: 0 }
    }
}

impl Iterator for Schedule {
    type Item = Fault;

    fn next(&mut self) -> Option<Fault> {
        if self.plan.kinds.is_empty() {
            return None;
        }
        let kind = self.plan.kinds[self.rng.random_range(0..self.plan.kinds.len())];
        let lasts = if self.plan.lasts_s > 0.0 { self.plan.lasts_s } else { kind.lasts() };
        let slack = (self.plan.every_s - lasts).max(1.0);
        let start_s = self.after_s + self.rng.random_range(0.0..slack / 2.0);
        let end_s = start_s + lasts;
        // At least a quarter of the slack is healthy again before the next one.
        self.after_s = end_s + slack * self.rng.random_range(0.25..1.25);
        self.made += 1;
        Some(Fault { id: self.made, kind, start_s, end_s })
    }
}

/// What a step of the clock changed.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The fault starts now.
    Started(Fault),
    /// The fault is over.
    Ended(Fault),
}

/// Walks a schedule along the clock.
#[derive(Clone, Debug)]
pub struct Clock {
    schedule: Schedule,
    next: Option<Fault>,
    active: Option<Fault>,
}

impl Clock {
    /// A clock at zero seconds.
    pub fn new(plan: &Plan, seed: u64) -> Self {
        let mut schedule = Schedule::new(plan, seed);
        let next = schedule.next();
        Self { schedule, next, active: None }
    }

    /// Advances to `t` seconds; call with growing `t`.
    pub fn advance(&mut self, t: f64) -> Option<Change> {
        if let Some(active) = self.active.take_if(|f| t >= f.end_s) {
            return Some(Change::Ended(active));
        }
        if self.active.is_none()
            && let Some(fault) = self.next.take_if(|f| t >= f.start_s)
        {
            self.next = self.schedule.next();
            self.active = Some(fault.clone());
            return Some(Change::Started(fault));
        }
        None
    }

    /// The fault going on.
    pub fn active(&self) -> Option<&Fault> {
        self.active.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan { kinds: vec![Kind::Bearing, Kind::Drift], first_s: 5.0, every_s: 20.0, lasts_s: 4.0 }
    }

    #[test]
    fn seeds_differ_and_faults_do_not_overlap() {
        let a: Vec<_> = Schedule::new(&plan(), 1).take(50).collect();
        let b: Vec<_> = Schedule::new(&plan(), 2).take(50).collect();
        assert_ne!(a, b);
        assert!(a.windows(2).all(|w| w[0].end_s < w[1].start_s && w[0].id + 1 == w[1].id));
        assert!(a[0].start_s >= 5.0);
        let mean = (a[49].start_s - a[0].start_s) / 49.0;
        assert!((mean - 20.0).abs() < 5.0, "about one in every_s seconds, got one in {mean}");
    }

    #[test]
    fn the_clock_announces_each_start_and_end_once() {
        let mut clock = Clock::new(&plan(), 3);
        let (mut starts, mut ends) = (0, 0);
        for tick in 0..10_000 {
            match clock.advance(tick as f64 * 0.01) {
                Some(Change::Started(_)) => starts += 1,
                Some(Change::Ended(_)) => ends += 1,
                None => {}
            }
        }
        assert!(starts >= 3 && (starts - ends) <= 1, "{starts} starts, {ends} ends");
    }

    #[test]
    fn no_kinds_no_faults() {
        assert_eq!(Schedule::new(&Plan::default(), 1).next(), None);
    }
}
