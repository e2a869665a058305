//! Writes classic BPF programs: labels instead of counted jumps, verbs instead of opcodes.

use libc::{
    BPF_ABS, BPF_ADD, BPF_ALU, BPF_AND, BPF_B, BPF_IMM, BPF_IND, BPF_JA, BPF_JEQ, BPF_JGE, BPF_JMP,
    BPF_JSET, BPF_K, BPF_LD, BPF_LDX, BPF_LEN, BPF_LSH, BPF_MAXINSNS, BPF_MEM, BPF_MISC, BPF_MOD,
    BPF_RET, BPF_RSH, BPF_ST, BPF_TAX, BPF_W, BPF_X,
};

/// One instruction as the kernel takes it (`struct sock_filter`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Instruction {
    pub code: u16,
    pub if_true: u8,
    pub if_false: u8,
    pub k: u32,
}

/// A place in the program, set by [`Assembler::here`]; jumps run forward only.
#[derive(Clone, Copy)]
pub(super) struct Label(usize);

/// A word of the machine's scratch memory.
#[derive(Clone, Copy)]
pub(super) struct Slot(pub u32);

/// How much of the datagram a load takes, in network byte order.
#[derive(Clone, Copy)]
pub(super) enum Size {
    Byte,
    Word,
}

/// What a branch asks of the accumulator.
#[derive(Clone, Copy)]
pub(super) enum Test {
    Equals(u32),
    EqualsIndex,
    AtLeast(u32),
    HasBit(u32),
}

#[derive(Clone, Copy)]
pub(super) enum Verdict {
    /// The whole datagram.
    Accept,
    Drop,
}

enum Line {
    Plain { code: u32, k: u32 },
    Goto(Label),
    Branch { test: Test, yes: Label, no: Label },
}

/// A program under construction. The machine has an accumulator, an index and scratch slots.
#[derive(Default)]
pub(super) struct Assembler {
    lines: Vec<Line>,
    /// The line each label stands before.
    labels: Vec<usize>,
}

impl Assembler {
    /// Labels to be set with [`here`](Self::here).
    pub fn labels<const N: usize>(&mut self) -> [Label; N] {
        std::array::from_fn(|_| {
            self.labels.push(usize::MAX);
            Label(self.labels.len() - 1)
        })
    }

    /// The next instruction is where `label` leads.
    pub fn here(&mut self, label: Label) {
        self.labels[label.0] = self.lines.len();
    }

    fn plain(&mut self, code: u32, k: u32) {
        self.lines.push(Line::Plain { code, k });
    }

    /// Loads from `offset` of the datagram; beyond its end the kernel drops it.
    pub fn load(&mut self, size: Size, offset: u32) {
        self.plain(BPF_LD | size.code() | BPF_ABS, offset);
    }

    /// Loads from the index plus `offset`; beyond the datagram's end the kernel drops it.
    pub fn load_indexed(&mut self, size: Size, offset: u32) {
        self.plain(BPF_LD | size.code() | BPF_IND, offset);
    }

    /// Loads the datagram's length.
    pub fn load_length(&mut self) {
        self.plain(BPF_LD | BPF_W | BPF_LEN, 0);
    }

    pub fn load_constant(&mut self, value: u32) {
        self.plain(BPF_LD | BPF_IMM, value);
    }

    pub fn recall(&mut self, slot: Slot) {
        self.plain(BPF_LD | BPF_MEM, slot.0);
    }

    pub fn keep(&mut self, slot: Slot) {
        self.plain(BPF_ST, slot.0);
    }

    pub fn set_index(&mut self, value: u32) {
        self.plain(BPF_LDX | BPF_IMM, value);
    }

    /// Moves the accumulator to the index.
    pub fn move_to_index(&mut self) {
        self.plain(BPF_MISC | BPF_TAX, 0);
    }

    pub fn add_index(&mut self) {
        self.plain(BPF_ALU | BPF_ADD | BPF_X, 0);
    }

    pub fn add(&mut self, value: u32) {
        self.plain(BPF_ALU | BPF_ADD | BPF_K, value);
    }

    pub fn mask(&mut self, bits: u32) {
        self.plain(BPF_ALU | BPF_AND | BPF_K, bits);
    }

    pub fn shift_left(&mut self, bits: u32) {
        self.plain(BPF_ALU | BPF_LSH | BPF_K, bits);
    }

    pub fn shift_right(&mut self, bits: u32) {
        self.plain(BPF_ALU | BPF_RSH | BPF_K, bits);
    }

    pub fn modulo(&mut self, divisor: u32) {
        self.plain(BPF_ALU | BPF_MOD | BPF_K, divisor);
    }

    pub fn goto(&mut self, label: Label) {
        self.lines.push(Line::Goto(label));
    }

    /// Both ways must lie within the next 255 instructions.
    pub fn branch(&mut self, test: Test, yes: Label, no: Label) {
        self.lines.push(Line::Branch { test, yes, no });
    }

    pub fn verdict(&mut self, verdict: Verdict) {
        // The value returned is how many bytes to keep.
        self.plain(BPF_RET | BPF_K, if let Verdict::Accept = verdict { u32::MAX } else { 0 });
    }

    /// The program; `None` if it is longer than the kernel allows.
    ///
    /// # Panics
    /// A label is not set or a branch is too far: a mistake in the program, whatever its input.
    pub fn assemble(&self) -> Option<Vec<Instruction>> {
        if self.lines.len() > BPF_MAXINSNS as usize {
            return None;
        }
        let distance = |at: usize, to: Label| {
            self.labels[to.0].checked_sub(at + 1).expect("jumps run forward")
        };
        let near = |at, to| u8::try_from(distance(at, to)).expect("a branch reaches its label");
        let instruction = |(at, line): (usize, &Line)| {
            let (code, if_true, if_false, k) = match *line {
                Line::Plain { code, k } => (code, 0, 0, k),
                Line::Goto(label) => (BPF_JMP | BPF_JA, 0, 0, distance(at, label) as u32),
                Line::Branch { test, yes, no } => {
                    let (test, k) = test.code();
                    (BPF_JMP | test, near(at, yes), near(at, no), k)
                }
            };
            Instruction { code: code as u16, if_true, if_false, k }
        };
        Some(self.lines.iter().enumerate().map(instruction).collect())
    }
}

impl Size {
    fn code(self) -> u32 {
        match self {
            Self::Byte => BPF_B,
            Self::Word => BPF_W,
        }
    }
}

impl Test {
    fn code(self) -> (u32, u32) {
        match self {
            Self::Equals(value) => (BPF_JEQ | BPF_K, value),
            Self::EqualsIndex => (BPF_JEQ | BPF_X, 0),
            Self::AtLeast(value) => (BPF_JGE | BPF_K, value),
            Self::HasBit(bit) => (BPF_JSET | BPF_K, bit),
        }
    }
}
