//! Messages of a durability service.

use tidewire_idl::{Guid, InstanceState, KeyHash, Sample, SampleInfo};
use tidewire_transport::history::{Message, read};

use crate::input::Input;
use crate::memory::bounded;
use crate::random::Dice;

/// What was written comes back; what was broken afterwards is read or refused.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let mut message = Message::new();
    let mut samples = Vec::new();
    while input.more() && !message.is_full() {
        let sample = sample(&mut input);
        let expires = input.next() as i64;
        message.push(&sample, expires);
        samples.push((sample, expires));
    }
    let last = samples.len() % 2 == 1;
    let mut bytes = message.finish(last);
    let (told, found) = read(&bytes.clone().into()).expect("our own");
    assert_eq!((told, found.len()), (last, samples.len()));
    for ((found, until), (sample, expires)) in found.iter().zip(&samples) {
        let info = &sample.info;
        assert_eq!((found.writer, found.key, found.state), (info.writer, info.key, info.state));
        assert_eq!((found.sequence, found.source_time), (info.sequence, info.source_time));
        assert_eq!((&found.payload, until), (&sample.payload, expires));
    }
    for _ in 0..4 {
        let at = (data.len() * 31 + bytes.len() * 7) % bytes.len();
        bytes[at] = data.first().copied().unwrap_or(0xff);
        bounded(bytes.len(), || read(&bytes.clone().into()));
        bytes.truncate(bytes.len() - bytes.len() / 3);
    }
    bounded(data.len(), || read(&data.to_vec().into()));
}

fn sample(input: &mut Input<'_>) -> Sample {
    let info = SampleInfo {
        source_time: input.next() as i64,
        reception_time: 0,
        writer: Guid([input.next() as u8; 16]),
        sequence: input.next(),
        key: KeyHash([input.next() as u8; 16]),
        state: InstanceState::from_u8(input.below(3) as u8).unwrap_or_default(),
        point: "".into(),
    };
    Sample { info, payload: input.bytes(64).to_vec().into() }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mut message = Message::new();
    message.push(&sample(&mut Input::new(&[7; 256])), 0);
    vec![message.finish(true), Message::new().finish(false)]
}
