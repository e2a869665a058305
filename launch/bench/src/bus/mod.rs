//! Our typed path beside raw iceoryx2 (shared memory) and raw RustDDS (loopback).
//!
//! Two processes, each with its own participant or node and on half of the processors. They poll without
//! sleeping; on DDS, whose threads need the processors, they wait for samples where a row does not say
//! otherwise. A sample is filled byte by byte in place and read byte by byte, on both sides alike. Latency
//! is half a round trip, the median after a warm-up; throughput is what arrives while one process writes as
//! fast as it is let. Waiting readers wait instead of polling, beside a bare futex, which carries nothing,
//! and beside iceoryx2's event; in the rows about waking-up each side waits until the other is asleep. In
//! the row about lossless rates we write as fast as we are let, and raw RustDDS, which loses samples then,
//! at the highest of the rates tried at which it does not, both on all processors. Not measured: many readers,
//! network cards.
//!
//! With the feature `cyclone` also our Cyclone backend beside raw Cyclone DDS; both wait for samples
//! rather than poll, as Cyclone's receive threads need the processors.
//!
//! ```no_run
//! let far = |job: &str| {
//!     let mut command = std::process::Command::new("my-bench");
//!     command.arg(job); // a program that calls `tidewire_bench::bus::far_end` with it
//!     command
//! };
//! for figure in tidewire_bench::bus::run(5, "", &far, &mut |line| eprintln!("{line}"))? {
//!     println!("{} {:.2}", figure.name, figure.ratio);
//! }
//! # Ok::<(), tidewire_bench::BenchError>(())
//! ```

#[cfg(feature = "cyclone")]
mod cyclone;
mod far;
mod iceoryx;
mod ours;
mod rustdds;
mod wake;

use std::process::Command;

pub use far::far_end;

use tidewire_bus::testing::Domain;

use crate::contender::Measure::{self, Latency, Throughput, Wake};
use crate::{BenchError, Figure};
use far::{Job, Kind};

const ROUNDS: usize = 20_000;
const DDS_ROUNDS: usize = 4_000;

/// Samples after which a raw Cyclone writer that packs them is flushed; divides what is sent.
#[cfg(feature = "cyclone")]
const PACKED: usize = 32;

/// How long a contender that waits for samples does so at a time.
const WAIT: std::time::Duration = std::time::Duration::from_millis(1);

