//! Typed and raw endpoints behind one face, on two participants per transport.

mod reader;
mod writer;

use std::fmt;

use tidewire_bus::{
    Backend, BusError, EndpointInfo, Participant, RawReader, RawTopic, RawWriter, Transports,
};
use tidewire_idl::{InstanceState, TypeSupport};
use tidewire_qos::Qos;
use tidewire_qos::support::{Entry, Support};
use tidewire_types::bench::Block64;
use tidewire_types::sensor::Temperature;

pub use crate::writing::W;
pub use reader::{R, instance};

use crate::cases::Case;
use crate::common::{DDS, SHM, everything, pair, settle, wait};

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
