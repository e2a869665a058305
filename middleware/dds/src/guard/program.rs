//! The filter: walks the submessages of an RTPS message (RTPS 2.5, 9.4) as RustDDS does.

use std::collections::BTreeSet;

use tidewire_transport::Prefix;

use super::assembler::{Assembler, Instruction, Label, Size, Slot, Test, Verdict};

/// A socket filter on UDP sees the datagram with its header.
pub(super) const UDP_HEADER: u32 = 8;
const PROTOCOL: u32 = UDP_HEADER;
const RTPS: u32 = u32::from_be_bytes(*b"RTPS");
/// After protocol, version and vendor.
const GUID_PREFIX: u32 = UDP_HEADER + 8;
const FIRST_SUBMESSAGE: u32 = GUID_PREFIX + size_of::<Prefix>() as u32;

// A submessage begins with kind (1 byte), flags (1) and length of what follows (2), one big-endian
// word to this machine.
const SUBMESSAGE_HEADER: u32 = 4;
const KIND_SHIFT: u32 = 24;
/// Flag 0: numbers of this submessage are little-endian.
const LITTLE_ENDIAN: u32 = 1 << 16;
const LENGTH: u32 = 0xffff;

pub(super) const PAD: u32 = 0x01;
pub(super) const HEARTBEAT: u32 = 0x07;
pub(super) const INFO_TS: u32 = 0x09;
pub(super) const INFO_SRC: u32 = 0x0c;
pub(super) const NACK_FRAG: u32 = 0x12;
pub(super) const DATA_FRAG: u32 = 0x16;

/// `sampleSize` of a DATA_FRAG: after its header extraFlags (2), octetsToInlineQos (2), readerId (4),
/// writerId (4), writerSN (8), fragmentStartingNum (4), fragmentsInSubmessage (2), fragmentSize (2).
const SAMPLE_SIZE: u32 = SUBMESSAGE_HEADER + 28;
/// Samples whose size has this or more in its most significant byte are refused: 256 MiB.
const TOO_LARGE: u32 = 0x10;

/// First of the fragments a NACK_FRAG asks for: after its header readerId (4), writerId (4), writerSN (8).
const FIRST_WANTED: u32 = SUBMESSAGE_HEADER + 16;
/// This number and all beyond are refused: RustDDS keeps a bit for each fragment before it, and no
/// sample it sends has as many. There is none of number 0.
const TOO_MANY: u32 = 1 << 24;

/// Last of the samples a HEARTBEAT tells of: after its header readerId (4), writerId (4), firstSN (8). RustDDS counts
/// up to it, and beyond the last number of all (0x7fffffff, 0xffffffff) for ever, or panics.
const LAST_SAMPLE: u32 = SUBMESSAGE_HEADER + 16;

/// Submessages that share their verdicts, and senders that share a jump: a branch reaches no more
/// than 255 instructions.
const TOGETHER: usize = 4;
const WITHIN_REACH: usize = 40;

/// Whether fragments may come: 1 if the message's sender is known, else 0.
const KNOWN: Slot = Slot(0);
/// The first word of the submessage at the index.
const HEADER: Slot = Slot(1);
/// The sender's GUID prefix.
const SENDER: [Slot; 3] = [Slot(2), Slot(3), Slot(4)];
/// [`FIRST_WANTED`], as it stands in the message.
const WANTED: Slot = Slot(5);

/// A filter that lets in fragments of `senders` only (`None`: of anybody), no sample of
/// [`TOO_LARGE`], no wish for fragments that cannot be and no HEARTBEAT of the last number of all, and looks at
/// `depth` submessages; `None` if it is too long for the kernel.
///
/// What lies behind those is accepted from `senders`: RustDDS packs over a thousand small samples
/// into a datagram, and the machine has no loops.
pub(super) fn guard(senders: Option<&BTreeSet<Prefix>>, depth: usize) -> Option<Vec<Instruction>> {
    let mut a = Assembler::default();
    let [rtps, alien] = a.labels();
    let mut ends = a.labels();
    a.load(Size::Word, PROTOCOL);
    a.branch(Test::Equals(RTPS), rtps, alien);
    a.here(alien);
    a.verdict(Verdict::Drop);
    a.here(rtps);
    match senders {
        Some(senders) => recognise(&mut a, senders),
        None => {
            a.load_constant(1);
            a.keep(KNOWN);
        }
    }
    a.set_index(FIRST_SUBMESSAGE);
    for left in (0..depth).rev() {
        if left % TOGETHER == TOGETHER - 1 || left == depth - 1 {
            ends = a.labels();
        }
        submessage(&mut a, senders.is_some(), ends, left % TOGETHER == 0);
    }
    let [more, accept, drop] = a.labels();
    a.load_length();
    a.branch(Test::EqualsIndex, accept, more);
    a.here(more);
    a.recall(KNOWN);
    a.branch(Test::Equals(0), drop, accept);
    a.here(drop);
    a.verdict(Verdict::Drop);
    a.here(accept);
    a.verdict(Verdict::Accept);
    a.assemble()
}