/// Runs all contenders `runs` times, interleaved; of the figures only those whose name has `only`
/// in it. `far` starts the second process, which must call
/// [`far_end`] with the text it is given.
///
/// # Errors
/// A contender cannot be set up.
pub fn run(
    runs: usize,
    only: &str,
    far: &dyn Fn(&str) -> Command,
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<Figure>, BenchError> {
    const KB: usize = 1 << 10;
    let shm = |bytes| [Kind::Ours { bytes, dds: false }, Kind::Iceoryx { bytes }];
    let dds = [Kind::Ours { bytes: 64, dds: true }, Kind::RustDds { bytes: 64 }];
    let waits = |bytes| [Kind::OursWaits { bytes }, Kind::RustDdsWaits { bytes }];
    let all = [Kind::OursAll, Kind::RustDdsAll];
    let keyed = [Kind::OursKeyed, Kind::RustDdsKeyed];
    let woken = |peer| [Kind::OursWoken, peer];
    let rows: Vec<(&str, &str, [Kind; 2], Measure)> = vec![
        ("one-way latency, shared memory, 64 B", "ns", shm(64), Latency(10 * ROUNDS)),
        ("throughput, shared memory, 64 B", "1/s", shm(64), Throughput(20 * ROUNDS)),
        ("one-way latency, shared memory, 64 KB", "ns", shm(64 * KB), Latency(ROUNDS / 4)),
        ("one-way latency, shared memory, 1 MB", "ns", shm(KB * KB), Latency(ROUNDS / 40)),
        ("one-way latency, waiting reader, 64 B", "ns", woken(Kind::Futex), Latency(ROUNDS / 8)),
        ("one-way latency, waiting reader, 64 B", "ns", woken(Kind::Events), Latency(ROUNDS / 8)),
        ("one-way wake-up, shared memory, 64 B", "ns", woken(Kind::Futex), Wake(ROUNDS / 8)),
        ("one-way wake-up, shared memory, 64 B", "ns", woken(Kind::Events), Wake(ROUNDS / 8)),
        ("one-way latency, DDS loopback, 64 B, polled", "ns", dds, Latency(DDS_ROUNDS)),
        ("one-way latency, DDS loopback, 64 B", "ns", waits(64), Latency(DDS_ROUNDS)),
        ("one-way latency, DDS loopback, 64 B with key", "ns", keyed, Latency(DDS_ROUNDS)),
        ("one-way latency, DDS loopback, 1 KB", "ns", waits(KB), Latency(DDS_ROUNDS)),
        ("one-way latency, DDS loopback, 64 KB", "ns", waits(64 * KB), Latency(DDS_ROUNDS / 4)),
        ("one-way latency, DDS loopback, 1 MB", "ns", waits(KB * KB), Latency(DDS_ROUNDS / 20)),
        ("lossless rate, DDS loopback, 64 B", "1/s", all, Throughput(2 * ROUNDS)),
        #[cfg(feature = "cyclone")]
        ("one-way latency, Cyclone, 64 B", "ns", Kind::cyclone(64), Latency(3 * DDS_ROUNDS)),
        #[cfg(feature = "cyclone")]
        ("one-way latency, Cyclone, 1 KB", "ns", Kind::cyclone(KB), Latency(3 * DDS_ROUNDS)),
        #[cfg(feature = "cyclone")]
        ("one-way latency, Cyclone, 64 KB", "ns", Kind::cyclone(64 * KB), Latency(DDS_ROUNDS / 2)),
        #[cfg(feature = "cyclone")]
        ("one-way latency, Cyclone, 1 MB", "ns", Kind::cyclone(KB * KB), Latency(DDS_ROUNDS / 16)),
        #[cfg(feature = "cyclone")]
        ("throughput, Cyclone, 64 B", "1/s", Kind::cyclone(64), Throughput(10 * ROUNDS)),
        #[cfg(feature = "cyclone")]
        ("throughput, Cyclone, 64 B packed", "1/s", Kind::packed(), Throughput(20 * ROUNDS)),
        #[cfg(feature = "cyclone")]
        ("throughput, Cyclone, 1 KB", "1/s", Kind::cyclone(KB), Throughput(5 * ROUNDS)),
        #[cfg(feature = "cyclone")]
        ("throughput, Cyclone, 64 KB", "1/s", Kind::cyclone(64 * KB), Throughput(ROUNDS / 4)),
        #[cfg(feature = "cyclone")]
        ("throughput, Cyclone, 1 MB", "1/s", Kind::cyclone(KB * KB), Throughput(ROUNDS / 80)),
    ];
    let mut count = std::process::id();
    let mut figures = Vec::new();
    for (name, unit, kinds, measure) in rows.into_iter().filter(|row| row.0.contains(only)) {
        let mut values = [Vec::new(), Vec::new()];
        for round in 0..runs {
            for side in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
                let who = ["tidewire", kinds[1].name()][side];
                progress(&format!("{name}, run {} of {runs}: {who}", round + 1));
                count = count.wrapping_add(1);
                let domain = Domain::borrow().map_err(|e| BenchError::of("bus")(&e))?;
                let job = Job { kind: kinds[side], measure, domain: domain.id(), run: count };
                values[side].push(match job.kind {
                    Kind::RustDdsAll => far::best_paced(job, far)?,
                    _ => far::measure(job, far)?,
                });
            }
        }
        let [ours, theirs] = values;
        figures.push(Figure::of_runs(name, unit, &ours, kinds[1].name(), &theirs));
    }
    Ok(figures)
}

/// Reads every byte.
fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().map(|&byte| u64::from(byte)).sum()
}
