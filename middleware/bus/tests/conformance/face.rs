//! Typed and raw endpoints behind one face, on two participants per transport.

use std::fmt;

use tidewire_bus::{
    Backend, BusError, Change, DeadlineMissed, EndpointInfo, LivelinessChanged, LivelinessLost,
    Participant, RawReader, RawTopic, RawWriter, Reader, Transports, WriteError, Writer, now_ns,
};
use tidewire_idl::{Encoding, Endian, InstanceState, KeyHash, Representation, TypeSupport};
use tidewire_qos::Qos;
use tidewire_qos::policy::DataRepresentation;
use tidewire_qos::support::{Entry, Support};
use tidewire_types::bench::Block64;
use tidewire_types::sensor::Temperature;

use crate::cases::Case;
use crate::common::{DDS, PATIENCE, SHM, everything, pair, settle, wait};

/// Two participants of one domain.
pub struct Hosts {
    pub transport: String,
    transports: Transports,
    writing: Participant,
    reading: Participant,
}

impl Hosts {
    pub fn new(transport: &str) -> Self {
        Self::with(transport, if transport == "shm" { SHM } else { DDS })
    }

    fn with(transport: &str, transports: Transports) -> Self {
        let (writing, reading) = pair(transports);
        Self { transport: transport.to_owned(), transports, writing, reading }
    }

    /// Others in a domain of their own, who find durability services: by DDS, whatever carries samples.
    pub fn discovering(c: &Combination<'_>) -> Self {
        Self::with(&c.hosts.transport, Transports { shm: c.is_shm(), ..DDS })
    }

    /// One more participant beside the two.
    pub fn another(&self, name: &str) -> Participant {
        let builder = Participant::builder().domain(self.writing.domain()).name(name);
        builder.transports(self.transports).build().unwrap()
    }
}

/// One cell of the suite: a transport, an interface, a kind of topic.
#[derive(Clone, Copy)]
pub struct Combination<'hosts> {
    hosts: &'hosts Hosts,
    pub typed: bool,
    pub keyed: bool,
    topic: (&'static str, &'static str),
}

impl<'hosts> Combination<'hosts> {
    pub fn all(hosts: &'hosts Hosts) -> impl Iterator<Item = Self> {
        [(true, true), (true, false), (false, true), (false, false)]
            .into_iter()
            .map(move |(typed, keyed)| Self { hosts, typed, keyed, topic: ("", "") })
    }

