use tidewire_bus::{Change, DeadlineMissed, LivelinessChanged, RawReader, Reader};
use tidewire_idl::{InstanceState, KeyHash, TypeSupport};
use tidewire_types::bench::Block64;
use tidewire_types::sensor::Temperature;

use super::Told;
use crate::common::{PATIENCE, wait};
use crate::writing::temperature;

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
