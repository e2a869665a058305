//! The second process of the bus benchmark, and how the first one drives it.
//!
//! The far side says `made`, is told `connect`, says `connected`, is told `go`, and reports its figure.
//! It lives until its standard input closes, so that nothing it has sent goes with it.

use std::fmt;
use std::process::Command;
use std::str::FromStr;

use tidewire_bus::testing::Domain;
use tidewire_types::bench::{Block1K, Block1M, Block64, Block64K, KeyedBlock64};

#[cfg(feature = "cyclone")]
use super::cyclone;
use super::{iceoryx, ours, rustdds, wake};
use crate::BenchError;
use crate::contender::{Contender, Measure, Role, connect};
use crate::process::{Far, await_order, say};
use crate::side::{Kept, Side};

/// What pacing begins with, samples a second.
const LOWEST_RATE: u32 = 4_000;

/// A contender by name, as it is told to another process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Ours {
        bytes: usize,
        dds: bool,
    },
    Iceoryx {
        bytes: usize,
    },
    RustDds {
        bytes: usize,
    },
    /// Ours by DDS and RustDDS, waiting instead of polling.
    OursWaits {
        bytes: usize,
    },
    RustDdsWaits {
        bytes: usize,
    },
    /// The same with a key, 64 B.
    OursKeyed,
    RustDdsKeyed,
    /// The same where every sample counts, 64 B.
    OursAll,
    RustDdsAll,
    /// Ours by shared memory, 64 B, waiting instead of polling.
    OursWoken,
    Futex,
    /// iceoryx2's samples and events.
    Events,
    /// Ours on the Cyclone backend.
    #[cfg(feature = "cyclone")]
    OursCyclone {
        bytes: usize,
    },
    #[cfg(feature = "cyclone")]
    Cyclone {
        bytes: usize,
    },
    /// Both of 64 B, several in a packet.
    #[cfg(feature = "cyclone")]
    OursPacked,
    #[cfg(feature = "cyclone")]
    Packed,
}

impl Kind {
    /// Name in the figures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours { .. }
            | Self::OursWaits { .. }
            | Self::OursKeyed
            | Self::OursAll
            | Self::OursWoken => "tidewire",
            Self::Futex => "futex",
            Self::Events => "iceoryx2 event",
            Self::Iceoryx { .. } => "iceoryx2",
            Self::RustDds { .. } | Self::RustDdsWaits { .. } | Self::RustDdsKeyed => "rustdds",
            Self::RustDdsAll => "rustdds, paced",
            #[cfg(feature = "cyclone")]
            Self::OursCyclone { .. } | Self::OursPacked => "tidewire",
            #[cfg(feature = "cyclone")]
            Self::Cyclone { .. } | Self::Packed => "cyclone",
        }
    }

    /// Both contenders of a row about Cyclone DDS.
    #[cfg(feature = "cyclone")]
    pub fn cyclone(bytes: usize) -> [Self; 2] {
        [Self::OursCyclone { bytes }, Self::Cyclone { bytes }]
    }

    /// Both contenders of the row about small samples that share packets.
    #[cfg(feature = "cyclone")]
    pub fn packed() -> [Self; 2] {
        [Self::OursPacked, Self::Packed]
    }
}

/// Everything both processes must agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    pub kind: Kind,
    pub measure: Measure,
    pub domain: u16,
    /// Tells runs that follow each other apart.
    pub run: u32,
}

impl Job {
    /// Who writes flat out and who is paced want different processors: both have all.
    fn side(self, side: Side) -> Option<Kept> {
        (!matches!(self.kind, Kind::OursAll | Kind::RustDdsAll)).then(|| side.keep())
    }

