//! Typed and raw readers behind one face, and what tests run on.

use bytes::Bytes;
use tidewire_bus::{
    BusError, CachedReader, CachedSample, Participant, RawCachedReader, RawTopic, ReadError,
    SampleInfo, SampleRejected, SampleStates, States, Transports,
};
use tidewire_idl::{Encoding, KeyHash, TypeSupport};
use tidewire_qos::Qos;
use tidewire_types::bench::Block64;
use tidewire_types::sensor::Temperature;

use crate::common::{BOTH, DDS, PATIENCE, SHM, pair};
pub use crate::writing::{W, block, temperature};

/// Two participants, and the kind of endpoints they get.
pub struct Bench {
    pub writing: Participant,
    pub reading: Participant,
    pub transports: Transports,
    pub typed: bool,
    pub keyed: bool,
}

/// Runs a test on shared memory, on DDS and on both.
pub fn on_all(mut run: impl FnMut(&Participant, &Participant, Transports)) {
    for transports in [SHM, DDS, BOTH] {
        let (a, b) = pair(transports);
        run(&a, &b, transports);
    }
}

/// As [`on_all`], with each kind of endpoint.
pub fn of_all_kinds(run: impl Fn(&Bench)) {
    on_all(|writing, reading, transports| {
        for (typed, keyed) in [(true, true), (true, false), (false, true), (false, false)] {
            let (writing, reading) = (writing.clone(), reading.clone());
            run(&Bench { writing, reading, transports, typed, keyed });
        }
    });
}

impl Bench {
    fn topic(&self, name: &str) -> RawTopic {
        let name = format!("{name}/{}/{}", self.typed, self.keyed);
        let ty = if self.keyed { Temperature::TYPE_NAME } else { Block64::TYPE_NAME };
        RawTopic::new(name, ty, self.keyed)
    }

    pub fn writer(&self, name: &str, qos: &Qos) -> W {
        let topic = self.topic(name);
        match (self.typed, self.keyed) {
            (true, true) => W::Keyed(self.writing.writer(&topic.name, qos).unwrap()),
            (true, false) => W::Plain(self.writing.writer(&topic.name, qos).unwrap()),
            (false, keyed) => W::Raw(self.writing.raw_writer(&topic, qos).unwrap(), keyed),
        }
    }

    pub fn reader(&self, name: &str, qos: &Qos) -> Result<R, BusError> {
        let topic = self.topic(name);
        Ok(match (self.typed, self.keyed) {
            (true, true) => R::Keyed(self.reading.cached_reader(&topic.name, qos)?),
            (true, false) => R::Plain(self.reading.cached_reader(&topic.name, qos)?),
            (false, keyed) => {
                let ty = keyed.then(Temperature::descriptor);
                R::Raw(self.reading.raw_cached_reader(&topic, ty.as_ref(), qos)?, keyed)
            }
        })
    }

    /// A writer and a reader that have met.
    pub fn matched(&self, name: &str, offered: &Qos, requested: &Qos) -> (W, R) {
        let reader = self.reader(name, requested).unwrap();
        let writer = self.writer(name, offered);
        writer.meets(1);
        reader.meets(1);
        (writer, reader)
    }

    /// The handle of an instance: topics without a key have one.
    pub fn handle(&self, instance: u8) -> KeyHash {
        if self.keyed { temperature(instance, 0).key_hash() } else { KeyHash::default() }
    }
}

pub enum R {
    Keyed(CachedReader<Temperature>),
    Plain(CachedReader<Block64>),
    Raw(RawCachedReader, bool),
}

/// What the tests look at of a sample.
#[derive(Clone, Debug)]
pub struct Seen {
    pub value: Option<u32>,
    /// The instance's number in the key of a sample without a value.
    pub key: Option<u8>,
    pub info: SampleInfo,
    pub states: SampleStates,
}

fn number(block: &Block64) -> u32 {
    u32::from_le_bytes(block.data[..4].try_into().unwrap())
}

fn instance(of: &Temperature) -> u8 {
    of.point[1..].parse().unwrap()
}

fn seen<D>(sample: CachedSample<D>, value: impl Fn(&D) -> u32, key: impl Fn(&D) -> u8) -> Seen {
    Seen {
        value: sample.data.as_ref().map(value),
        key: sample.key.as_ref().map(key),
        info: sample.info,
        states: sample.states,
    }
}

