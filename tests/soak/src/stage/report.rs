//! What is told: a row for each audit, and a summary.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use super::plan::Faults;
use super::resources::{Kind, Series};
use crate::books::{Audit, Side};
use crate::topics::MAX_BLOCKING;

/// Large samples that readers on DDS may lose between live ends in a short run; in a long one, one in 10,000
/// of all.
const GIVEN_UP: u64 = 3;

pub struct Report {
    seed: u64,
    json: bool,
    start: Instant,
    pub faults: Faults,
    /// What must not be, in words.
    pub wrong: Vec<String>,
    audits: u64,
    /// Samples read and lost, by process.
    totals: BTreeMap<(String, u32), (u64, u64)>,
    /// The longest write of processes on both ways, on shared memory alone, and on DDS alone.
    stalls: [Duration; 3],
}

impl Report {
    pub fn new(seed: u64, json: bool) -> Self {
        Self {
            seed,
            json,
            start: Instant::now(),
            faults: Faults::default(),
            wrong: Vec::new(),
            audits: 0,
            totals: BTreeMap::new(),
            stalls: [Duration::ZERO; 3],
        }
    }

    fn say(&self, line: &str) {
        if !self.json {
            println!("{line}");
        }
    }

    pub fn begin(&self, seconds: u64, domain: u16, logs: &Path) {
        self.say(&format!(
            "soak for {seconds} s, seed {}, domain {domain}, logs in {}",
            self.seed,
            logs.display()
        ));
        self.say(
            "    s  kill  stop  again      samples    lost  refused  longest write  both MB fds thr  near MB fds thr   far MB fds thr  shm MB files",
        );
    }

    pub fn row(&mut self, sides: &[Side], series: &Series, audit: &Audit) {
        self.audits += 1;
        for side in sides {
            let (received, lost) = side.read.iter().fold((0, 0), |(received, lost), book| {
                (received + book.received, lost + book.lost)
            });
            self.totals.insert((side.name.clone(), side.pid), (received, lost));
            for book in &side.written {
                let stall = &mut self.stalls[way(side)];
                *stall = (*stall).max(Duration::from_nanos(book.stall_ns));
            }
        }
        let Faults { killed, killed_young, killed_stopped, stopped, restarted } = self.faults;
        let (samples, lost) = self.samples();
        let process = |name| {
            format!(
                "{:>8.1} {:>3} {:>3}",
                megabytes(series.last(name, Kind::Memory)),
                series.last(name, Kind::Descriptors),
                series.last(name, Kind::Threads)
            )
        };
        self.say(&format!(
            "{:>5} {:>5} {stopped:>5} {restarted:>6} {samples:>12} {lost:>7} {:>8} {:>11.0} ms {} {} {}  {:>6.1} {:>5}",
            self.start.elapsed().as_secs(),
            killed + killed_young + killed_stopped,
            audit.refused(),
            self.stalls.iter().max().map_or(0.0, |stall| stall.as_secs_f64() * 1e3),
            process("anchor"),
            process("near-anchor"),
            process("far-anchor"),
            megabytes(series.last("host", Kind::Bytes)),
            series.last("host", Kind::Files),
        ));
    }

    fn samples(&self) -> (u64, u64) {
        self.totals.values().fold((0, 0), |(samples, lost), (r, l)| (samples + r, lost + l))
    }

    /// The summary; says whether all held.
    pub fn finish(
        &mut self,
        series: &Series,
        audit: &Audit,
        held: bool,
        left: Vec<String>,
    ) -> bool {
        self.wrong.extend(left);
        let trends = series.trends();
        for trend in trends.iter().filter(|trend| trend.leaks) {
            let (of, kind) = (&trend.of, trend.kind);
            self.wrong.push(format!("{of}: {kind:?} grew from {} to {}", trend.from, trend.to));
        }
        let (samples, lost) = self.samples();
        if audit.given_up > GIVEN_UP.max(samples / 10_000) {
            self.wrong
                .push(format!("readers on DDS lost {} samples between live ends", audit.given_up));
        }
        let held = held && self.wrong.is_empty();
        let [both, near, far] = self.stalls.map(|stall| stall.as_secs_f64() * 1e3);
        if self.json {
            let summary = json!({
                "held": held,
                "seed": self.seed,
                "seconds": self.start.elapsed().as_secs(),
                "audits": self.audits,
                "pairs_compared": audit.pairs,
                "samples": samples,
                "lost": lost,
                "refused": audit.refused(),
                "given_up": audit.given_up,
                "gaps": audit.gaps,
                "faults": self.faults,
                "longest_write_ms": { "both": both, "shm": near, "dds": far },
                "max_blocking_time_ms": MAX_BLOCKING.as_millis() as u64,
                "trends": trends,
                "wrong": self.wrong,
            });
            println!("{summary:#}");
            return held;
        }
        for trend in &trends {
            println!(
                "{:>10} {:<12} {:>12} {:>12}",
                trend.of,
                format!("{:?}", trend.kind),
                trend.from,
                trend.to
            );
        }
        println!(
            "{} audits, {} pairs of ends compared, {samples} samples read, {lost} lost by readers that were stopped, {} refused to writers, {} given up on DDS",
            self.audits,
            audit.pairs,
            audit.refused(),
            audit.given_up
        );
        println!(
            "longest write: {near:.0} ms on shared memory, {far:.0} ms on DDS, {both:.0} ms on both; max_blocking_time is {} ms",
            MAX_BLOCKING.as_millis()
        );
        for gap in &audit.gaps {
            println!("given up on large samples: {gap}");
        }
        for wrong in &self.wrong {
            println!("WRONG {wrong}");
        }
        if held {
            println!("All held: the books balance, no stall, no leak, nothing left behind.");
        } else {
            println!("Failed; the same plan again: --seed {}", self.seed);
        }
        held
    }
}

fn way(side: &Side) -> usize {
    match (side.shm, side.dds) {
        (true, true) => 0,
        (true, false) => 1,
        _ => 2,
    }
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
