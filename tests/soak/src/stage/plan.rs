//! Faults at random, the same for the same seed.

use std::time::{Duration, Instant};

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde::Serialize;

use super::slot::Slot;

/// What befell processes, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Faults {
    /// `kill -9` while it worked.
    pub killed: u64,
    /// While it was starting.
    pub killed_young: u64,
    /// While it was stopped.
    pub killed_stopped: u64,
    /// Stopped, and let go on.
    pub stopped: u64,
    /// Ended by itself, and started again.
    pub restarted: u64,
}

/// The next faults.
pub struct Plan {
    random: StdRng,
    next: Instant,
    /// Samples that processes were refused before they ended.
    pub refused: Vec<(String, bool, u64)>,
}

impl Plan {
    pub fn new(random: StdRng) -> Self {
        Self { random, next: Instant::now(), refused: Vec::new() }
    }

    /// Does what is due.
    pub fn step(&mut self, slots: &mut [Slot], faults: &mut Faults) -> anyhow::Result<()> {
        let now = Instant::now();
        for slot in slots.iter_mut().filter(|slot| slot.resume.is_some_and(|at| at <= now)) {
            slot.resume = None;
            if slot.is_stopped() {
                slot.go_on()?;
            } else {
                slot.start()?;
            }
        }
        if now < self.next {
            return Ok(());
        }
        self.next = now + Duration::from_millis(self.random.random_range(300..1800));
        let mut free: Vec<_> =
            slots.iter_mut().filter(|slot| slot.victim && slot.is_alive()).collect();
        let index = self.random.random_range(0..free.len().max(1));
        let Some(slot) = free.get_mut(index) else { return Ok(()) };
        let kinds = ["kill", "stop", "stop", "young", "restart"];
        let mut kind = kinds.choose(&mut self.random).copied().unwrap_or("stop");
        // Nobody can tell that a process on DDS alone was killed until its lease has ended, and writers
        // are refused samples until then.
        if !slot.role.shm && kind != "restart" && self.random.random_bool(0.9) {
            kind = "stop";
        }
        let later = |millis: u64| Some(Instant::now() + Duration::from_millis(millis));
        let (pause, short) = (self.random.random_range(50..5000), self.random.random_range(0..120));
        let back = self.random.random_range(0..2000);
        let shm = slot.role.shm;
        let refused = match (kind, slot.is_stopped()) {
            ("stop", false) => {
                faults.stopped += 1;
                slot.stop()?;
                slot.resume = later(pause);
                Vec::new()
            }
            // It goes on when its time comes.
            ("stop" | "restart", true) => Vec::new(),
            ("young", _) => {
                faults.killed_young += 1;
                let mut refused = slot.kill()?;
                slot.start()?;
                std::thread::sleep(Duration::from_millis(short));
                refused.extend(slot.kill()?);
                slot.resume = later(back);
                refused
            }
            ("restart", false) if slot.is_up() => {
                faults.restarted += 1;
                let refused = slot.quit()?;
                slot.resume = later(back);
                refused
            }
            (_, stopped) => {
                *(if stopped { &mut faults.killed_stopped } else { &mut faults.killed }) += 1;
                let refused = slot.kill()?;
                slot.resume = later(back);
                refused
            }
        };
        self.refused.extend(refused.into_iter().map(|(writer, counter)| (writer, shm, counter)));
        Ok(())
    }

    /// After a while without faults the next one may come at once.
    pub fn rest(&mut self) {
        self.next = Instant::now();
    }
}
