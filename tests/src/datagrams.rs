use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};

/// Malformed RTPS datagrams without end, the same ones for the same seed.
///
/// From noise to messages that are right up to their last field: every length, count and offset an
/// RTPS 2.5 message carries (9.4) is somewhere a lie. They claim to come from a handful of
/// participants that do not exist, and name no address but loopback.
pub struct Datagrams {
    rng: StdRng,
    fragments: bool,
    /// A participant that does exist, for fragments to claim to come from.
    borrowed: Option<[u8; 12]>,
}

/// Entity ids of RTPS 2.5, table 9.2: SPDP and both SEDP writers, and their readers.
const BUILTIN: [([u8; 4], [u8; 4]); 3] = [
    ([0x00, 0x01, 0x00, 0xc2], [0x00, 0x01, 0x00, 0xc7]),
    ([0x00, 0x00, 0x03, 0xc2], [0x00, 0x00, 0x03, 0xc7]),
    ([0x00, 0x00, 0x04, 0xc2], [0x00, 0x00, 0x04, 0xc7]),
];

/// Submessage ids of RTPS 2.5, 9.4.5.1, without [`DATA_FRAG`].
const KINDS: [u8; 12] = [0x01, 0x06, 0x07, 0x08, 0x09, 0x0c, 0x0d, 0x0e, 0x0f, 0x12, 0x13, 0x15];
const DATA_FRAG: u8 = 0x16;

impl Datagrams {
    /// Everything but fragments; a stream of its own for each seed.
    pub fn new(seed: u64) -> Self {
        Self { rng: StdRng::seed_from_u64(seed), fragments: false, borrowed: None }
    }

    /// Fragments of samples that claim to be up to 4 GiB long, small ones among them.
    pub fn fragments(seed: u64) -> Self {
        Self { fragments: true, ..Self::new(seed) }
    }

    /// Half of the fragments claim to come from `prefix`.
    pub fn in_the_name_of(self, prefix: [u8; 12]) -> Self {
        Self { borrowed: Some(prefix), ..self }
    }

    fn noise(&mut self, most: usize) -> Vec<u8> {
        let mut bytes = vec![0; self.rng.random_range(0..=most)];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    /// Zero, one, all ones, or anything.
    fn number(&mut self) -> u32 {
        match self.rng.random_range(0..6) {
            0 => 0,
            1 => 1,
            2 => u32::MAX,
            3 => i32::MAX as u32,
            4 => 1 << 31,
            _ => self.rng.random(),
        }
    }

    fn numbers(&mut self, count: usize) -> Vec<u8> {
        (0..count).flat_map(|_| self.number().to_le_bytes()).collect()
    }

    fn header(&mut self) -> Vec<u8> {
        let mut message = b"RTPS\x02\x04\x01\x12".to_vec();
        message.extend_from_slice(b"nobody here");
        message.push(self.rng.random_range(0..16));
        message
    }

    /// A submessage whose length field lies now and then.
    fn submessage(&mut self, id: u8, flags: u8, body: &[u8]) -> Vec<u8> {
        let length = match self.rng.random_range(0..8) {
            0 => self.rng.random(),
            1 => u16::MAX,
            _ => body.len() as u16,
        };
        let mut out = vec![id, flags | 1];
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(body);
        out
    }

    /// Parameters of a participant or an endpoint, some longer than what follows.
    fn parameters(&mut self) -> Vec<u8> {
        let mut list = vec![0x00, 0x03, 0x00, 0x00];
        let ids = [
            0x15u16, 0x16, 0x50, 0x58, 0x02, 0x62, 0x2c, 0x59, 0x05, 0x07, 0x5a, 0x1a, 0x1d, 0x23,
            0x29, 0x40, 0x41, 0x70, 0x71, 0x73, 0x75, 0x8007,
        ];
        for _ in 0..self.rng.random_range(1..12) {
            let id = ids[self.rng.random_range(0..ids.len())];
            let value = match self.rng.random_range(0..3) {
                0 => self.noise(40),
                // A string or a sequence that claims more than there is.
                1 => [self.numbers(1), b"text".to_vec()].concat(),
                _ => self.numbers(4),
            };
            let length = match self.rng.random_range(0..6) {
                0 => self.rng.random(),
                1 => u16::MAX,
                _ => value.len() as u16,
            };
            list.extend_from_slice(&id.to_le_bytes());
            list.extend_from_slice(&length.to_le_bytes());
            list.extend_from_slice(&value);
        }
        if self.rng.random() {
            list.extend_from_slice(&[1, 0, 0, 0]);
        }
        list
    }

    /// DATA of a builtin endpoint.
    fn discovery(&mut self) -> Vec<u8> {
        let (writer, reader) = BUILTIN[self.rng.random_range(0..BUILTIN.len())];
        let to_qos = if self.rng.random_range(0..4) == 0 { self.rng.random() } else { 16u16 };
        let mut body = vec![0, 0];
        body.extend_from_slice(&to_qos.to_le_bytes());
        body.extend_from_slice(&reader);
        body.extend_from_slice(&writer);
        body.extend_from_slice(&self.numbers(2));
        body.extend_from_slice(&self.parameters());
        let cut = self.rng.random_range(0..=body.len());
        if self.rng.random_range(0..3) == 0 {
            body.truncate(cut);
        }
        let flags = [0x04, 0x06, 0x08, 0x0c][self.rng.random_range(0..4)];
        self.submessage(0x15, flags, &body)
    }

    /// HEARTBEAT, ACKNACK, GAP and their fragments with extreme numbers and bitmaps.
    fn protocol(&mut self) -> Vec<u8> {
        let (writer, reader) = BUILTIN[self.rng.random_range(0..BUILTIN.len())];
        let id = [0x06, 0x07, 0x08, 0x12, 0x13][self.rng.random_range(0..5)];
        let words = self.rng.random_range(0..16);
        let body = [reader.to_vec(), writer.to_vec(), self.numbers(words)].concat();
        self.submessage(id, 0, &body)
    }

    /// DATA_FRAG in which any number may be a lie.
    fn wrong_fragment(&mut self) -> Vec<u8> {
        let (writer, reader) = BUILTIN[self.rng.random_range(0..BUILTIN.len())];
        let mut body = vec![0, 0, 28, 0];
        body.extend_from_slice(&reader);
        body.extend_from_slice(&writer);
        let words = 5;
        body.extend_from_slice(&self.numbers(words));
        body.extend_from_slice(&self.noise(200));
        self.submessage(DATA_FRAG, 0, &body)
    }

    /// DATA_FRAG that is right, if its sample were as long as it says: the first 1 KiB of 4 KiB or
    /// more, or of 256 MiB or more.
    fn fragment(&mut self) -> Vec<u8> {
        const PART: u16 = 1024;
        let (writer, reader) = BUILTIN[self.rng.random_range(0..BUILTIN.len())];
        // No sample a writer of this test comes to.
        let sequence = self.rng.random_range(1 << 20..1 << 24);
        let size = match self.rng.random_range(0..3) {
            0 => self.rng.random_range(4 << 10..64 << 10),
            1 => 1 << 28,
            _ => self.rng.random_range(1 << 28..=u32::MAX),
        };
        let little: bool = self.rng.random();
        let short = |n: u16| if little { n.to_le_bytes() } else { n.to_be_bytes() };
        let long = |n: u32| if little { n.to_le_bytes() } else { n.to_be_bytes() };
        let mut out = vec![DATA_FRAG, u8::from(little)];
        out.extend_from_slice(&short(32 + PART));
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&short(28));
        out.extend_from_slice(&reader);
        out.extend_from_slice(&writer);
        let first = 1;
        out.extend_from_slice(&[long(0), long(sequence), long(first)].concat());
        out.extend_from_slice(&[short(1), short(PART)].concat());
        out.extend_from_slice(&long(size));
        out.resize(out.len() + usize::from(PART), 0);
        out
    }

