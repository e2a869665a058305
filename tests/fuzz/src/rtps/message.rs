//! RTPS 2.5 messages (8.3, 9.4), each part of which may be wrong.

use crate::input::Input;
use crate::random::Dice;

use super::victim::Target;

/// Builtin writers and their readers (RTPS 2.5, table 9.2): SPDP, SEDP publications and
/// subscriptions, participant messages.
const BUILTIN: [([u8; 4], [u8; 4]); 4] = [
    ([0x00, 0x01, 0x00, 0xc2], [0x00, 0x01, 0x00, 0xc7]),
    ([0x00, 0x00, 0x03, 0xc2], [0x00, 0x00, 0x03, 0xc7]),
    ([0x00, 0x00, 0x04, 0xc2], [0x00, 0x00, 0x04, 0xc7]),
    ([0x00, 0x02, 0x00, 0xc2], [0x00, 0x02, 0x00, 0xc7]),
];
/// The one user endpoint pair of a stranger: unkeyed writer, unkeyed reader.
const WRITER: [u8; 4] = [0, 0, 1, 0x03];
const READER: [u8; 4] = [0, 0, 1, 0x04];

/// What one message is built with.
struct Message<'m, 'i> {
    input: &'m mut Input<'i>,
    target: &'m Target,
    prefix: [u8; 12],
}

/// One datagram.
pub fn datagram(input: &mut Input<'_>, target: &Target) -> Vec<u8> {
    if input.chance(24) {
        return input.bytes(400).to_vec();
    }
    let mut prefix = *b"nobody here?";
    prefix[11] = input.below(4) as u8;
    if input.chance(24) {
        prefix = target.prefix;
    }
    let mut out = b"RTPS\x02\x04\x01\x12".to_vec();
    out.extend_from_slice(&prefix);
    let mut message = Message { input, target, prefix };
    for _ in 0..1 + message.input.below(5) {
        let part = message.submessage();
        out.extend_from_slice(&part);
    }
    if input.chance(16) {
        out.truncate(out.len() - input.below(out.len()));
    }
    out
}

impl Message<'_, '_> {
    fn submessage(&mut self) -> Vec<u8> {
        match self.input.below(12) {
            0 => self.part(0x0e, 0, &self.target.prefix.clone()), // INFO_DST
            1 => {
                let time = [self.number().to_le_bytes(), self.number().to_le_bytes()].concat();
                self.part(0x09, 0, &time) // INFO_TS
            }
            2 => {
                let id = self.input.next() as u8;
                let noise = self.input.bytes(80).to_vec();
                // A fragment's size is a promise of memory: those are made below.
                self.part(if matches!(id, 0x16 | 0x13) { 0x01 } else { id }, 0, &noise)
            }
            3 | 4 => self.data(0),
            5 => self.data(1),
            6 => self.data(2),
            7 => self.user_data(),
            8 => self.heartbeat(),
            9 => self.acknack(),
            10 => self.gap(),
            _ => self.fragment(),
        }
    }

    /// A submessage; its length lies now and then.
    fn part(&mut self, id: u8, flags: u8, body: &[u8]) -> Vec<u8> {
        let length =
            if self.input.chance(24) { self.input.next() as u16 } else { body.len() as u16 };
        let flags = if self.input.chance(24) { self.input.next() as u8 } else { flags };
        let mut out = vec![id, flags | 1];
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(body);
        out
    }

    /// A small number mostly, else one at an edge.
    fn number(&mut self) -> u32 {
        match self.input.below(12) {
            0 => 0,
            1 => u32::MAX,
            2 => i32::MAX as u32,
            3 => 1 << 31,
            4 => self.input.next() as u32,
            n => n as u32 - 4,
        }
    }

    fn sequence(&mut self) -> Vec<u8> {
        let high = if self.input.chance(10) { self.number() } else { 0 };
        [high.to_le_bytes(), self.number().to_le_bytes()].concat()
    }

    /// First and last of a range: a short one, since what a long one costs is known, or the wrong way
    /// round.
    fn range(&mut self) -> Vec<u8> {
        let high = if self.input.chance(10) { self.number() } else { 0 };
        let first = self.number();
        let last = first.saturating_add(self.input.below(300) as u32);
        let ends = if self.input.chance(10) { [last, first] } else { [first, last] };
        ends.iter().flat_map(|low| [high.to_le_bytes(), low.to_le_bytes()].concat()).collect()
    }

