//! Our typed path beside raw iceoryx2 (shared memory) and raw RustDDS (loopback).
//!
//! Two threads of one process, each with its own participant or node, poll without sleeping. A
//! sample is filled byte by byte in place and read byte by byte, on both sides alike. Latency is
//! half a round trip; throughput is what arrives while one thread writes as fast as it is let.
//! Not measured: two processes, wake-up from sleep, many readers, network cards.
//!
//! ```no_run
//! for figure in tidewire_bench::bus::run(5, &mut |line| eprintln!("{line}")).unwrap() {
//!     println!("{} {:.2}", figure.name, figure.ratio());
//! }
//! ```

mod iceoryx;
mod ours;
mod rustdds;

use crate::contender::{Contender, latency, throughput};
use crate::{BenchError, Figure, median};
use tidewire_types::bench::{Block64, Block64K};

const ROUNDS: usize = 20_000;
const DDS_ROUNDS: usize = 1_000;

/// Runs all contenders `runs` times, interleaved.
///
/// # Errors
/// A contender cannot be set up.
pub fn run(runs: usize, progress: &mut dyn FnMut(&str)) -> Result<Vec<Figure>, BenchError> {
    let mut figures = Vec::new();
    let mut compare = |name: &str,
                       unit,
                       ours: &dyn Contender,
                       theirs: &dyn Contender,
                       measure: &dyn Fn(&dyn Contender) -> Result<f64, BenchError>|
     -> Result<(), BenchError> {
        let mut values = [Vec::new(), Vec::new()];
        for round in 0..runs {
            for side in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
                let contender = [ours, theirs][side];
                progress(&format!("{name}, run {} of {runs}: {}", round + 1, contender.name()));
                values[side].push(measure(contender)?);
            }
        }
        let [our, their] = values.map(|mut values| median(&mut values));
        figures.push(Figure::new(name, unit, our, theirs.name(), their));
        Ok(())
    };

    let (shm64, ice64) = (ours::Typed::<Block64>::shm(), iceoryx::Raw::<64>);
    compare("one-way latency, shared memory, 64 B", "ns", &shm64, &ice64, &|c| latency(c, ROUNDS))?;
    compare("throughput, shared memory, 64 B", "1/s", &shm64, &ice64, &|c| {
        throughput(c, 20 * ROUNDS)
    })?;
    let (shm64k, ice64k) = (ours::Typed::<Block64K>::shm(), iceoryx::Raw::<65536>);
    compare("one-way latency, shared memory, 64 KB", "ns", &shm64k, &ice64k, &|c| {
        latency(c, ROUNDS / 4)
    })?;
    let (dds64, raw64) = (ours::Typed::<Block64>::dds(), rustdds::Raw::new());
    compare("one-way latency, DDS loopback, 64 B", "ns", &dds64, &raw64, &|c| {
        latency(c, DDS_ROUNDS)
    })?;
    Ok(figures)
}

/// Reads every byte.
fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().map(|&byte| u64::from(byte)).sum()
}
