//! What only cached readers keep.

use tidewire_bus::{BusError, CachedReader, RawCachedReader, RejectedReason, States};
use tidewire_idl::TypeSupport;
use tidewire_qos::{Duration, Qos};
use tidewire_types::bench::Block64;
use tidewire_types::sensor::Temperature;

use crate::cases::Found;
use crate::common::{everything, wait};
use crate::face::{Combination, W};

enum C {
    Keyed(CachedReader<Temperature>),
    Plain(CachedReader<Block64>),
    Raw(RawCachedReader),
}

macro_rules! each {
    ($on:expr, $reader:ident => $run:expr) => {
        match $on {
            C::Keyed($reader) => $run,
            C::Plain($reader) => $run,
            C::Raw($reader) => $run,
        }
    };
}

impl C {
    /// A raw one is told the type: without it a keyed topic's instances are not told apart.
    fn new(c: &Combination<'_>, name: &str, qos: &Qos) -> Result<Self, BusError> {
        let (bus, topic) = (c.reading(), c.raw(name));
        Ok(match (c.typed, c.keyed) {
            (true, true) => Self::Keyed(bus.cached_reader(&topic.name, qos)?),
            (true, false) => Self::Plain(bus.cached_reader(&topic.name, qos)?),
            (false, keyed) => {
                let ty = keyed.then(Temperature::descriptor);
                Self::Raw(bus.raw_cached_reader(&topic, ty.as_ref(), qos)?)
            }
        })
    }

    fn matched(c: &Combination<'_>, name: &str, requested: &Qos) -> (W, Self) {
        let reader = Self::new(c, name, requested).unwrap();
        let writer = c.writer(name, &everything()).unwrap();
        writer.meets(1);
        wait("the writer", || each!(&reader, reader => reader.matched_writers()) == 1);
        (writer, reader)
    }

    /// How many samples in these states are there.
    fn count(&self, states: States) -> usize {
        each!(self, reader => reader.read(usize::MAX, states).unwrap().len())
    }

    fn take_one(&self) -> bool {
        each!(self, reader => !reader.take(1, States::ANY).unwrap().is_empty())
    }
}

/// Ended instances go when their delay is over, others stay.
pub fn autopurge(c: &Combination<'_>) -> Found {
    let mut soon = everything();
    soon.reader_data_lifecycle.autopurge_disposed_samples_delay = Duration::from_millis(200);
    soon.reader_data_lifecycle.autopurge_nowriter_samples_delay = Duration::from_millis(200);
    let (writer, reader) = C::matched(c, "purged", &soon);
    writer.put(1, 1);
    if c.keyed {
        writer.put(2, 2);
        wait("both instances", || reader.count(States::ANY) == 2);
        writer.end(1, true).unwrap();
        wait("the disposed one to go", || reader.count(States::ANY) == 1);
    } else {
        wait("the sample", || reader.count(States::ANY) == 1);
    }
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(reader.count(States::ALIVE), 1, "what lives stays");
    drop(writer);
    wait("the rest to go", || reader.count(States::ANY) == 0);
    Found::kept()
}

/// What has no room is rejected, waits until there is some, and is not lost.
pub fn rejects(c: &Combination<'_>) -> Found {
    let mut few = everything();
    few.resource_limits.max_samples_per_instance = Some(2);
    let (writer, reader) = C::matched(c, "rejected", &few);
    (1..=3).for_each(|value| writer.put(1, value));
    wait("the rejection", || {
        reader.count(States::ANY) == 2
            && each!(&reader, reader => reader.sample_rejected()).last_reason
                == RejectedReason::BySamplesPerInstanceLimit
    });
    assert!(reader.take_one());
    wait("the third", || reader.count(States::ANY) == 2);
    assert_eq!(each!(&reader, reader => reader.sample_rejected()).total, 1);
    Found::kept()
}