/// Calls a method of whichever reader it is, and shows what it gives.
macro_rules! of_each {
    ($on:expr, $reader:ident => $read:expr) => {
        match $on {
            R::Keyed($reader) => $read.map(|all| {
                let celsius = |t: &Temperature| t.celsius as u32;
                all.into_iter().map(|s| seen(s, celsius, instance)).collect()
            }),
            R::Plain($reader) => {
                $read.map(|all| all.into_iter().map(|s| seen(s, number, |_| 0)).collect())
            }
            R::Raw($reader, true) => $read.map(|all| {
                let celsius =
                    |payload: &Bytes| Temperature::decode(payload).unwrap().celsius as u32;
                let key = |payload: &Bytes| instance(&Temperature::decode_key(payload).unwrap());
                all.into_iter().map(|s| seen(s, celsius, key)).collect()
            }),
            R::Raw($reader, false) => $read.map(|all| {
                let of = |payload: &Bytes| number(&Block64::decode(payload).unwrap());
                all.into_iter().map(|s| seen(s, of, |_| 0)).collect()
            }),
        }
    };
}

/// Runs the same on each kind of reader.
macro_rules! each {
    ($on:expr, $reader:ident => $run:expr) => {
        match $on {
            R::Keyed($reader) => $run,
            R::Plain($reader) => $run,
            R::Raw($reader, _) => $run,
        }
    };
}

type Read = Result<Vec<Seen>, ReadError>;

impl R {
    pub fn read(&self, states: States) -> Vec<Seen> {
        let read: Read = of_each!(self, reader => reader.read(usize::MAX, states));
        read.unwrap()
    }

    pub fn take(&self, states: States) -> Vec<Seen> {
        let taken: Read = of_each!(self, reader => reader.take(usize::MAX, states));
        taken.unwrap()
    }

    pub fn take_some(&self, max: usize) -> Vec<Seen> {
        let taken: Read = of_each!(self, reader => reader.take(max, States::ANY));
        taken.unwrap()
    }

    pub fn read_instance(&self, handle: KeyHash) -> Read {
        of_each!(self, reader => reader.read_instance(handle, usize::MAX, States::ANY))
    }

    pub fn take_instance(&self, handle: KeyHash) -> Read {
        of_each!(self, reader => reader.take_instance(handle, usize::MAX, States::ANY))
    }

    pub fn read_next_instance(&self, previous: Option<KeyHash>) -> Vec<Seen> {
        let read: Read =
            of_each!(self, reader => reader.read_next_instance(previous, usize::MAX, States::ANY));
        read.unwrap()
    }

    pub fn take_next_instance(&self, previous: Option<KeyHash>) -> Vec<Seen> {
        let taken: Read =
            of_each!(self, reader => reader.take_next_instance(previous, usize::MAX, States::ANY));
        taken.unwrap()
    }

    /// The handle of an instance, if it is known.
    pub fn lookup(&self, instance: u8) -> Option<KeyHash> {
        let value = temperature(instance, 0);
        match self {
            Self::Keyed(reader) => reader.lookup_instance(&value),
            Self::Plain(reader) => reader.lookup_instance(&block(0)),
            Self::Raw(reader, _) => {
                let mut key = Vec::new();
                value.encode_key(Encoding::default(), &mut key);
                reader.lookup_instance(&key)
            }
        }
        .unwrap()
    }

    /// The number of the instance with this handle, by its key.
    pub fn key_value(&self, handle: KeyHash) -> Option<u8> {
        match self {
            Self::Keyed(reader) => reader.key_value(handle).unwrap().as_ref().map(instance),
            Self::Plain(reader) => reader.key_value(handle).unwrap().map(|_| unreachable!()),
            Self::Raw(reader, _) => {
                let key = reader.key_value(handle).unwrap();
                key.map(|key| instance(&Temperature::decode_key(&key).unwrap()))
            }
        }
    }

    pub fn rejected(&self) -> SampleRejected {
        each!(self, reader => reader.sample_rejected())
    }

    pub fn lost(&self) -> u64 {
        each!(self, reader => reader.lost())
    }

    pub fn meets(&self, writers: usize) {
        each!(self, reader => reader.wait_for_writers(writers, PATIENCE)).unwrap();
    }
}

pub fn values(seen: &[Seen]) -> Vec<u32> {
    seen.iter().filter_map(|seen| seen.value).collect()
}