    pub fn contender(self) -> Result<Box<dyn Contender>, BenchError> {
        let Self { domain, run, .. } = self;
        Ok(match self.kind {
            Kind::Ours { bytes: 64, dds } => Box::new(ours::Typed::<Block64>::new(domain, dds)),
            Kind::Ours { bytes: 0x1_0000, dds } => {
                Box::new(ours::Typed::<Block64K>::new(domain, dds))
            }
            Kind::Ours { bytes: 0x10_0000, dds } => {
                Box::new(ours::Typed::<Block1M>::new(domain, dds))
            }
            Kind::Iceoryx { bytes: 64 } => Box::new(iceoryx::Raw::<64>(run)),
            Kind::Iceoryx { bytes: 0x1_0000 } => Box::new(iceoryx::Raw::<0x1_0000>(run)),
            Kind::Iceoryx { bytes: 0x10_0000 } => Box::new(iceoryx::Raw::<0x10_0000>(run)),
            Kind::OursWaits { bytes } => match bytes {
                64 => Box::new(ours::Typed::<Block64>::waiting(domain)),
                0x400 => Box::new(ours::Typed::<Block1K>::waiting(domain)),
                0x1_0000 => Box::new(ours::Typed::<Block64K>::waiting(domain)),
                0x10_0000 => Box::new(ours::Typed::<Block1M>::waiting(domain)),
                _ => return Err(fail(format!("there is no contender for {bytes} bytes"))),
            },
            Kind::RustDds { bytes } => {
                Box::new(rustdds::Raw { bytes, ..rustdds::Raw::new(domain) })
            }
            Kind::RustDdsWaits { bytes } => {
                Box::new(rustdds::Raw { bytes, waits: true, ..rustdds::Raw::new(domain) })
            }
            Kind::OursKeyed => Box::new(ours::Typed::<KeyedBlock64>::waiting(domain)),
            Kind::RustDdsKeyed => {
                Box::new(rustdds::Raw { keyed: true, waits: true, ..rustdds::Raw::new(domain) })
            }
            Kind::OursAll => Box::new(ours::Typed::<Block64>::all(domain)),
            Kind::RustDdsAll => {
                Box::new(rustdds::Raw { waits: true, all: true, ..rustdds::Raw::new(domain) })
            }
            Kind::OursWoken => Box::new(ours::Typed::<Block64>::woken(domain)),
            Kind::Futex => Box::new(wake::Futex { run }),
            Kind::Events => Box::new(wake::Events { run }),
            #[cfg(feature = "cyclone")]
            Kind::OursCyclone { bytes } => match bytes {
                64 => Box::new(ours::Typed::<Block64>::cyclone(domain)),
                0x400 => Box::new(ours::Typed::<Block1K>::cyclone(domain)),
                0x1_0000 => Box::new(ours::Typed::<Block64K>::cyclone(domain)),
                0x10_0000 => Box::new(ours::Typed::<Block1M>::cyclone(domain)),
                _ => return Err(fail(format!("there is no contender for {bytes} bytes"))),
            },
            #[cfg(feature = "cyclone")]
            Kind::OursPacked => Box::new(ours::Typed::<Block64>::packed(domain)),
            #[cfg(feature = "cyclone")]
            Kind::Packed => Box::new(cyclone::Raw::<64> { domain, packed: true }),
            #[cfg(feature = "cyclone")]
            Kind::Cyclone { bytes } => match bytes {
                64 => Box::new(cyclone::Raw::<64> { domain, packed: false }),
                0x400 => Box::new(cyclone::Raw::<0x400> { domain, packed: false }),
                0x1_0000 => Box::new(cyclone::Raw::<0x1_0000> { domain, packed: false }),
                0x10_0000 => Box::new(cyclone::Raw::<0x10_0000> { domain, packed: false }),
                _ => return Err(fail(format!("there is no contender for {bytes} bytes"))),
            },
            Kind::Ours { bytes, .. } | Kind::Iceoryx { bytes } => {
                return Err(fail(format!("there is no contender for {bytes} bytes")));
            }
        })
    }
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, bytes) = match self.kind {
            Kind::Ours { bytes, dds: false } => ("ours-shm", bytes),
            Kind::Ours { bytes, dds: true } => ("ours-dds", bytes),
            Kind::Iceoryx { bytes } => ("iceoryx2", bytes),
            Kind::RustDds { bytes } => ("rustdds", bytes),
            Kind::OursWaits { bytes } => ("ours-waits", bytes),
            Kind::RustDdsWaits { bytes } => ("rustdds-waits", bytes),
            Kind::OursKeyed => ("ours-keyed", 64),
            Kind::RustDdsKeyed => ("rustdds-keyed", 64),
            Kind::OursAll => ("ours-all", 64),
            Kind::RustDdsAll => ("rustdds-all", 64),
            Kind::OursWoken => ("ours-woken", 64),
            Kind::Futex => ("futex", 64),
            Kind::Events => ("iceoryx2-event", 64),
            #[cfg(feature = "cyclone")]
            Kind::OursCyclone { bytes } => ("ours-cyclone", bytes),
            #[cfg(feature = "cyclone")]
            Kind::Cyclone { bytes } => ("cyclone", bytes),
            #[cfg(feature = "cyclone")]
            Kind::OursPacked => ("ours-packed", 64),
            #[cfg(feature = "cyclone")]
            Kind::Packed => ("packed", 64),
        };
        let (measure, count) = match self.measure {
            Measure::Latency(count) => ("latency".to_owned(), count),
            Measure::Wake(count) => ("wake".to_owned(), count),
            Measure::Throughput(count) => ("throughput".to_owned(), count),
            Measure::Paced(count, rate) => (rate.to_string(), count),
        };
        write!(f, "{kind}:{bytes}:{measure}:{count}:{}:{}", self.domain, self.run)
    }
}

impl FromStr for Job {
    type Err = BenchError;