    /// Reader and writer of one pair, builtin or user.
    fn ends(&mut self) -> Vec<u8> {
        let (writer, reader) = match self.input.below(5) {
            4 => (WRITER, *self.target.reader.0.last_chunk::<4>().unwrap_or(&READER)),
            n => BUILTIN[n],
        };
        let reader = if self.input.chance(6) { [0; 4] } else { reader };
        [reader, writer].concat()
    }

    /// DATA of builtin endpoint `of`: a participant, a writer or a reader that does not exist.
    fn data(&mut self, of: usize) -> Vec<u8> {
        let (writer, reader) = BUILTIN[of];
        let mut body = vec![0, 0, 16, 0];
        body.extend_from_slice(&[reader, writer].concat());
        body.extend_from_slice(&self.sequence());
        let mut flags = 0x04;
        if self.input.chance(6) {
            // Inline QoS: key hash and status, a dispose perhaps.
            let mut qos = Vec::new();
            let guid = self.guid(of);
            self.parameter(&mut qos, 0x70, &guid);
            let status = [0, 0, 0, self.input.below(4) as u8];
            self.parameter(&mut qos, 0x71, &status);
            self.parameter(&mut qos, 0x01, &[]);
            body.extend_from_slice(&qos);
            flags = [0x06, 0x0a, 0x02][self.input.below(3)];
        }
        let header = if self.input.chance(16) { self.input.below(12) as u8 } else { 3 };
        body.extend_from_slice(&[0, header, 0, 0]);
        let list = if of == 0 { self.participant() } else { self.endpoint(of) };
        body.extend_from_slice(&list);
        self.part(0x15, flags, &body)
    }

    fn guid(&mut self, of: usize) -> Vec<u8> {
        let entity = [[0, 0, 1, 0xc1], WRITER, READER][of.min(2)];
        let mut guid = [&self.prefix[..], &entity].concat();
        if self.input.chance(24) {
            guid[self.input.below(16)] = self.input.next() as u8;
        }
        guid
    }

    /// A parameter; what it is and how long it is may be wrong.
    fn parameter(&mut self, list: &mut Vec<u8>, id: u16, value: &[u8]) {
        let locator = matches!(id, 0x2f..=0x33 | 0x48);
        let (mut id, mut value) = (id, value.to_vec());
        let mut length = value.len() as u16;
        match self.input.below(48) {
            0 => return,
            1 => length = self.input.next() as u16,
            2 if !locator => id = self.input.below(0x80) as u16 & !0x30,
            3 if !locator && !value.is_empty() => {
                let at = self.input.below(value.len());
                value[at] = self.input.next() as u8;
            }
            4 if !locator => {
                value = self.input.bytes(40).to_vec();
                length = value.len() as u16;
            }
            5 => {
                value.truncate(self.input.below(value.len() + 1));
                length = value.len() as u16;
            }
            _ => {}
        }
        list.extend_from_slice(&id.to_le_bytes());
        list.extend_from_slice(&length.to_le_bytes());
        list.extend_from_slice(&value);
    }

    fn text(&mut self, list: &mut Vec<u8>, id: u16, text: &str) {
        let mut value = (text.len() as u32 + 1).to_le_bytes().to_vec();
        value.extend_from_slice(text.as_bytes());
        value.resize((value.len() + 1).next_multiple_of(4), 0);
        self.parameter(list, id, &value);
    }

    /// SPDP (RTPS 2.5, 8.5.3): nobody answers at the address it gives.
    fn participant(&mut self) -> Vec<u8> {
        let mut list = Vec::new();
        let guid = self.guid(0);
        let locator = [&[1, 0, 0, 0, 9, 0, 0, 0][..], &[0; 12], &[127, 0, 0, 1]].concat();
        let lease = [self.number().to_le_bytes(), [0; 4]].concat();
        self.parameter(&mut list, 0x15, &[2, 4, 0, 0]);
        self.parameter(&mut list, 0x16, &[1, 0x0f, 0, 0]);
        self.parameter(&mut list, 0x50, &guid);
        for id in [0x31, 0x32] {
            self.parameter(&mut list, id, &locator);
        }
        self.parameter(&mut list, 0x02, &lease);
        self.parameter(&mut list, 0x58, &[0x3f, 0x0c, 0, 0]);
        self.text(&mut list, 0x62, "nobody");
        self.parameter(&mut list, 0x01, &[]);
        list
    }

