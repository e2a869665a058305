//! Runs the processes, lets faults befall them, and checks their books again and again.

mod checkpoint;
mod plan;
mod report;
mod resources;
mod slot;
mod stacks;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::books::Audit;
use crate::node::Role;
use crate::topics::{Topic, topics};
use plan::Plan;
use report::Report;
use resources::{Series, Store};
use slot::Slot;

/// Between two audits.
const WINDOW: Duration = Duration::from_secs(8);

/// Everything that is run and known of it.
pub struct Stage {
    topics: Vec<Topic>,
    slots: Vec<Slot>,
    audit: Audit,
    store: Store,
    series: Series,
    report: Report,
}

/// The processes: three are left in peace and watched for leaks, on both ways and on each.
fn roles() -> Vec<(Role, bool)> {
    const BOTH: (bool, bool) = (true, true);
    const NEAR: (bool, bool) = (true, false);
    const FAR: (bool, bool) = (false, true);
    let role = |name: &str, (shm, dds), (writes, reads), queue| Role {
        name: name.into(),
        shm,
        dds,
        writes,
        reads,
        queue,
    };
    vec![
        (role("anchor", BOTH, (true, true), None), false),
        (role("near-anchor", NEAR, (true, true), None), false),
        (role("far-anchor", FAR, (true, true), None), false),
        (role("writer", BOTH, (true, false), None), true),
        (role("reader", BOTH, (false, true), None), true),
        (role("narrow", NEAR, (false, true), Some(16)), true),
        (role("mixed", BOTH, (true, true), None), true),
        (role("far", FAR, (true, true), None), true),
    ]
}

/// Runs for so many seconds; says whether all held.
pub fn run(seconds: u64, seed: Option<u64>, json: bool) -> anyhow::Result<bool> {
    let seed = seed.unwrap_or_else(|| rand::random::<u32>().into());
    let domain = tidewire_bus::testing::free_domain();
    let place = PathBuf::from(format!("/dev/shm/tidewire-soak-{}", std::process::id()));
    let logs = std::env::temp_dir().join(format!("tidewire-soak-{}", std::process::id()));
    std::fs::create_dir_all(&logs).with_context(|| format!("cannot make {}", logs.display()))?;
    let slots = roles()
        .into_iter()
        .map(|(role, victim)| Slot::new(role, victim, domain, &place, &logs))
        .collect();
    let mut stage = Stage {
        topics: topics(),
        slots,
        audit: Audit::default(),
        store: Store::new(&place, domain),
        series: Series::default(),
        report: Report::new(seed, json),
    };
    let mut plan = Plan::new(StdRng::seed_from_u64(seed));
    stage.report.begin(seconds, domain, &logs);
    let deadline = Instant::now() + Duration::from_secs(seconds);
    let mut held = stage.checkpoint()?;
    while held && Instant::now() < deadline {
        stage.disturb(&mut plan, WINDOW)?;
        held = stage.checkpoint()?;
    }
    let ended = stage.end();
    let held = stage.report.finish(&stage.series, &stage.audit, held, ended);
    if held {
        // Logs of a run that failed tell why.
        let _ = std::fs::remove_dir_all(&logs);
    }
    Ok(held)
}

impl Stage {
    /// Faults for a while.
    fn disturb(&mut self, plan: &mut Plan, window: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + window;
        while Instant::now() < end {
            plan.step(&mut self.slots, &mut self.report.faults)?;
            for (writer, shm, counter) in plan.refused.drain(..) {
                self.audit.refuse(&writer, shm, counter);
            }
            self.hear();
            std::thread::sleep(Duration::from_millis(20));
        }
        plan.rest();
        Ok(())
    }

    /// Takes in what the processes said without being asked.
    fn hear(&mut self) {
        for slot in &mut self.slots {
            for (writer, counter) in slot.hear(&mut self.report.wrong) {
                self.audit.refuse(&writer, slot.role.shm, counter);
            }
        }
    }

    /// Ends all processes; what they leave behind, in words.
    fn end(&mut self) -> Vec<String> {
        let mut left: Vec<String> = self.slots.iter_mut().filter_map(Slot::end).collect();
        left.extend(self.store.files().map(|path| format!("{} is left", path.display())));
        left
    }
}