    /// A message of fragments. What claims to come from a real participant is right but for the
    /// size: a lie it is believed could cost up to 256 MiB.
    fn of_fragments(&mut self) -> Vec<u8> {
        let mut message = self.header();
        let borrowed = self.borrowed.filter(|_| self.rng.random());
        match borrowed {
            Some(prefix) => message[8..20].copy_from_slice(&prefix),
            None if self.rng.random() => self.rng.fill_bytes(&mut message[8..20]),
            None => {}
        }
        for _ in 0..self.rng.random_range(1..4) {
            let right = borrowed.is_some() || self.rng.random();
            let part = if right { self.fragment() } else { self.wrong_fragment() };
            message.extend_from_slice(&part);
        }
        message
    }

    fn anything(&mut self) -> Vec<u8> {
        let id = KINDS[self.rng.random_range(0..KINDS.len())];
        let (flags, body) = (self.rng.random(), self.noise(120));
        self.submessage(id, flags, &body)
    }
}

impl Iterator for Datagrams {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        if self.rng.random_range(0..10) == 0 {
            return Some(self.noise(1400));
        }
        if self.fragments {
            return Some(self.of_fragments());
        }
        let mut message = self.header();
        for _ in 0..self.rng.random_range(1..4) {
            let part = match self.rng.random_range(0..8) {
                0 => self.noise(60),
                1 => self.anything(),
                2 => self.protocol(),
                _ => self.discovery(),
            };
            message.extend_from_slice(&part);
        }
        if self.rng.random_range(0..6) == 0 {
            let cut = self.rng.random_range(0..message.len());
            message.truncate(cut);
        }
        Some(message)
    }
}

/// The ports of a domain (RTPS 2.5, 9.6.1.1): discovery and user multicast, then discovery and user
/// unicast of the first `participants`.
pub fn rtps_ports(domain: u16, participants: u16) -> Vec<u16> {
    let base = 7400 + 250 * domain;
    let unicast = (0..participants).flat_map(|id| [base + 10 + 2 * id, base + 11 + 2 * id]);
    [base, base + 1].into_iter().chain(unicast).collect()
}
