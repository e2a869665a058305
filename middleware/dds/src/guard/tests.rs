//! Hostile and honest messages, through the filter's program and through the kernel's filter.

use std::collections::BTreeSet;

use tidewire_transport::Prefix;

use super::DEPTHS;
use super::machine::accepts;
use super::program::{DATA_FRAG, HEARTBEAT, INFO_SRC, INFO_TS, NACK_FRAG, PAD, guard};
use super::sockets::Sockets;

const DATA: u8 = 0x15;
const FRAGMENT: u8 = DATA_FRAG as u8;
const FRIEND: Prefix = *b"a known peer";
const STRANGER: Prefix = *b"nobody knows";

fn message(sender: Prefix) -> Vec<u8> {
    [&b"RTPS\x02\x04\x01\x12"[..], &sender].concat()
}

trait Submessages: Sized {
    fn add(self, little: bool, kind: u8, body: &[u8]) -> Self;
    fn fragment(self, little: bool, sample_size: u32) -> Self;

    fn wanted(self, little: bool, first: u32) -> Self;

    fn heartbeat(self, little: bool, last: i64) -> Self;

    fn data(self, little: bool) -> Self {
        self.add(little, DATA, &[7; 44])
    }
}

impl Submessages for Vec<u8> {
    fn add(mut self, little: bool, kind: u8, body: &[u8]) -> Self {
        let length = body.len() as u16;
        self.extend([kind, little.into()]);
        self.extend(if little { length.to_le_bytes() } else { length.to_be_bytes() });
        self.extend(body);
        self
    }

    fn fragment(self, little: bool, sample_size: u32) -> Self {
        // Every other number is one that would be refused in the place of the size.
        let mut body = [0xff; 32 + 256];
        let size = if little { sample_size.to_le_bytes() } else { sample_size.to_be_bytes() };
        body[28..32].copy_from_slice(&size);
        self.add(little, FRAGMENT, &body)
    }

    fn wanted(self, little: bool, first: u32) -> Self {
        let number = |n: u32| if little { n.to_le_bytes() } else { n.to_be_bytes() };
        // Reader, writer and sequence number; one bit, counted once.
        let words = [number(1), number(1 << 31), number(1)].concat();
        self.add(little, NACK_FRAG as u8, &[&[0; 16], &number(first)[..], &words].concat())
    }

    fn heartbeat(self, little: bool, last: i64) -> Self {
        let number = |n: u32| if little { n.to_le_bytes() } else { n.to_be_bytes() };
        let sequence = |n: i64| [number((n >> 32) as u32), number(n as u32)].concat();
        let body = [vec![0; 8], sequence(last - 3), sequence(last), number(1).to_vec()].concat();
        self.add(little, HEARTBEAT as u8, &body)
    }
}

/// A message of that many empty submessages, for more to follow.
fn padded(sender: Prefix, submessages: usize) -> Vec<u8> {
    (0..submessages).fold(message(sender), |message, _| message.add(true, PAD as u8, &[]))
}

