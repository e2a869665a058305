//! The filter: UDP over IPv4 for our addresses and port goes to the AF_XDP socket of its queue,
//! everything else on to the kernel. Written as instructions, so that no compiler for eBPF is needed.

use std::net::Ipv4Addr;

/// One instruction as the kernel takes it (`struct bpf_insn`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Instruction {
    pub code: u8,
    /// Destination in the low half, source in the high half.
    pub registers: u8,
    pub offset: i16,
    pub immediate: i32,
}

/// Where bytes lie in a frame, from the Ethernet header on.
pub mod at {
    pub const ETHERTYPE: i16 = 12;
    pub const VERSION: i16 = 14;
    pub const FRAGMENT: i16 = 20;
    pub const PROTOCOL: i16 = 23;
    pub const DESTINATION: i16 = 30;
    pub const PORT: i16 = 36;
    pub const PAYLOAD: i32 = 42;
}

/// Addresses one filter knows.
pub const MAX_ADDRESSES: usize = 32;

const BYTE: u8 = 0x10;
const HALF: u8 = 0x08;
const WORD: u8 = 0x00;
const PASS: i32 = 2;
const REDIRECT_MAP: i32 = 51;
const PSEUDO_MAP_FD: u8 = 1;

#[derive(Default)]
struct Writer {
    code: Vec<Instruction>,
    /// Jumps to the end, where the frame is passed on.
    to_pass: Vec<usize>,
    /// Jumps to the redirection.
    to_take: Vec<usize>,
}

impl Writer {
    fn put(&mut self, code: u8, to: u8, from: u8, offset: i16, immediate: i32) {
        self.code.push(Instruction { code, registers: from << 4 | to, offset, immediate });
    }

    /// `to = *(size *)(from + offset)`
    fn load(&mut self, size: u8, to: u8, from: u8, offset: i16) {
        self.put(0x61 & !0x18 | size, to, from, offset, 0);
    }

    /// On to the next instruction only if the 32 bits of `register` are `value`.
    fn require(&mut self, register: u8, value: u32) {
        self.to_pass.push(self.code.len());
        self.put(0x56, register, 0, 0, value.cast_signed());
    }
}