    /// The same on other participants.
    pub fn on<'others>(&self, hosts: &'others Hosts) -> Combination<'others> {
        Combination { hosts, typed: self.typed, keyed: self.keyed, topic: self.topic }
    }

    /// With topic names of the case's own.
    pub fn about(mut self, case: &'static Case) -> Self {
        self.topic = (case.policy.name(), case.value);
        self
    }

    pub fn entry(&self, case: &Case, support: Support, note: String) -> Entry {
        Entry {
            policy: case.policy,
            value: case.value.to_owned(),
            transport: self.hosts.transport.to_owned(),
            typed: self.typed,
            keyed: self.keyed,
            support,
            note,
        }
    }

    pub fn reading(&self) -> &Participant {
        &self.hosts.reading
    }

    pub fn is_cyclone(&self) -> bool {
        self.hosts.transport == "cyclone"
    }

    pub fn is_shm(&self) -> bool {
        self.hosts.transports.shm
    }

    pub fn is_rustdds(&self) -> bool {
        self.hosts.transport == Backend::RustDds.name()
    }

    /// On participants of its own, which nobody else asserts.
    pub fn alone(&self, run: impl FnOnce(&Combination<'_>)) {
        let hosts = Hosts::new(&self.hosts.transport);
        let Self { typed, keyed, topic, .. } = *self;
        run(&Combination { hosts: &hosts, typed, keyed, topic });
    }

    /// The participant that writes says that it is alive.
    pub fn assert_liveliness(&self) {
        self.hosts.writing.assert_liveliness();
    }

    /// The policies of the topic's writer as the reading side sees them, and of its reader as the
    /// writing side does.
    pub fn announced(&self, name: &str) -> (Qos, Qos) {
        let (topic, mut seen) = (self.topic(name), (None, None));
        let find = |host: &Participant| host.topics().into_iter().find(|t| t.name == topic);
        let theirs = |all: Vec<EndpointInfo>| all.into_iter().find(|e| !e.own).map(|e| e.qos);
        wait("discovery of both", || {
            seen.0 = find(&self.hosts.reading).and_then(|topic| theirs(topic.writers));
            seen.1 = find(&self.hosts.writing).and_then(|topic| theirs(topic.readers));
            seen.0.is_some() && seen.1.is_some()
        });
        (seen.0.unwrap(), seen.1.unwrap())
    }

    fn topic(&self, name: &str) -> String {
        let (policy, value) = self.topic;
        // Cyclone DDS takes no spaces in topic names.
        format!("{policy}/{value}/{}/{}/{name}", self.typed, self.keyed).replace(' ', "_")
    }

    pub fn raw(&self, name: &str) -> RawTopic {
        let type_name = if self.keyed { Temperature::TYPE_NAME } else { Block64::TYPE_NAME };
        RawTopic::new(self.topic(name), type_name, self.keyed)
    }

    pub fn writer(&self, name: &str, qos: &Qos) -> Result<W, BusError> {
        let bus = &self.hosts.writing;
        Ok(match (self.typed, self.keyed) {
            (true, true) => W::Keyed(bus.writer(&self.topic(name), qos)?),
            (true, false) => W::Plain(bus.writer(&self.topic(name), qos)?),
            (false, keyed) => W::Raw(bus.raw_writer(&self.raw(name), qos)?, keyed),
        })
    }

    pub fn reader(&self, name: &str, qos: &Qos) -> Result<R, BusError> {
        let bus = &self.hosts.reading;
        Ok(match (self.typed, self.keyed) {
            (true, true) => R::Keyed(bus.reader(&self.topic(name), qos)?),
            (true, false) => R::Plain(bus.reader(&self.topic(name), qos)?),
            (false, keyed) => R::Raw(bus.raw_reader(&self.raw(name), qos)?, keyed),
        })
    }

    /// The same topic name with another type.
    fn other_type(&self, name: &str) -> RawTopic {
        RawTopic::new(self.topic(name), "test::Other", self.keyed)
    }

    pub fn foreign_writer(&self, name: &str) -> RawWriter {
        self.hosts.writing.raw_writer(&self.other_type(name), &everything()).unwrap()
    }

    pub fn foreign_reader(&self, name: &str) -> RawReader {
        self.hosts.reading.raw_reader(&self.other_type(name), &everything()).unwrap()
    }

    /// A writer and a reader that have met.
    pub fn matched(&self, name: &str, offered: &Qos, requested: &Qos) -> Result<(W, R), BusError> {
        let reader = self.reader(name, requested)?;
        let writer = self.writer(name, offered)?;
        writer.meets(1);
        reader.meets(1);
        Ok((writer, reader))
    }

    /// Endpoints with these policies exchange samples.
    pub fn fits(&self, name: &str, offered: &Qos, requested: &Qos) {
        let reader = self.reader(name, requested).unwrap();
        let writer = self.writer(name, offered).unwrap();
        wait("a sample", || {
            writer.put(0, 7);
            reader.next().is_some()
        });
    }

    /// Endpoints with these policies exchange nothing, although a reader that asks for less is served.
    pub fn fits_not(&self, name: &str, offered: &Qos, requested: &Qos) {
        let reader = self.reader(name, requested).unwrap();
        let witness = self.reader(name, offered).unwrap();
        let writer = self.writer(name, offered).unwrap();
        wait("the witness", || {
            writer.put(0, 7);
            witness.next().is_some()
        });
        settle();
        writer.put(0, 8);
        witness.up_to(8);
        settle();
        assert_eq!(reader.drain(), []);
    }
}

impl fmt::Display for Combination<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let api = if self.typed { "typed" } else { "raw" };
        let topic = if self.keyed { "keyed" } else { "unkeyed" };
        write!(f, "on {}, {api}, {topic}", self.hosts.transport)
    }
}