/// Messages: what they are, whether they pass a filter that looks at `depth` submessages.
fn cases(depth: usize) -> Vec<(&'static str, bool, Vec<u8>)> {
    let mut cases = vec![
        ("nothing", false, vec![]),
        ("noise", false, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        ("a cut header", false, message(FRIEND)[..19].to_vec()),
        ("a header alone", true, message(STRANGER)),
        ("as many as are looked at", true, padded(STRANGER, depth)),
        ("more of a stranger", false, padded(STRANGER, depth + 1)),
        ("more of a friend", true, padded(FRIEND, depth + 1)),
        ("a cut submessage header", false, [message(FRIEND), vec![DATA, 1]].concat()),
    ];
    for little in [true, false] {
        let (friend, stranger) = (|| message(FRIEND), || message(STRANGER));
        let time = |m: Vec<u8>| m.add(little, INFO_TS as u8, &[1; 8]);
        let source = |m: Vec<u8>| m.add(little, INFO_SRC as u8, &[&[0; 8], &FRIEND[..]].concat());
        let nothing = |m: Vec<u8>| m.add(little, PAD as u8, &[]).add(little, INFO_TS as u8, &[]);
        let last = |mut m: Vec<u8>, at: usize| {
            m[at + 2..at + 4].fill(0);
            m
        };
        let cut = |mut m: Vec<u8>, by: usize| {
            m.truncate(m.len() - by);
            m
        };
        cases.extend([
            ("an announcement", true, time(stranger()).data(little)),
            ("data to the end", true, last(stranger().data(little), 20)),
            ("long data", true, stranger().add(little, DATA, &[FRAGMENT; 0x1234]).data(little)),
            ("cut data", false, cut(time(friend()).data(little), 1)),
            ("a fragment", true, time(friend()).fragment(little, 0x0fff_ffff).data(little)),
            ("a small fragment", true, friend().fragment(little, 300)),
            ("a stranger's fragment", false, time(stranger()).fragment(little, 300)),
            ("a huge fragment", false, friend().fragment(little, 0x1000_0000)),
            ("the hugest", false, friend().fragment(little, u32::MAX)),
            ("huge, and last", false, last(friend().fragment(little, 1 << 31), 20)),
            ("huge, behind data", false, friend().data(little).fragment(little, 1 << 31)),
            ("huge behind small", false, friend().fragment(little, 9).fragment(little, 1 << 28)),
            ("other byte order", false, friend().data(!little).fragment(little, 1 << 28)),
            ("behind nothing", false, nothing(friend()).fragment(little, 1 << 28)),
            ("behind nothing, small", true, nothing(friend()).fragment(little, 300)),
            ("cut before its size", false, cut(friend().fragment(little, 300), 257)),
            ("borrowed name", false, source(stranger()).fragment(little, 300)),
            ("changed name", false, source(friend()).data(little).fragment(little, 300)),
            ("changed name, no fragment", true, source(stranger()).data(little)),
            ("wanted fragments", true, time(friend()).wanted(little, 1).data(little)),
            ("late ones", true, friend().wanted(little, 0x00ff_ffff).wanted(little, 0x0001_0000)),
            ("a stranger's wish", true, stranger().wanted(little, 0x100)),
            ("fragment 0", false, friend().wanted(little, 0)),
            ("fragment 0, last", false, last(friend().wanted(little, 0), 20)),
            (
                "fragment 0, behind",
                false,
                friend().data(!little).wanted(little, 7).wanted(little, 0),
            ),
            ("fragment 2^24", false, friend().wanted(little, 1 << 24)),
            ("the last of all", false, friend().data(little).wanted(little, u32::MAX)),
            ("no fragment at all", false, cut(friend().wanted(little, 1), 13)),
            ("a heartbeat", true, time(stranger()).heartbeat(little, 7).data(little)),
            ("a late one", true, friend().heartbeat(little, u32::MAX.into())),
            ("one of many", true, friend().heartbeat(little, i64::MAX - 1)),
            ("of the last of all", false, friend().heartbeat(little, i64::MAX)),
            ("behind another", false, friend().heartbeat(little, 7).heartbeat(little, i64::MAX)),
            ("wanted last", false, padded(FRIEND, depth - 1).wanted(little, 0)),
            ("the last looked at", false, padded(FRIEND, depth - 1).fragment(little, 1 << 28)),
        ]);
    }
    cases
}

fn senders() -> BTreeSet<Prefix> {
    // Neighbours differ from a friend in one word each.
    let near = |at: usize| std::array::from_fn(|i| FRIEND[i] ^ u8::from(i == at));
    [0, 4, 8].map(near).into_iter().chain([FRIEND]).collect()
}

#[test]
fn strangers_and_giants_are_dropped_and_all_else_is_let_in() {
    for depth in DEPTHS {
        let program = guard(Some(&senders()), depth).unwrap();
        for (what, accepted, message) in cases(depth) {
            assert_eq!(accepts(&program, &message), accepted, "{what}: {message:02x?}");
        }
    }
}

#[test]
fn the_kernel_sees_it_as_we_do() {
    let receiver = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    receiver.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
    let guarded = Sockets::from(std::os::fd::OwnedFd::from(receiver.try_clone().unwrap()));
    // As deep as this kernel grants.
    let attached =
        |depth: &usize| guarded.attach(&guard(Some(&senders()), *depth).unwrap()).is_ok();
    let depth = DEPTHS.into_iter().find(attached).unwrap();
    let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    sender.connect(receiver.local_addr().unwrap()).unwrap();
    let end = message(*b"the last one");
    let mut buffer = vec![0; 1 << 16];
    for (what, accepted, message) in cases(depth) {
        sender.send(&message).unwrap();
        sender.send(&end).unwrap();
        let length = receiver.recv(&mut buffer).unwrap();
        assert_eq!(buffer[..length] == message, accepted, "{what}: {message:02x?}");
        if accepted {
            let length = receiver.recv(&mut buffer).unwrap();
            assert_eq!(buffer[..length], end, "{what}");
        }
    }
}

#[test]
fn without_senders_only_giants_are_dropped() {
    let program = guard(None, DEPTHS[0]).unwrap();
    for little in [true, false] {
        let m = || message(STRANGER).add(little, INFO_SRC as u8, &[0; 20]);
        assert!(accepts(&program, &m().fragment(little, 300)));
        assert!(!accepts(&program, &m().fragment(little, 1 << 28)));
        assert!(accepts(&program, &m().wanted(little, 5)));
        assert!(!accepts(&program, &m().wanted(little, 0)));
    }
    assert!(accepts(&program, &padded(STRANGER, DEPTHS[0] + 1)));
}

/// Participants whose prefixes fit the longest filter (docs/decisions/0004-socket-filter.md).
const MOST: u32 = 213;

#[test]
fn a_domain_of_two_hundred_fits_and_one_of_a_thousand_does_not() {
    let crowd = |count: u32| -> BTreeSet<Prefix> {
        let prefix = |i: u32| [i.to_be_bytes(), [7; 4], i.to_le_bytes()].concat();
        (0..count).map(|i| prefix(i).try_into().unwrap()).collect()
    };
    let program = guard(Some(&crowd(200)), DEPTHS[0]).unwrap();
    for sender in crowd(200) {
        assert!(accepts(&program, &message(sender).fragment(true, 300)));
    }
    assert!(!accepts(&program, &message(FRIEND).fragment(true, 300)));
    assert!(guard(Some(&crowd(MOST)), DEPTHS[0]).is_some());
    assert!(guard(Some(&crowd(MOST + 1)), DEPTHS[0]).is_none());
    assert!(guard(Some(&crowd(1000)), DEPTHS[0]).is_none());
}