    fn from_str(text: &str) -> Result<Self, BenchError> {
        let wrong = || fail(format!("`{text}` is no job"));
        let fields: Vec<&str> = text.split(':').collect();
        let [kind, bytes, measure, count, domain, run] = fields[..] else { return Err(wrong()) };
        let bytes = bytes.parse().map_err(|_| wrong())?;
        let count = count.parse().map_err(|_| wrong())?;
        Ok(Self {
            kind: match kind {
                "ours-shm" => Kind::Ours { bytes, dds: false },
                "ours-dds" => Kind::Ours { bytes, dds: true },
                "iceoryx2" => Kind::Iceoryx { bytes },
                "rustdds" => Kind::RustDds { bytes },
                "ours-waits" => Kind::OursWaits { bytes },
                "rustdds-waits" => Kind::RustDdsWaits { bytes },
                "ours-keyed" => Kind::OursKeyed,
                "rustdds-keyed" => Kind::RustDdsKeyed,
                "ours-all" => Kind::OursAll,
                "rustdds-all" => Kind::RustDdsAll,
                "ours-woken" => Kind::OursWoken,
                "futex" => Kind::Futex,
                "iceoryx2-event" => Kind::Events,
                #[cfg(feature = "cyclone")]
                "ours-cyclone" => Kind::OursCyclone { bytes },
                #[cfg(feature = "cyclone")]
                "cyclone" => Kind::Cyclone { bytes },
                #[cfg(feature = "cyclone")]
                "ours-packed" => Kind::OursPacked,
                #[cfg(feature = "cyclone")]
                "packed" => Kind::Packed,
                _ => return Err(wrong()),
            },
            measure: match measure {
                "latency" => Measure::Latency(count),
                "wake" => Measure::Wake(count),
                "throughput" => Measure::Throughput(count),
                rate => Measure::Paced(count, rate.parse().map_err(|_| wrong())?),
            },
            domain: domain.parse().map_err(|_| wrong())?,
            run: run.parse().map_err(|_| wrong())?,
        })
    }
}

fn fail(what: String) -> BenchError {
    BenchError { bench: "bus", what }
}

/// Plays the far side, as the process that [`Far::start`] starts.
///
/// # Errors
/// An end cannot be made, or the other process falls silent.
pub fn far_end(job: &str) -> Result<(), BenchError> {
    let job: Job = job.parse()?;
    let _half = job.side(Side::Far);
    let contender = job.contender()?;
    let mut end = contender.endpoint(Role::Pong)?;
    say("made");
    await_order("connect")?;
    connect(&mut *end)?;
    say("connected");
    await_order("go")?;
    say(&job.measure.pong(&mut *end)?.to_string());
    let _ = await_order("");
    Ok(())
}

/// Runs a job, with `far` to start the second process.
///
/// # Errors
/// An end cannot be made, or a sample does not come.
pub fn measure(job: Job, far: &dyn Fn(&str) -> Command) -> Result<f64, BenchError> {
    let mut other = Far::start(far(&job.to_string()))?;
    let _half = job.side(Side::Near);
    let contender = job.contender()?;
    let mut end = contender.endpoint(Role::Ping)?;
    other.answer()?;
    other.order("connect")?;
    connect(&mut *end)?;
    other.answer()?;
    other.order("go")?;
    job.measure.ping(&mut *end, || {
        let answer = other.answer()?;
        answer.parse().map_err(|_| fail(format!("the second process said `{answer}`")))
    })
}

/// The highest rate at which all samples of a second arrive, a quarter more being tried until one is
/// missing twice in a row.
///
/// # Errors
/// As [`measure`].
pub fn best_paced(job: Job, far: &dyn Fn(&str) -> Command) -> Result<f64, BenchError> {
    let (mut rate, mut best, mut failed) = (LOWEST_RATE, 0.0_f64, 0);
    while failed < 2 {
        let domain = Domain::borrow().map_err(|error| fail(error.to_string()))?;
        let measure_at = Measure::Paced(rate as usize, rate);
        let arrived = measure(Job { measure: measure_at, domain: domain.id(), ..job }, far)?;
        if arrived > 0.0 {
            (best, failed) = (best.max(arrived), 0);
            // It cannot write faster than this.
            if arrived < 0.8 * f64::from(rate) {
                break;
            }
            rate += rate / 4;
        } else {
            failed += 1;
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_survives_the_command_line() {
        for kind in [
            Kind::Ours { bytes: 64, dds: true },
            Kind::Ours { bytes: 0x10_0000, dds: false },
            Kind::Iceoryx { bytes: 0x1_0000 },
            Kind::RustDds { bytes: 0x400 },
            Kind::OursWaits { bytes: 0x10_0000 },
            Kind::RustDdsWaits { bytes: 64 },
            Kind::OursKeyed,
            Kind::RustDdsKeyed,
            Kind::OursAll,
            Kind::RustDdsAll,
            Kind::OursWoken,
            Kind::Futex,
            Kind::Events,
        ] {
            for measure in [
                Measure::Latency(7),
                Measure::Wake(8),
                Measure::Throughput(9),
                Measure::Paced(10, 11),
            ] {
                let job = Job { kind, measure, domain: 77, run: 3 };
                assert_eq!(job.to_string().parse::<Job>().unwrap(), job);
            }
        }
        assert!("ours-shm:64:latency:9".parse::<Job>().is_err());
    }
}
