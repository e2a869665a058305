//! Streams and datagrams cut into pieces.

use super::*;

fn frame(topic: &str, size: usize) -> Vec<u8> {
    let payload = vec![7; size];
    let frame = Frame { topic, type_name: "T", payload: &payload, id: 5, ..Frame::default() };
    let mut bytes = Vec::new();
    frame.encode(&mut bytes).unwrap();
    bytes
}

#[test]
fn frames_come_out_however_they_are_cut() {
    let stream: Vec<u8> = (0..40).flat_map(|i| frame("topic", i * 37)).collect();
    for step in [1, 7, 24, 1000, 100_000] {
        let mut splitter = Splitter::new(Format::Frames, 4096);
        let mut sizes = Vec::new();
        for part in stream.chunks(step) {
            splitter.feed(part);
            while let Some(piece) = splitter.next() {
                let Piece::Whole(bytes) = piece else { panic!("{piece:?}") };
                sizes.push(Frame::decode(bytes).unwrap().payload.len());
            }
        }
        assert_eq!(sizes, (0..40).map(|i| i * 37).collect::<Vec<_>>());
        assert_eq!(splitter.rest(), None);
    }
}

#[test]
fn a_frame_that_is_too_large_costs_only_itself_and_no_memory() {
    let mut splitter = Splitter::new(Format::Frames, 1000);
    let big = frame("big", 1 << 20);
    let (mut skipped, mut whole) = (0, 0);
    for part in [big, frame("small", 10)].concat().chunks(1 << 16) {
        splitter.feed(part);
        while let Some(piece) = splitter.next() {
            match piece {
                Piece::Skipped(reject, id) => {
                    assert_eq!((reject.reason, id), (Reason::TooLarge, 5));
                    skipped += 1;
                }
                Piece::Whole(_) => whole += 1,
                Piece::Lost(reject) => panic!("{reject}"),
            }
        }
        assert!(splitter.buffer.len() <= 3 * READ, "{}", splitter.buffer.len());
    }
    assert_eq!((skipped, whole), (1, 1));
}

#[test]
fn what_is_no_frame_ends_the_stream_and_half_a_frame_is_told() {
    let mut splitter = Splitter::new(Format::Frames, 1000);
    splitter.feed(b"GET / HTTP/1.1\r\n");
    assert!(matches!(splitter.next(), Some(Piece::Lost(_))));
    let mut splitter = Splitter::new(Format::Frames, 1000);
    splitter.feed(&frame("t", 10)[..30]);
    assert_eq!(splitter.next(), None);
    assert!(matches!(splitter.rest(), Some(Piece::Lost(_))));
    assert_eq!(splitter.rest(), None);
}

#[test]
fn an_endless_line_is_told_once_and_the_next_one_is_read() {
    let mut splitter = Splitter::new(Format::Lines, 256);
    let mut told = 0;
    for _ in 0..100 {
        splitter.feed(&[b'x'; 100_000]);
        while let Some(piece) = splitter.next() {
            assert!(matches!(piece, Piece::Skipped(..)));
            told += 1;
        }
    }
    splitter.feed(b"x\nm f=1\n");
    assert_eq!(splitter.next(), Some(Piece::Whole(b"m f=1")));
    assert_eq!((told, splitter.next()), (1, None));
    assert!(splitter.buffer.len() <= 3 * READ);
}

#[test]
fn datagrams_hold_several() {
    let both = [frame("a", 3), frame("b", 4)].concat();
    let mut count = 0;
    datagram(Format::Frames, 1000, &both, |piece| {
        assert!(matches!(piece, Piece::Whole(_)));
        count += 1;
    });
    datagram(Format::Lines, 1000, b"m f=1\n\nm f=2", |_| count += 1);
    assert_eq!(count, 4);
    let (mut skipped, mut whole) = (0, 0);
    datagram(
        Format::Frames,
        1000,
        &[frame("big", 2000), both.clone()].concat(),
        |piece| match piece {
            Piece::Skipped(reject, id) => {
                assert_eq!((reject.reason, id), (Reason::TooLarge, 5));
                skipped += 1;
            }
            Piece::Whole(_) => whole += 1,
            Piece::Lost(reject) => panic!("{reject}"),
        },
    );
    assert_eq!((skipped, whole), (1, 2), "one that is too large costs only itself");
    let mut lost = 0;
    for bad in [&both[..both.len() - 1], b"", b"noise and more"] {
        datagram(Format::Frames, 1000, bad, |piece| {
            lost += usize::from(matches!(piece, Piece::Lost(_)));
        });
    }
    assert_eq!(lost, 3);
}