/// What the suite writes: an instance, which unkeyed topics have one of, and a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    pub instance: u8,
    pub value: u32,
    pub state: InstanceState,
}

pub enum W {
    Keyed(Writer<Temperature>),
    Plain(Writer<Block64>),
    Raw(RawWriter, bool),
}

fn temperature(instance: u8, value: u32) -> Temperature {
    Temperature { point: format!("p{instance}"), celsius: f64::from(value) }
}

fn block(value: u32) -> Block64 {
    let mut block = Block64::default();
    block.data[..4].copy_from_slice(&value.to_le_bytes());
    block
}

fn encoding(qos: &Qos) -> Encoding {
    let representation = match qos.representations()[0] {
        DataRepresentation::Xcdr2 => Representation::Xcdr2,
        _ => Representation::Xcdr1,
    };
    Encoding { representation, endian: Endian::Little }
}

impl W {
    pub fn put(&self, instance: u8, value: u32) {
        self.put_at(instance, value, now_ns());
    }

    pub fn put_at(&self, instance: u8, value: u32, time: i64) {
        self.try_put(instance, value, time).unwrap();
    }

    pub fn try_put(&self, instance: u8, value: u32, time: i64) -> Result<(), WriteError> {
        match self {
            Self::Keyed(writer) => writer.write_at(&temperature(instance, value), time),
            Self::Plain(writer) => writer.write_at(&block(value), time),
            Self::Raw(writer, true) => {
                let (value, mut payload) = (temperature(instance, value), Vec::new());
                value.encode(encoding(writer.qos()), &mut payload);
                writer.write(&payload, time, Some(value.key_hash()))
            }
            Self::Raw(writer, false) => {
                let mut payload = Vec::new();
                block(value).encode(encoding(writer.qos()), &mut payload);
                writer.write(&payload, time, None)
            }
        }
    }

    /// Ends an instance of a keyed topic.
    pub fn end(&self, instance: u8, dispose: bool) -> Result<(), WriteError> {
        let value = temperature(instance, 0);
        match self {
            Self::Keyed(writer) if dispose => writer.dispose(&value),
            Self::Keyed(writer) => writer.unregister(&value),
            Self::Raw(writer, true) => {
                let (mut key, hash) = (Vec::new(), Some(value.key_hash()));
                value.encode_key(encoding(writer.qos()), &mut key);
                if dispose {
                    writer.dispose(&key, hash, now_ns())
                } else {
                    writer.unregister(&key, hash, now_ns())
                }
            }
            Self::Plain(_) | Self::Raw(..) => unreachable!("no instances"),
        }
    }

    pub fn missed(&self) -> DeadlineMissed {
        match self {
            Self::Keyed(writer) => writer.offered_deadline_missed(),
            Self::Plain(writer) => writer.offered_deadline_missed(),
            Self::Raw(writer, _) => writer.offered_deadline_missed(),
        }
    }

    pub fn lost_liveliness(&self) -> LivelinessLost {
        match self {
            Self::Keyed(writer) => writer.liveliness_lost(),
            Self::Plain(writer) => writer.liveliness_lost(),
            Self::Raw(writer, _) => writer.liveliness_lost(),
        }
    }

    pub fn assert_liveliness(&self) {
        match self {
            Self::Keyed(writer) => writer.assert_liveliness(),
            Self::Plain(writer) => writer.assert_liveliness(),
            Self::Raw(writer, _) => writer.assert_liveliness(),
        }
        .unwrap();
    }

    pub fn meets(&self, readers: usize) {
        match self {
            Self::Keyed(writer) => writer.wait_for_readers(readers, PATIENCE),
            Self::Plain(writer) => writer.wait_for_readers(readers, PATIENCE),
            Self::Raw(writer, _) => writer.wait_for_readers(readers, PATIENCE),
        }
        .unwrap();
    }
}

pub enum R {
    Keyed(Reader<Temperature>),
    Plain(Reader<Block64>),
    Raw(RawReader, bool),
}

