//! The Cyclone backend at full speed, beside the program of those who make Cyclone DDS.
//!
//! Their `ddsperf` is run as a user runs it, in two processes, and so are we; each process has half of the
//! processors. Both sides write and take the same type (a number, a key, a sequence of bytes), RELIABLE.
//! Latency is half the round trip of one sample (KEEP_LAST 1), throughput is what arrives while one process
//! writes as fast as it is let (KEEP_ALL), small samples sharing packets. How readers learn of samples is the
//! same on both sides: a listener is called on the thread that received them; or a thread is woken. A run
//! takes three seconds.
//!
//! Not measured: several readers, two machines, network cards.

mod cyclone;
mod ddsperf;
mod job;

use std::path::Path;
use std::process::Command;

use tidewire_bus::Backend;

use crate::{BenchError, Figure};
use ddsperf::{Ddsperf, Mode};
use job::{Job, Measure};

const REMEDY: &str = "ddsperf is not measured, as it is not here: run deploy/ddsperf.sh, which builds that of the \
     Cyclone DDS in this program, or install the system's (apt-get install cyclonedds-tools), or name one with --ddsperf";

fn fail(what: impl ToString) -> BenchError {
    BenchError { bench: "dds", what: what.to_string() }
}

/// Plays the far side.
///
/// # Errors
/// An end cannot be made, or the other process falls silent.
pub fn far_end(job: &str) -> Result<(), BenchError> {
    job.parse::<Job>()?.answer()
}

/// Runs both sides `runs` times, interleaved; of the figures only those whose name has `only` in it. `far`
/// starts the second process, which must call [`far_end`] with the text it is given. `note` is told which
/// ddsperf stands beside us; without one its figures are NaN.
///
/// # Errors
/// A side cannot be set up, or samples are lost; the Cyclone backend is not built in.
pub fn run(
    runs: usize,
    only: &str,
    ddsperf: Option<&Path>,
    far: &dyn Fn(&str) -> Command,
    progress: &mut dyn FnMut(&str),
    note: &mut dyn FnMut(&str),
) -> Result<Vec<Figure>, BenchError> {
    if !Backend::Cyclone.is_built_in() {
        let remedy = "build it with `--features cyclone` (it takes cmake and a C++ compiler)";
        return Err(fail(format!("this program has no Cyclone backend: {remedy}")));
    }
    let peer = Ddsperf::find(ddsperf);
    if let (None, Some(given)) = (&peer, ddsperf) {
        return Err(fail(format!("there is no program {}", given.display())));
    }
    match &peer {
        Some(peer) => note(&format!("ddsperf is {}", peer.path().display())),
        None => note(REMEDY),
    }
    let mut figures = Vec::new();
    for (name, unit, measure, mode, bytes) in rows().into_iter().filter(|row| row.0.contains(only))
    {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for round in 0..runs {
            for side in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
                let who = ["tidewire", "ddsperf"][side];
                let taken = tidewire_bus::testing::Domain::borrow().map_err(fail)?;
                let domain = taken.id();
                progress(&format!("{name}, run {} of {runs}: {who}", round + 1));
                match (&peer, side) {
                    (_, 0) => ours.push(Job { measure, mode, bytes, domain }.measure(far)?),
                    (Some(peer), _) if measure == Measure::Latency => {
                        theirs.push(peer.latency(domain, bytes, mode)?);
                    }
                    (Some(peer), _) => theirs.push(peer.throughput(domain, bytes, mode)?),
                    (None, _) => {}
                }
            }
        }
        figures.push(Figure::of_runs(name, unit, &ours, "ddsperf", &theirs));
    }
    Ok(figures)
}

type Row = (String, &'static str, Measure, Mode, usize);

fn rows() -> Vec<Row> {
    let sizes = [("64 B", 64), ("1 KB", 1 << 10), ("64 KB", 1 << 16), ("1 MB", 1 << 20)];
    let mut rows = Vec::new();
    for (mode, how) in [(Mode::Listener, "listener"), (Mode::WaitSet, "waiting")] {
        for (size, bytes) in sizes {
            let name = format!("one-way latency, Cyclone, {size}, {how}");
            rows.push((name, "ns", Measure::Latency, mode, bytes));
        }
    }
    for (mode, how) in [(Mode::Listener, "listener"), (Mode::WaitSet, "waiting")] {
        for (size, bytes) in sizes {
            let name = format!("throughput, Cyclone, {size}, {how}");
            rows.push((name, "1/s", Measure::Throughput, mode, bytes));
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_survives_the_command_line() {
        for (_, _, measure, mode, bytes) in rows() {
            let job = Job { measure, mode, bytes, domain: 77 };
            assert_eq!(job.to_string().parse::<Job>().unwrap(), job);
        }
        assert!("latency:listener:64".parse::<Job>().is_err());
    }
}
