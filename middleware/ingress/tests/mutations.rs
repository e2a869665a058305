//! Frames and lines with anything wrong in them: no panic, no memory beyond the limit, and what is
//! right around them still counts. The same ones in every run.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use common::{Site, frame, temperature_frame};
use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};
use tidewire_idl::{InstanceState, KeyHash};
use tidewire_ingress::frame::{Frame, Reply};
use tidewire_ingress::split::{self, Piece, Splitter};
use tidewire_ingress::{Format, IngressOptions, line};

/// Counts what each thread holds: another test runs beside.
struct Counting;

thread_local! {
    static NOW: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    let now = NOW.get() + bytes;
    NOW.set(now);
    PEAK.set(PEAK.get().max(now));
}

// SAFETY: everything is the system's allocator; counting touches nothing of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MAX_FRAME: usize = 64 << 10;

/// A right frame with anything in it.
fn any_frame(rng: &mut StdRng) -> Vec<u8> {
    let mut payload = vec![0; [4, 12, 100, 3000][rng.random_range(0..4)]];
    rng.fill_bytes(&mut payload);
    payload[..2].copy_from_slice(&[0, rng.random_range(0..12)]);
    let keyed = rng.random();
    frame(Frame {
        id: rng.random(),
        change: [InstanceState::Alive, InstanceState::Disposed][rng.random_range(0..2)],
        keyed,
        answer: rng.random(),
        source_time: rng.random(),
        topic: ["t", "plant/level", "ünï"][rng.random_range(0..3)],
        type_name: ["m::T", "tidewire::sensor::Temperature"][rng.random_range(0..2)],
        key: keyed.then(|| KeyHash(rng.random())),
        payload: &payload,
    })
}

/// Numbers that lengths and counts go wrong by.
fn extreme(rng: &mut StdRng) -> u32 {
    [0, 1, 3, 4, 19, 20, 255, 65_535, i32::MAX as u32, u32::MAX, rng.random()]
        [rng.random_range(0..11)]
}

fn mutate_frame(rng: &mut StdRng, mut bytes: Vec<u8>) -> Vec<u8> {
    match rng.random_range(0..9) {
        0 => bytes[..4].copy_from_slice(&extreme(rng).to_le_bytes()),
        1 => {
            let near = (bytes.len() as u32).wrapping_add(rng.random_range(0..9)).wrapping_sub(8);
            bytes[..4].copy_from_slice(&near.to_le_bytes());
        }
        2 => bytes[rng.random_range(8..12)] = extreme(rng) as u8,
        3 => bytes[rng.random_range(4..8)] = rng.random(),
        4 => bytes.truncate(rng.random_range(0..bytes.len())),
        5 => {
            let at = rng.random_range(0..=bytes.len());
            let more: Vec<u8> = (0..rng.random_range(1..40)).map(|_| rng.random()).collect();
            bytes.splice(at..at, more);
        }
        6 => {
            let (at, other) = (rng.random_range(0..bytes.len()), any_frame(rng));
            bytes.truncate(at);
            bytes.extend_from_slice(&other[at.min(other.len())..]);
        }
        7 => {
            for _ in 0..rng.random_range(1..6) {
                let at = rng.random_range(0..bytes.len());
                bytes[at] ^= 1 << rng.random_range(0..8);
            }
        }
        _ => {}
    }
    bytes
}

const LINES: [&str; 6] = [
    "cpu,host=a,region=b usage=1.5,n=3i,u=7u,ok=t,text=\"a \\\"b\\\"\" 1700000000000000000",
    "m f=1",
    "my\\ m,t\\,g=v\\=x f\\ d=-1e9 -5",
    "# comment",
    "m,t=🍭 s=\"\\\\\"",
    "",
];

fn mutate_line(rng: &mut StdRng) -> Vec<u8> {
    let mut bytes = LINES[rng.random_range(0..LINES.len())].as_bytes().to_vec();
    let special = b",= \\\"\n\r#i\0\xff.eE-+t1";
    for _ in 0..rng.random_range(0..5) {
        let at = rng.random_range(0..=bytes.len());
        match rng.random_range(0..5) {
            0 => bytes.insert(at, special[rng.random_range(0..special.len())]),
            1 if at < bytes.len() => drop(bytes.remove(at)),
            2 => bytes.truncate(at),
            3 => {
                let other = LINES[rng.random_range(0..LINES.len())].as_bytes();
                let from = rng.random_range(0..=other.len());
                bytes.splice(at..at, other[from..].iter().copied());
            }
            _ if at < bytes.len() => bytes[at] = rng.random(),
            _ => {}
        }
    }
    if rng.random_range(0..1000) == 0 {
        let (at, long) = (rng.random_range(0..=bytes.len()), rng.random_range(1..3 * MAX_FRAME));
        bytes.splice(at..at, vec![special[rng.random_range(0..special.len())]; long]);
    }
    bytes
}