/// Sets [`KNOWN`].
fn recognise(a: &mut Assembler, senders: &BTreeSet<Prefix>) {
    let [known, end] = a.labels();
    for (slot, offset) in SENDER.into_iter().zip((GUID_PREFIX..).step_by(4)) {
        a.load(Size::Word, offset);
        a.keep(slot);
    }
    let senders: Vec<_> = senders.iter().collect();
    for group in senders.chunks(WITHIN_REACH) {
        let [found, next] = a.labels();
        for prefix in group {
            let [other] = a.labels();
            for (at, (slot, word)) in SENDER.into_iter().zip(prefix.as_chunks().0).enumerate() {
                let [same] = a.labels();
                let yes = if at + 1 == SENDER.len() { found } else { same };
                a.recall(slot);
                a.branch(Test::Equals(u32::from_be_bytes(*word)), yes, other);
                a.here(same);
            }
            a.here(other);
        }
        a.goto(next);
        a.here(found);
        a.goto(known);
        a.here(next);
    }
    a.load_constant(0);
    a.keep(KNOWN);
    a.goto(end);
    a.here(known);
    a.load_constant(1);
    a.keep(KNOWN);
    a.here(end);
}

/// Looks at the submessage at the index and moves the index to the next one. The verdicts `ends` are
/// set here if this one is the `last` that uses them.
fn submessage(a: &mut Assembler, senders_matter: bool, ends: [Label; 2], last: bool) {
    let [accept, drop] = ends;
    let [more, fragment, whole, wanted, other, beat, rest, source, length, next] = a.labels();
    a.load_length();
    a.branch(Test::EqualsIndex, accept, more);
    a.here(more);
    a.load_indexed(Size::Word, 0);
    a.keep(HEADER);
    a.shift_right(KIND_SHIFT);
    a.branch(Test::Equals(DATA_FRAG), fragment, whole);
    a.here(whole);
    a.branch(Test::Equals(NACK_FRAG), wanted, other);
    a.here(other);
    a.branch(Test::Equals(HEARTBEAT), beat, rest);
    a.here(rest);
    if senders_matter {
        a.branch(Test::Equals(INFO_SRC), source, length);
    } else {
        a.goto(length);
    }
    a.here(fragment);
    check_fragment(a, drop, length);
    a.here(wanted);
    check_wanted(a, drop, length);
    a.here(beat);
    check_heartbeat(a, drop, length);
    a.here(source);
    if senders_matter {
        // It names another sender of what follows, and anybody can name a known one.
        a.load_constant(0);
        a.keep(KNOWN);
    }
    a.here(length);
    add_length(a, accept, next);
    if last {
        a.goto(next);
        a.here(accept);
        a.verdict(Verdict::Accept);
        a.here(drop);
        a.verdict(Verdict::Drop);
    }
    a.here(next);
    a.add_index();
    a.add(SUBMESSAGE_HEADER);
    a.move_to_index();
}

fn check_fragment(a: &mut Assembler, drop: Label, fine: Label) {
    let [known, little, big, size] = a.labels();
    a.recall(KNOWN);
    a.branch(Test::Equals(0), drop, known);
    a.here(known);
    a.recall(HEADER);
    a.branch(Test::HasBit(LITTLE_ENDIAN), little, big);
    a.here(big);
    a.load_indexed(Size::Byte, SAMPLE_SIZE);
    a.goto(size);
    a.here(little);
    a.load_indexed(Size::Byte, SAMPLE_SIZE + 3);
    a.here(size);
    a.branch(Test::AtLeast(TOO_LARGE), drop, fine);
}

fn check_wanted(a: &mut Assembler, drop: Label, fine: Label) {
    let [some, little, big] = a.labels();
    // Loaded once: the kernel makes ten instructions of it.
    a.load_indexed(Size::Word, FIRST_WANTED);
    a.branch(Test::Equals(0), drop, some);
    a.here(some);
    a.keep(WANTED);
    a.recall(HEADER);
    a.branch(Test::HasBit(LITTLE_ENDIAN), little, big);
    a.here(big);
    a.recall(WANTED);
    a.branch(Test::AtLeast(TOO_MANY), drop, fine);
    a.here(little);
    a.recall(WANTED);
    a.branch(Test::HasBit((!(TOO_MANY - 1)).swap_bytes()), drop, fine);
}

/// In either byte order, which costs one that ends 2^32 samples later, or a multiple of them.
fn check_heartbeat(a: &mut Assembler, drop: Label, fine: Label) {
    let [high] = a.labels();
    a.load_indexed(Size::Word, LAST_SAMPLE + 4);
    a.branch(Test::Equals(u32::MAX), high, fine);
    a.here(high);
    a.load_indexed(Size::Word, LAST_SAMPLE);
    a.branch(Test::Equals(0), fine, drop);
}

/// Loads the length of the submessage's body and goes to `next`, or to `last` if nothing follows. Runs
/// on to what stands behind it where that is `next`.
fn add_length(a: &mut Assembler, last: Label, next: Label) {
    let [zero, some, little, big, maybe_time, empty] = a.labels();
    a.recall(HEADER);
    a.branch(Test::HasBit(LENGTH), some, zero);
    a.here(some);
    a.branch(Test::HasBit(LITTLE_ENDIAN), little, big);
    a.here(big);
    a.mask(LENGTH);
    a.goto(next);
    a.here(little);
    // Swaps the two bytes: 2^16 is 1 modulo 2^16 - 1, so what is shifted out comes in below. (0xffff
    // becomes 0, but no datagram has room for that length.)
    a.mask(LENGTH);
    a.shift_left(8);
    a.modulo(LENGTH);
    a.goto(next);
    // Length 0 means "up to the end of the message", except where there is nothing to say.
    a.here(zero);
    a.shift_right(KIND_SHIFT);
    a.branch(Test::Equals(PAD), empty, maybe_time);
    a.here(maybe_time);
    a.branch(Test::Equals(INFO_TS), empty, last);
    a.here(empty);
    a.load_constant(0);
}
