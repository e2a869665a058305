//! Segments of the recorder's journal.

use tidewire_store::fuzzing;

use crate::input::Input;
use crate::memory::bounded;
use crate::random::Dice;

/// A segment made of whole, cut, broken and foreign records: the walk over it ends, within it.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let mut bytes = header(input.next() >> 60, input.next() >> 60);
    let next_follows = input.chance(2).then(|| input.next() >> 56);
    while input.more() {
        let start = bytes.len();
        let body = body(&mut input);
        bytes.extend_from_slice(&(body.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
        bytes.extend_from_slice(&body);
        match input.below(8) {
            0 => {
                let at = start + input.below(bytes.len() - start);
                bytes[at] = input.next() as u8;
            }
            1 => bytes.truncate(bytes.len() - input.below(bytes.len() - start)),
            2 => bytes.extend_from_slice(input.bytes(64)),
            _ => {}
        }
    }
    bounded(bytes.len(), || {
        let (_, end) = fuzzing::journal(&bytes, next_follows).expect("its header is right");
        assert!(end <= bytes.len() as u64, "the walk ends behind the segment");
    });
    bounded(data.len(), || fuzzing::journal(data, next_follows));
}

fn header(first_seq: u64, follows: u64) -> Vec<u8> {
    let mut out = b"TWJRNL\r\n".to_vec();
    out.extend_from_slice(&[1, 0, 0, 0, 40, 0, 0, 0]);
    out.extend_from_slice(&first_seq.to_le_bytes());
    out.extend_from_slice(&follows.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&crc32fast::hash(&out).to_le_bytes());
    out
}

/// A record's body: of a known kind mostly, as long as it should be mostly.
fn body(input: &mut Input<'_>) -> Vec<u8> {
    let kind = input.below(7) as u8;
    let fixed = match kind {
        1 => 72,
        2 => 16,
        5 => 24,
        _ => 16,
    };
    let mut body = vec![0; fixed];
    body[0] = kind;
    body[1] = input.below(4) as u8;
    body[4] = input.below(4) as u8;
    body[8] = input.next() as u8;
    body.extend_from_slice(input.bytes(48));
    if input.chance(8) {
        body.truncate(input.below(body.len()));
    }
    body
}

pub fn seeds() -> Vec<Vec<u8>> {
    crate::cdr::seeds().into_iter().chain([header(1, 0)]).collect()
}