/// The filter for packets to `addresses` and `port`; `map` is the descriptor of the socket map.
pub fn filter(addresses: &[Ipv4Addr], port: u16, map: i32) -> Vec<Instruction> {
    let mut w = Writer::default();
    // r1: struct xdp_md; r2: the frame, r3: its end.
    w.load(WORD, 2, 1, 0);
    w.load(WORD, 3, 1, 4);
    w.put(0xbf, 4, 2, 0, 0); // r4 = r2
    w.put(0x07, 4, 0, 0, at::PAYLOAD); // r4 += 42
    w.to_pass.push(w.code.len());
    w.put(0x2d, 4, 3, 0, 0); // if r4 > r3: too short
    let half = |value: u16| u32::from(value.to_be());
    w.load(HALF, 4, 2, at::ETHERTYPE);
    w.require(4, half(0x0800));
    w.load(BYTE, 4, 2, at::VERSION);
    w.require(4, 0x45); // IPv4 without options
    w.load(HALF, 4, 2, at::FRAGMENT);
    w.put(0x57, 4, 0, 0, half(0x3fff).cast_signed()); // r4 &= more fragments, offset
    w.require(4, 0);
    w.load(BYTE, 4, 2, at::PROTOCOL);
    w.require(4, 17);
    w.load(HALF, 4, 2, at::PORT);
    w.require(4, half(port));
    w.load(WORD, 4, 2, at::DESTINATION);
    for address in addresses.iter().take(MAX_ADDRESSES) {
        w.to_take.push(w.code.len());
        w.put(0x16, 4, 0, 0, address.to_bits().to_be().cast_signed()); // if w4 == address
    }
    w.to_pass.push(w.code.len());
    w.put(0x05, 0, 0, 0, 0); // goto pass
    let take = w.code.len();
    w.load(WORD, 2, 1, 16); // r2 = rx_queue_index
    w.put(0x18, 1, PSEUDO_MAP_FD, 0, map); // r1 = map, in two instructions
    w.put(0, 0, 0, 0, 0);
    w.put(0xb7, 3, 0, 0, PASS); // r3 = what to do where the queue has no socket
    w.put(0x85, 0, 0, 0, REDIRECT_MAP);
    w.put(0x95, 0, 0, 0, 0); // exit
    let pass = w.code.len();
    w.put(0xb7, 0, 0, 0, PASS);
    w.put(0x95, 0, 0, 0, 0);
    for (jumps, target) in [(&w.to_pass, pass), (&w.to_take, take)] {
        for &from in jumps {
            // At most 70 instructions: it fits.
            w.code[from].offset = (target - from - 1) as i16;
        }
    }
    w.code
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the filter on a frame, as far as this filter goes: whether it takes the frame.
    fn takes(program: &[Instruction], frame: &[u8]) -> bool {
        let mut r = [0_u64; 11];
        let mut pc = 0;
        loop {
            let Instruction { code, registers, offset, immediate } = program[pc];
            let (to, from) = (usize::from(registers & 15), usize::from(registers >> 4));
            let jump = |yes: bool| if yes { offset as isize } else { 0 };
            let mut step = 1;
            match code {
                0x61 if from == 1 && offset == 0 => r[to] = 0,
                0x61 if from == 1 && offset == 4 => r[to] = frame.len() as u64,
                0x61 if from == 1 && offset == 16 => return true,
                0x61 | 0x69 | 0x71 => {
                    let at = r[from] as usize + offset as usize;
                    let size = match code {
                        0x61 => 4,
                        0x69 => 2,
                        _ => 1,
                    };
                    let mut bytes = [0; 8];
                    bytes[..size].copy_from_slice(&frame[at..at + size]);
                    r[to] = u64::from_le_bytes(bytes);
                }
                0xbf => r[to] = r[from],
                0x07 => r[to] = r[to].wrapping_add_signed(immediate.into()),
                0x57 => r[to] &= i64::from(immediate).cast_unsigned(),
                0x2d => step += jump(r[to] > r[from]),
                0x56 => step += jump(r[to] as u32 != immediate.cast_unsigned()),
                0x16 => step += jump(r[to] as u32 == immediate.cast_unsigned()),
                0x05 => step += jump(true),
                0xb7 => r[to] = immediate as u64,
                0x95 => return false,
                other => panic!("instruction {other:#x}"),
            }
            pc = pc.wrapping_add_signed(step);
        }
    }

    fn frame() -> Vec<u8> {
        let mut frame = vec![0; 60];
        frame[12..14].copy_from_slice(&[0x08, 0x00]);
        frame[14] = 0x45;
        frame[23] = 17;
        frame[30..34].copy_from_slice(&[10, 1, 2, 200]);
        frame[36..38].copy_from_slice(&7500_u16.to_be_bytes());
        frame
    }

    #[test]
    fn only_our_datagrams_are_taken() {
        let addresses = [Ipv4Addr::new(239, 1, 2, 3), Ipv4Addr::new(10, 1, 2, 200)];
        let program = filter(&addresses, 7500, 5);
        assert!(takes(&program, &frame()));
        let with = |at: usize, byte: u8| {
            let mut frame = frame();
            frame[at] = byte;
            takes(&program, &frame)
        };
        assert!(with(20, 0x40), "don't fragment is no fragment");
        for (at, byte, what) in [
            (12, 0x86, "not IPv4"),
            (14, 0x46, "options"),
            (20, 0x20, "more fragments"),
            (21, 1, "a later fragment"),
            (23, 6, "TCP"),
            (33, 3, "another address"),
            (37, 0, "another port"),
        ] {
            assert!(!with(at, byte), "{what}");
        }
        assert!(!takes(&program, &frame()[..41]), "too short");
        assert_eq!(filter(&addresses[..1], 7500, 5).len(), 27);
    }
}
