//! A classic BPF machine for tests: what [`Assembler`](super::assembler::Assembler) writes, no more.

use libc::*;

use super::assembler::Instruction;
use super::program::UDP_HEADER;

/// Whether `program` lets a UDP datagram with this payload pass.
pub(super) fn accepts(program: &[Instruction], payload: &[u8]) -> bool {
    let packet = [&[0xee; UDP_HEADER as usize], payload].concat();
    let (mut a, mut x, mut memory, mut at) = (0u32, 0u32, [None; BPF_MEMWORDS as usize], 0);
    loop {
        let Instruction { code, if_true, if_false, k } = program[at];
        let code = u32::from(code);
        at += 1;
        let operand = if code & BPF_X != 0 { x } else { k };
        let class = code & 0x07;
        let mut jump = |truth: bool| at += usize::from(if truth { if_true } else { if_false });
        match (class, code & 0xf0) {
            (BPF_RET, _) => {
                assert!(k == 0 || k as usize >= packet.len(), "keeps {k} bytes");
                return k != 0;
            }
            (BPF_JMP, BPF_JA) => at += k as usize,
            (BPF_JMP, BPF_JEQ) => jump(a == operand),
            (BPF_JMP, BPF_JGE) => jump(a >= operand),
            (BPF_JMP, BPF_JSET) => jump(a & operand != 0),
            (BPF_ALU, BPF_ADD) => a = a.wrapping_add(operand),
            (BPF_ALU, BPF_AND) => a &= operand,
            (BPF_ALU, BPF_LSH) => a <<= operand,
            (BPF_ALU, BPF_RSH) => a >>= operand,
            (BPF_ALU, BPF_MOD) => a %= operand,
            (BPF_MISC, BPF_TAX) => x = a,
            (BPF_ST, _) => memory[k as usize] = Some(a),
            (BPF_LD | BPF_LDX, _) => {
                let start = if code & 0xe0 == BPF_IND { x + k } else { k } as usize;
                let size = if code & 0x18 == BPF_B { 1 } else { 4 };
                let value = match code & 0xe0 {
                    BPF_IMM => k,
                    BPF_LEN => packet.len() as u32,
                    BPF_MEM => memory[k as usize].expect("kept before it is recalled"),
                    _ => match packet.get(start..start + size) {
                        Some(bytes) => bytes.iter().fold(0, |v, byte| v << 8 | u32::from(*byte)),
                        None => return false,
                    },
                };
                *if class == BPF_LDX { &mut x } else { &mut a } = value;
            }
            other => panic!("no such instruction: {other:x?}"),
        }
    }
}
