//! Samples between our bus and other vendors' programs in C and C++, checked one by one: the same
//! stories for each [`Vendor`].
//!
//! The programs lie in `tests/interop/native`, built with the system's compiler when first needed. A
//! story returns at once where the system does not package the vendor's DDS, which it says.

mod evolve;
mod exchange;
mod late;
mod peer;
mod ros;
pub mod tools;
mod work;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;
use tidewire_bus::testing::free_domain;
use tidewire_bus::{Participant, RawReader, RawTopic, RawWriter, Sample, Transports};
use tidewire_idl::{Encoding, Representation};
use tidewire_qos::{DataRepresentation, Qos};

pub use evolve::{they_read_another_version, we_read_another_version};
pub use exchange::{Load, both_ways, check, ours, theirs, to_and_fro, write};
pub use late::{
    disposes_go_both_ways, disposes_of_the_last_instance_go_both_ways, late_joiners_get_history,
};
pub use peer::{NativePeer, Vendor, compile_c};
pub use ros::{a_ros_talker_is_understood, we_talk_to_a_ros_listener};
pub use tools::{the_tools_serve_their_topics, unknown_types_are_recorded_and_replayed};
pub use work::{Work, octets, pattern};

use crate::PATIENCE;

/// Our bus and one of their programs in a domain of their own.
pub struct Meeting {
    /// The domain.
    pub domain: u16,
    /// Ours, on DDS alone.
    pub bus: Participant,
    /// Theirs.
    pub peer: NativePeer,
}

impl Meeting {
    /// `None` where the vendor's packages do not exist.
    pub fn with(vendor: Vendor) -> Option<Self> {
        let domain = free_domain();
        let peer = vendor.start(domain)?;
        Some(Self { domain, bus: participant(domain), peer })
    }

    /// Our reader of a type.
    ///
    /// # Panics
    /// The bus refuses.
    pub fn reader(&self, work: &Work, topic: &str, qos: &Qos) -> RawReader {
        reader(&self.bus, work, topic, qos)
    }

    /// Our writer of a type.
    ///
    /// # Panics
    /// The bus refuses.
    pub fn writer(&self, work: &Work, topic: &str, qos: &Qos) -> RawWriter {
        writer(&self.bus, work, topic, qos)
    }
}

/// A participant that speaks DDS alone.
///
/// # Panics
/// The domain cannot be joined.
pub fn participant(domain: u16) -> Participant {
    let builder = Participant::builder().domain(domain).name("interop");
    builder.transports(Transports { dds: true, shm: false }).build().expect("the domain is joined")
}

/// The same on Cyclone, finding the participants of both [hosts](crate::TwoHosts) without multicast.
///
/// # Panics
/// The bus does not start.
#[cfg(feature = "cyclone")]
pub fn participant_with_peers(domain: u16) -> Participant {
    let builder = Participant::builder().domain(domain).name("interop");
    let builder = builder.dds(tidewire_bus::Backend::Cyclone).peers(crate::HOSTS);
    builder.transports(Transports { dds: true, shm: false }).build().expect("the domain is joined")
}

/// A reader of `bus`.
///
/// # Panics
/// The bus refuses.
pub fn reader(bus: &Participant, work: &Work, topic: &str, qos: &Qos) -> RawReader {
    let topic = RawTopic::new(topic, &work.type_name, work.keyed);
    bus.raw_reader_of(&topic, &work.ty, qos).expect("a reader")
}

/// A writer of `bus`.
///
/// # Panics
/// The bus refuses.
pub fn writer(bus: &Participant, work: &Work, topic: &str, qos: &Qos) -> RawWriter {
    let topic = RawTopic::new(topic, &work.type_name, work.keyed);
    bus.raw_writer(&topic, qos).expect("a writer")
}

/// The next `count` samples.
///
/// # Panics
/// Fewer come.
pub fn take(reader: &RawReader, count: usize) -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut heard = Instant::now();
    while samples.len() < count {
        let sample = reader.recv_timeout(Duration::from_millis(100)).expect("samples are readable");
        if let Some(sample) = sample {
            samples.push(sample);
            heard = Instant::now();
        }
        let (came, lost) = (samples.len(), reader.lost());
        assert!(heard.elapsed() < PATIENCE, "only {came} of {count} samples came, {lost} lost");
    }
    samples
}

/// Samples of each instance in their order, which is what DDS promises of order.
pub fn by_instance(
    work: &Work,
    samples: impl IntoIterator<Item = Value>,
) -> BTreeMap<String, Vec<Value>> {
    let mut instances = BTreeMap::<String, Vec<Value>>::new();
    for sample in samples {
        instances.entry(work.key(&sample)).or_default().push(sample);
    }
    instances
}

/// A peer's word for an encoding.
fn option(encoding: Encoding) -> &'static str {
    match encoding.representation {
        Representation::Xcdr1 => "xcdr1",
        Representation::Xcdr2 => "xcdr2",
    }
}

/// Announcing an encoding.
fn in_encoding(qos: Qos, encoding: Encoding) -> Qos {
    let representation = match encoding.representation {
        Representation::Xcdr1 => DataRepresentation::Xcdr1,
        Representation::Xcdr2 => DataRepresentation::Xcdr2,
    };
    Qos { data_representation: vec![representation], ..qos }
}

/// That both are the same, sample by sample; says the first that is not.
fn assert_same(got: &BTreeMap<String, Vec<Value>>, wanted: &BTreeMap<String, Vec<Value>>) {
    let instances = |map: &BTreeMap<String, Vec<Value>>| map.keys().cloned().collect::<Vec<_>>();
    assert_eq!(instances(got), instances(wanted), "instances differ");
    for (key, wanted) in wanted {
        let got = &got[key];
        let differs = got.iter().zip(wanted).position(|(got, wanted)| got != wanted);
        if let Some(n) = differs {
            panic!("sample {n} of `{key}` is {} and not {}", got[n], wanted[n]);
        }
        assert_eq!(got.len(), wanted.len(), "samples of `{key}`");
    }
}