/// Cuts a stream as a socket might and looks at every piece; gives how many were whole and right.
fn digest(rng: &mut StdRng, format: Format, stream: &[u8]) -> usize {
    let mut splitter = Splitter::new(format, MAX_FRAME);
    let (mut rest, mut right, mut bytes) = (stream, 0, 0);
    let mut look = |piece: Piece<'_>| match piece {
        Piece::Whole(whole) => {
            assert!(whole.len() <= MAX_FRAME);
            bytes += whole.len();
            right += usize::from(match format {
                Format::Frames => Frame::decode(whole).is_ok(),
                Format::Lines => {
                    std::str::from_utf8(whole).is_ok_and(|text| line::parse(text).is_ok())
                }
            });
            true
        }
        Piece::Skipped(..) => true,
        Piece::Lost(_) => false,
    };
    while !rest.is_empty() {
        let count = rng.random_range(1..=rest.len().min(40_000));
        splitter.feed(&rest[..count]);
        rest = &rest[count..];
        while let Some(piece) = splitter.next() {
            if !look(piece) {
                return right;
            }
        }
    }
    if let Some(piece) = splitter.rest() {
        look(piece);
    }
    assert!(bytes <= stream.len());
    right
}

/// One seed for each run of the tests; with `TIDEWIRE_FUZZ_SECONDS` as many as fit.
fn seeds() -> impl Iterator<Item = u64> {
    let seconds = std::env::var("TIDEWIRE_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let end = Instant::now() + Duration::from_secs(seconds.unwrap_or(0));
    (1..).take_while(move |seed| *seed == 1 || Instant::now() < end)
}

#[test]
fn nothing_panics_and_memory_stays_bounded() {
    for seed in seeds() {
        let mut rng = StdRng::seed_from_u64(seed);
        let before = NOW.get();
        let mut right = [0, 0];
        PEAK.set(before);
        for _ in 0..5_000 {
            round(&mut rng, &mut right);
        }
        assert!(right[0] > 2_000 && right[1] > 5_000, "seed {seed}: {right:?}");
        // The streams themselves are below a megabyte.
        let peak = PEAK.get() - before;
        assert!(peak < 24 << 20, "seed {seed}: {peak} bytes");
    }
}

/// A few frames and a few lines, as a stream and as a datagram; counts those that are right.
fn round(rng: &mut StdRng, right: &mut [usize; 2]) {
    let mut frames = Vec::new();
    for _ in 0..rng.random_range(1..6) {
        let one = any_frame(rng);
        frames.extend(mutate_frame(rng, one));
    }
    right[0] += digest(rng, Format::Frames, &frames);
    split::datagram(Format::Frames, MAX_FRAME, &frames, |piece| {
        if let Piece::Whole(bytes) = piece {
            let _ = Frame::decode(bytes);
        }
    });
    for at in 0..frames.len().min(64) {
        if let Some((_, length)) = Reply::decode(&frames[at..]) {
            assert!(length <= frames.len() - at);
        }
    }
    let lines: Vec<_> = (0..rng.random_range(1..6)).map(|_| mutate_line(rng)).collect();
    right[1] += digest(rng, Format::Lines, &lines.join(&b'\n'));
    split::datagram(Format::Lines, MAX_FRAME, &lines.join(&b'\n'), |_| {});
}

#[test]
fn a_frame_that_decodes_encodes_to_the_same_bytes() {
    let mut rng = StdRng::seed_from_u64(2);
    let mut right = 0;
    for _ in 0..20_000 {
        let one = any_frame(&mut rng);
        let bytes = mutate_frame(&mut rng, one);
        if let Ok(decoded) = Frame::decode(&bytes) {
            assert_eq!(frame(decoded), bytes);
            right += 1;
        }
    }
    assert!(right > 3000, "{right}");
}

/// The same through sockets, to an ingress that serves somebody else meanwhile.
#[test]
fn mutated_clients_disturb_no_other() {
    let site = Site::new(
        &["unix://DIR/frames", "line+unix://DIR/lines"],
        IngressOptions { max_frame: MAX_FRAME, max_topics: 16, ..IngressOptions::default() },
    );
    let mut rng = StdRng::seed_from_u64(3);
    let mut good = site.client("frames");
    let payload = common::temperature("p", 1.0);
    for round in 0..150 {
        let mut frames = UnixStream::connect(site.path("frames")).unwrap();
        let mut lines = UnixStream::connect(site.path("lines")).unwrap();
        for _ in 0..20 {
            let one = any_frame(&mut rng);
            // It may hang up on us.
            let _ = frames.write_all(&mutate_frame(&mut rng, one));
            let _ = lines.write_all(&[&mutate_line(&mut rng)[..], b"\n"].concat());
        }
        good.send(&temperature_frame(round, &payload));
        assert_eq!(good.reply(), (round, 0, String::new()));
    }
    // Once the places of those before are free.
    let start = Instant::now();
    let said = loop {
        let mut lines = site.client("lines");
        let _ = lines.0.write_all(b"m f=1\n");
        let said = String::from_utf8(lines.farewell()).unwrap();
        if !said.contains("max_connections") {
            break said;
        }
        assert!(start.elapsed() < common::PATIENCE, "{said}");
    };
    assert!(said.is_empty() || said.contains("too many"), "{said}");
}