/// The key hash of an instance.
pub fn instance(number: u8) -> KeyHash {
    temperature(number, 0).key_hash()
}

impl R {
    /// The next change, if one is there.
    pub fn next(&self) -> Option<Told> {
        let told = |instance: u8, value: u32, state| Told { instance, value, state };
        let instance = |point: &str| point[1..].parse().unwrap();
        let number = |block: &Block64| u32::from_le_bytes(block.data[..4].try_into().unwrap());
        let of_temperature =
            |t: &Temperature, state| told(instance(&t.point), t.celsius as u32, state);
        match self {
            Self::Keyed(reader) => match reader.take_change().unwrap()? {
                Change::Data(sample) => Some(of_temperature(&sample.data, InstanceState::Alive)),
                Change::Ended { info, key: Some(key) } => Some(of_temperature(&key, info.state)),
                Change::Ended { info, key: None } => {
                    let known = (0..8).find(|&i| self::instance(i) == info.key);
                    Some(told(known.expect("an instance of ours"), 0, info.state))
                }
            },
            Self::Plain(reader) => {
                let sample = reader.take().unwrap()?;
                Some(told(0, number(&sample.data), InstanceState::Alive))
            }
            Self::Raw(reader, keyed) => {
                let sample = reader.take().unwrap()?;
                let state = sample.info.state;
                if !keyed {
                    return Some(told(
                        0,
                        number(&Block64::decode(&sample.payload).unwrap()),
                        state,
                    ));
                }
                let value = match state {
                    InstanceState::Alive => Temperature::decode(&sample.payload).unwrap(),
                    _ => Temperature::decode_key(&sample.payload).unwrap(),
                };
                Some(of_temperature(&value, state))
            }
        }
    }

    /// What is there now.
    pub fn drain(&self) -> Vec<Told> {
        std::iter::from_fn(|| self.next()).collect()
    }

    /// Values of live samples up to `last`, waiting for it.
    pub fn up_to(&self, last: u32) -> Vec<u32> {
        let mut got: Vec<u32> = Vec::new();
        wait("the last sample", || {
            let data = self.drain().into_iter().filter(|t| t.state == InstanceState::Alive);
            got.extend(data.map(|told| told.value));
            got.contains(&last)
        });
        got
    }

    pub fn meets(&self, writers: usize) {
        match self {
            Self::Keyed(reader) => reader.wait_for_writers(writers, PATIENCE),
            Self::Plain(reader) => reader.wait_for_writers(writers, PATIENCE),
            Self::Raw(reader, _) => reader.wait_for_writers(writers, PATIENCE),
        }
        .unwrap();
    }

    pub fn writers(&self) -> usize {
        match self {
            Self::Keyed(reader) => reader.matched_writers(),
            Self::Plain(reader) => reader.matched_writers(),
            Self::Raw(reader, _) => reader.matched_writers(),
        }
    }

    pub fn liveliness(&self) -> LivelinessChanged {
        match self {
            Self::Keyed(reader) => reader.liveliness_changed(),
            Self::Plain(reader) => reader.liveliness_changed(),
            Self::Raw(reader, _) => reader.liveliness_changed(),
        }
    }

    pub fn missed(&self) -> DeadlineMissed {
        match self {
            Self::Keyed(reader) => reader.requested_deadline_missed(),
            Self::Plain(reader) => reader.requested_deadline_missed(),
            Self::Raw(reader, _) => reader.requested_deadline_missed(),
        }
    }

    pub fn history(&self) -> bool {
        match self {
            Self::Keyed(reader) => reader.wait_for_historical_data(PATIENCE),
            Self::Plain(reader) => reader.wait_for_historical_data(PATIENCE),
            Self::Raw(reader, _) => reader.wait_for_historical_data(PATIENCE),
        }
        .unwrap()
    }

    pub fn lost(&self) -> u64 {
        match self {
            Self::Keyed(reader) => reader.lost(),
            Self::Plain(reader) => reader.lost(),
            Self::Raw(reader, _) => reader.lost(),
        }
    }
}