    /// SEDP (RTPS 2.5, 8.5.4): a writer or reader of the topic the participant reads.
    fn endpoint(&mut self, of: usize) -> Vec<u8> {
        let mut list = Vec::new();
        let guid = self.guid(of);
        let kind = [self.input.below(4) as u8, 0, 0, 0];
        self.parameter(&mut list, 0x5a, &guid);
        self.text(&mut list, 0x05, "fuzz");
        self.text(&mut list, 0x07, "Fuzz");
        // Reliability, durability, history, resource limits, deadline, liveliness, ownership,
        // destination order, presentation, lifespan, partition, representation.
        let (block, depth) = (self.number().to_le_bytes(), self.number().to_le_bytes());
        let reliable = [[1 + kind[0] % 2, 0, 0, 0], block, depth].concat();
        self.parameter(&mut list, 0x1a, &reliable);
        for id in [0x1d, 0x1f, 0x25] {
            if self.input.chance(2) {
                self.parameter(&mut list, id, &kind);
            }
        }
        for (id, words) in
            [(0x40, 2), (0x41, 3), (0x23, 2), (0x1b, 3), (0x21, 2), (0x2b, 2), (0x29, 3), (0x73, 2)]
        {
            if self.input.chance(3) {
                let value: Vec<u8> = (0..words).flat_map(|_| self.number().to_le_bytes()).collect();
                self.parameter(&mut list, id, &value);
            }
        }
        self.parameter(&mut list, 0x01, &[]);
        list
    }

    /// DATA of the stranger's user writer.
    fn user_data(&mut self) -> Vec<u8> {
        let reader = *self.target.reader.0.last_chunk::<4>().unwrap_or(&READER);
        let mut body = vec![0, 0, 16, 0];
        body.extend_from_slice(&[reader, WRITER].concat());
        body.extend_from_slice(&self.sequence());
        body.extend_from_slice(&[0, self.input.below(12) as u8, 0, self.input.below(4) as u8]);
        body.extend_from_slice(self.input.bytes(64));
        let flags = [0x04, 0x04, 0x08, 0x0c, 0x00][self.input.below(5)];
        self.part(0x15, flags, &body)
    }

    fn heartbeat(&mut self) -> Vec<u8> {
        let body = [self.ends(), self.range(), self.number().to_le_bytes().to_vec()];
        let flags = self.input.below(8) as u8;
        self.part(0x07, flags, &body.concat())
    }

    /// A set of sequence or fragment numbers: base, count, bits.
    fn bits(&mut self) -> Vec<u8> {
        let count = if self.input.chance(6) { self.number() } else { self.input.below(257) as u32 };
        let words = if self.input.chance(8) {
            self.input.below(10)
        } else {
            count.div_ceil(32).min(8) as usize
        };
        let mut out = count.to_le_bytes().to_vec();
        for _ in 0..words {
            out.extend_from_slice(&(self.input.next() as u32).to_le_bytes());
        }
        out
    }

    fn acknack(&mut self) -> Vec<u8> {
        let mut body = self.ends();
        body.extend_from_slice(&self.sequence());
        let fragments = self.input.chance(3);
        if fragments {
            // What high ones cost is known; 0 and the highest do not come through.
            let base = match self.input.below(16) {
                0 => [0, 1 << 24, u32::MAX][self.input.below(3)],
                _ => 1 + self.input.below(5000) as u32,
            };
            body.extend_from_slice(&base.to_le_bytes());
        }
        body.extend_from_slice(&self.bits());
        body.extend_from_slice(&self.number().to_le_bytes());
        let flags = self.input.below(4) as u8;
        self.part(if fragments { 0x12 } else { 0x06 }, flags, &body)
    }

    fn gap(&mut self) -> Vec<u8> {
        let body = [self.ends(), self.range(), self.bits()].concat();
        self.part(0x08, 0, &body)
    }

    /// DATA_FRAG or HEARTBEAT_FRAG of a sample of at most 64 KiB: what larger ones cost is known.
    fn fragment(&mut self) -> Vec<u8> {
        let mut body = self.ends();
        body.extend_from_slice(&self.sequence());
        body.extend_from_slice(&self.number().to_le_bytes());
        if self.input.chance(4) {
            body.extend_from_slice(&self.number().to_le_bytes());
            return self.part(0x13, 0, &body);
        }
        let (count, size) =
            (self.input.below(4) as u16, self.input.next() as u16 >> self.input.below(16));
        body.extend_from_slice(&[count.to_le_bytes(), size.to_le_bytes()].concat());
        body.extend_from_slice(&(self.number() & 0xffff).to_le_bytes());
        body.extend_from_slice(self.input.bytes(300));
        let body = [&[0, 0, 28, 0][..], &body].concat();
        let flags = [0, 4, 2][self.input.below(3)];
        self.part(0x16, flags, &body)
    }
}
