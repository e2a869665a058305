//! The recorder's sealed blocks.

use tidewire_idl::Codec;
use tidewire_store::{BlockHeader, Encoding, fuzzing};

use crate::cdr::{ENCODINGS, descriptor};
use crate::input::Input;
use crate::memory::{FACTOR, bounded};
use crate::random::{self, Dice};

/// What pco 1.1 sets aside for a column that says it looks back as far as it accepts: 2^24 numbers. Its own encoder
/// says 2^15 at most.
const LOOK_BACK: usize = 8 << 24;

/// Samples of a random type, some broken, come back from a block byte for byte; a broken block whose
/// checksums are right is read or refused.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let Some(ty) = descriptor(&mut input) else { return };
    let codec = Codec::new(&ty).expect("a valid description");
    let encoding = ENCODINGS[input.below(4)];
    let mut payloads = Vec::new();
    for _ in 0..input.below(6) {
        let value = random::value(&ty, &mut input);
        let mut payload = codec.encode(&value, encoding).expect("a value of the type");
        if input.chance(6) {
            payload = input.bytes(40).to_vec();
        } else if input.chance(4) {
            let at = input.below(payload.len());
            payload[at] = input.next() as u8;
        }
        // The same again: columns of constants.
        payloads.extend(std::iter::repeat_n(payload, 1 + input.below(3)));
    }
    if !payloads.is_empty() {
        for ty in [None, Some(&ty)] {
            let (header, data) = fuzzing::seal(&payloads, ty);
            assert_eq!(fuzzing::header_round_trip(&header).as_ref(), Ok(&header));
            assert_eq!(fuzzing::open(&header, &data, ty).as_ref(), Ok(&payloads));
        }
    }
    let (mut header, mut data) = fuzzing::seal(&payloads, Some(&ty));
    for _ in 0..1 + input.below(6) {
        match input.below(6) {
            0 => header.count = number(&mut input) as u32,
            // A larger claim may cost more, up to 1 GiB: its columns may be constants.
            1 => header.payload_bytes = number(&mut input) & 0xffff,
            2 => header.encoding = [Encoding::Raw, Encoding::Columnar][input.below(2)],
            _ if data.is_empty() => data = input.bytes(60).to_vec(),
            3 => data.truncate(input.below(data.len())),
            4 => {
                let at = input.below(data.len());
                let noise = input.bytes(20);
                data.splice(at..at, noise.iter().copied());
            }
            _ => {
                let at = input.below(data.len());
                data[at] = number(&mut input) as u8;
            }
        }
    }
    broken(header, &data, &ty);
}

fn broken(mut header: BlockHeader, data: &[u8], ty: &tidewire_idl::TypeDescriptor) {
    header.data_len = data.len() as u32;
    header.data_crc = crc32fast::hash(data);
    // A byte of a compressed column can stand for 2^15.
    bounded(data.len() * 16 + LOOK_BACK / FACTOR, || {
        for ty in [None, Some(ty)] {
            if let Ok(payloads) = fuzzing::open(&header, data, ty) {
                assert_eq!(payloads.len(), header.count as usize);
            }
        }
    });
}

fn number(input: &mut Input<'_>) -> u64 {
    [0, 1, 2, 0xff, 0xffff, u64::from(u32::MAX), input.next()][input.below(7)]
}

pub fn seeds() -> Vec<Vec<u8>> {
    crate::cdr::seeds()
}
