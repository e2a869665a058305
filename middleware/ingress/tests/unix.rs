//! Unix domain sockets: frames in, samples out, and what clients do wrong.

mod common;

use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use common::{
    Client, PATIENCE, Site, bus, frame, matched, next, replies, temperature, temperature_frame,
};
use tidewire_bus::InstanceState;
use tidewire_idl::{KeyHash, TypeSupport};
use tidewire_ingress::frame::Frame;
use tidewire_ingress::{IngressOptions, Reason, Running};
use tidewire_types::sensor::Temperature;

fn options() -> IngressOptions {
    IngressOptions::default()
}

#[test]
fn frames_become_samples_with_time_key_and_state() {
    let site = Site::new(&["unix://DIR/in"], options());
    let mut client = site.client("in");
    let reader = matched(&site, &mut client);
    let sample = Temperature { point: "pump1".into(), celsius: 61.5 };
    let payload = temperature("pump1", 61.5);
    let base = Frame {
        topic: "temperature",
        type_name: Temperature::TYPE_NAME,
        keyed: true,
        source_time: 1_700_000_000_000_000_123,
        ..Frame::default()
    };
    let mut key = Vec::new();
    sample.encode_key(tidewire_idl::Encoding::default(), &mut key);
    client.send(&frame(Frame { payload: &payload, ..base }));
    client.send(&frame(Frame { payload: &key, change: InstanceState::Disposed, ..base }));
    let written = next(&reader);
    assert_eq!((&written.payload[..], written.info.source_time), (&payload[..], base.source_time));
    assert_eq!((written.info.key, written.info.state), (sample.key_hash(), InstanceState::Alive));
    let gone = next(&reader);
    assert_eq!((gone.info.key, gone.info.state), (sample.key_hash(), InstanceState::Disposed));
    assert!(client.farewell().is_empty(), "nothing was wrong");
}

#[test]
fn types_nobody_knows_pass_with_the_key_they_say() {
    let site = Site::new(&["unix://DIR/in"], options());
    let reader = site.reader("raw", "other::Type", true);
    let mut client = site.client("in");
    let base = Frame {
        topic: "raw",
        type_name: "other::Type",
        keyed: true,
        answer: true,
        payload: &[0, 7, 0, 0, 1, 2, 3],
        ..Frame::default()
    };
    client.send(&frame(Frame { id: 1, ..base }));
    let (id, code, text) = client.reply();
    assert_eq!((id, code), (1, Reason::Key as u16), "{text}");
    assert!(text.contains("--types"), "{text}");
    loop {
        client.send(&frame(Frame { id: 2, key: Some(KeyHash([8; 16])), ..base }));
        assert_eq!(client.reply().1, 0);
        if let Some(sample) = reader.recv_timeout(Duration::from_millis(50)).unwrap() {
            assert_eq!((sample.info.key, &sample.payload[..]), (KeyHash([8; 16]), base.payload));
            break;
        }
    }
}

#[test]
fn a_bad_frame_is_told_and_the_connection_lives_on() {
    let site = Site::new(&["unix://DIR/in"], IngressOptions { max_frame: 4096, ..options() });
    let mut client = site.client("in");
    let good = temperature_frame(7, &temperature("p", 1.0));
    client.send(&good);
    assert_eq!(client.reply(), (7, 0, String::new()));
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        bytes
    };
    let unkeyed = Frame {
        id: 7,
        topic: "other",
        type_name: "tidewire::bench::Block64",
        payload: &[0; 68],
        ..Frame::default()
    };
    for (bytes, reason, word) in [
        (with(&|b| b[7] = 9), Reason::Version, "version 9"),
        (with(&|b| b[8] |= 0x80), Reason::Malformed, "unknown bits"),
        (with(&|b| b[10] = 200), Reason::Malformed, "does not fit"),
        (temperature_frame(7, b"\0\x01\0\0\x07\0\0\0"), Reason::Payload, "Temperature"),
        (temperature_frame(7, b"\0\x42\0\0"), Reason::Payload, "encapsulation"),
        (temperature_frame(7, b""), Reason::Payload, "4 bytes"),
        (temperature_frame(7, &[0; 5000]), Reason::TooLarge, "max_frame"),
        (frame(Frame { topic: "third", type_name: "x::Y", ..unkeyed }), Reason::Payload, ""),
        (frame(Frame { keyed: true, ..unkeyed }), Reason::Key, "has no key"),
        (frame(Frame { change: InstanceState::Disposed, ..unkeyed }), Reason::Key, "has no key"),
        (frame(Frame { topic: "a\x1b[2Jb", ..unkeyed }), Reason::Topic, "control characters"),
        (frame(Frame { topic: "temperature", ..unkeyed }), Reason::Type, "is written here as"),
        (
            frame(Frame { topic: "temperature", type_name: "x\x1b[2J", ..unkeyed }),
            Reason::Type,
            r"this says `x\u{1b}[2J`",
        ),
        (
            frame(Frame {
                topic: "third",
                type_name: "x::Y",
                key: Some(KeyHash([8; 16])),
                ..unkeyed
            }),
            Reason::Key,
            "a KEY_HASH for topic `third`, which has no key",
        ),
    ] {
        client.send(&bytes);
        let (id, code, text) = if word.is_empty() {
            // Of a type that is not known here, everything with an encapsulation passes.
            client.send(&good);
            assert_eq!(client.reply().1, 0);
            continue;
        } else {
            client.reply()
        };
        assert_eq!((id, code), (7, reason as u16), "{text}");
        assert!(text.contains(word), "{text:?} lacks {word:?}");
        assert!(!text.contains(char::is_control), "{text:?}");
        client.send(&good);
        assert_eq!(client.reply(), (7, 0, String::new()), "it goes on after {reason:?}");
    }
    // What is no frame at all ends the connection, with a reason.
    client.send(b"GET / HTTP/1.1\r\n\r\n");
    let last = replies(&client.farewell());
    assert!(last[0].2.contains("not a frame"), "{last:?}");
    let report = site.report();
    assert_eq!(report.rejected["payload"], 3, "{report:?}");
    assert_eq!(report.rejected["malformed"], 3, "{report:?}");
    assert_eq!(report.rejected["too_large"], 1, "{report:?}");
}

#[test]
fn a_packet_socket_keeps_bad_packets_apart() {
    use rustix::net::{AddressFamily, SendFlags, SocketAddrUnix, SocketType};
    let site = Site::new(&["unixpacket://DIR/in"], options());
    let fd = rustix::net::socket(AddressFamily::UNIX, SocketType::SEQPACKET, None).unwrap();
    rustix::net::connect(&fd, &SocketAddrUnix::new(site.path("in")).unwrap()).unwrap();
    let send = |bytes: &[u8]| rustix::net::send(&fd, bytes, SendFlags::empty()).unwrap();
    let reply = || {
        let mut buffer = [0; 2000];
        let (count, _) =
            rustix::net::recv(&fd, &mut buffer, rustix::net::RecvFlags::empty()).unwrap();
        let all = replies(&buffer[..count]);
        assert_eq!(all.len(), 1, "a packet each");
        all[0].clone()
    };
    let good = temperature_frame(3, &temperature("p", 1.0));
    send(b"noise that is no frame");
    assert_eq!(reply().1, Reason::Malformed as u16);
    send(&good[..good.len() - 1]);
    assert!(reply().2.contains("ends inside a frame"));
    send(&[&good[..], &good[..]].concat());
    assert_eq!((reply().1, reply().1), (0, 0));
}

/// Waits for a reply and leaves it where it is.
fn told(client: impl AsFd) {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let patience = Timespec { tv_sec: PATIENCE.as_secs() as i64, tv_nsec: 0 };
    assert_eq!(poll(&mut [PollFd::new(&client, PollFlags::IN)], Some(&patience)), Ok(1));
}

#[test]
fn packets_of_a_client_that_leaves_a_reply_unread_still_count() {
    use rustix::net::{AddressFamily, SendFlags, SocketAddrUnix, SocketType};
    // So slow that the packets wait when the client leaves.
    let mut site =
        Site::new(&["unixpacket://DIR/in"], IngressOptions { max_rate: 50.0, ..options() });
    let fd = rustix::net::socket(AddressFamily::UNIX, SocketType::SEQPACKET, None).unwrap();
    rustix::net::connect(&fd, &SocketAddrUnix::new(site.path("in")).unwrap()).unwrap();
    let send = |bytes: &[u8]| rustix::net::send(&fd, bytes, SendFlags::empty()).unwrap();
    send(b"noise that is no frame");
    told(&fd);
    let block = frame(Frame {
        topic: "numbers",
        type_name: "x::Number",
        payload: &[0, 1, 0, 0, 7, 0, 0, 0],
        ..Frame::default()
    });
    for _ in 0..20 {
        send(&block);
    }
    drop(fd);
    site.report_where(|report| report.received == 20);
    site.ingress.stop().unwrap();
    assert_eq!(site.ingress.stats().topics(), [("numbers".to_owned(), 20, 0)]);
}

#[test]
fn a_last_line_without_end_counts_though_a_reply_is_unread() {
    let site = Site::new(&["line+unix://DIR/in"], options());
    let mut client = site.client("in");
    client.send(b"wrong\nm f=1");
    told(&client.0);
    drop::<Client>(client);
    site.report_where(|report| report.received == 2);
}

#[test]
fn the_socket_file_has_its_mode_and_goes_with_the_ingress() {
    let site = Site::new(&["unix://DIR/in"], IngressOptions { mode: "620".into(), ..options() });
    let path = site.path("in");
    let there = std::fs::symlink_metadata(&path).unwrap();
    assert!(there.file_type().is_socket());
    assert_eq!(there.permissions().mode() & 0o777, 0o620);
    let Site { dir, mut ingress, bus } = site;
    ingress.stop().unwrap();
    assert!(!path.exists());

    let start = || {
        let listen = vec![format!("unix://{}", path.display())];
        Running::start(&bus, IngressOptions { listen, ..options() })
    };
    // Left behind by a program that was killed: replaced.
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let first = start().unwrap();
    let error = start().map(drop).unwrap_err().to_string();
    assert!(error.contains("another program listens"), "{error}");
    UnixStream::connect(&path).unwrap();
    drop(first);
    std::fs::write(&path, "precious").unwrap();
    let error = start().map(drop).unwrap_err().to_string();
    assert!(error.contains("no socket"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    drop(dir);
}

#[test]
fn strangers_and_too_many_are_turned_away_with_a_reason() {
    let nobody = IngressOptions { uids: vec![54_321], ..options() };
    let site = Site::new(&["unix://DIR/in"], nobody);
    let said = replies(&site.client("in").farewell());
    assert_eq!((said.len(), said[0].1), (1, Reason::Peer as u16), "{said:?}");
    assert!(said[0].2.contains("may not connect"), "{said:?}");
    for _ in 0..50 {
        let mut eager = site.client("in");
        // It may be hung up on before it is done, and reads all the same why.
        let _ = std::io::Write::write_all(&mut eager.0, &[0; 4096]);
        assert_eq!(replies(&eager.farewell()).len(), 1);
    }

    let site =
        Site::new(&["line+unix://DIR/in"], IngressOptions { max_connections: 1, ..options() });
    let first = site.client("in");
    site.report_where(|report| report.connections == 1);
    let said = String::from_utf8(site.client("in").farewell()).unwrap();
    assert!(said.starts_with("error: 1 clients are connected"), "{said}");
    drop(first);
    let start = std::time::Instant::now();
    while !site.client("in").farewell().is_empty() {
        assert!(start.elapsed() < PATIENCE, "the place is free again");
    }
}

/// What an ingress says to a client of user 65534, group 65533; `None` where we cannot be that user.
fn said_to_another_user(site: &Site) -> Option<Vec<u8>> {
    std::fs::set_permissions(site.dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = site.path("in");
    let thread = std::thread::spawn(move || {
        // SAFETY: numbers only. The raw calls change this thread alone, which ends right after.
        let changed = unsafe {
            libc::syscall(libc::SYS_setgroups, 0, 0) == 0
                && libc::syscall(libc::SYS_setresgid, 65533, 65533, 65533) == 0
                && libc::syscall(libc::SYS_setresuid, 65534, 65534, 65534) == 0
        };
        changed.then(|| Client(UnixStream::connect(path).unwrap()).farewell())
    });
    let said = thread.join().unwrap();
    if said.is_none() {
        eprintln!("skipped: being another user takes root");
    }
    said
}

#[test]
fn another_user_gets_in_by_uid_or_by_group_only() {
    let base = || IngressOptions { mode: "666".into(), ..options() };
    for (options, welcome) in [
        (base(), false),
        (IngressOptions { uids: vec![65534], ..base() }, true),
        (IngressOptions { gids: vec![65533], ..base() }, true),
        (IngressOptions { uids: vec![65533], gids: vec![65534], ..base() }, false),
    ] {
        let site = Site::new(&["unix://DIR/in"], options);
        let Some(said) = said_to_another_user(&site) else { return };
        let said = replies(&said);
        assert_eq!(said.is_empty(), welcome, "{said:?}");
        assert!(welcome || said[0].2.contains("user 65534, group 65533"), "{said:?}");
    }
}

#[test]
fn a_client_that_is_no_longer_understood_is_told_before_the_end() {
    let site = Site::new(&["unix://DIR/in"], options());
    for _ in 0..50 {
        let mut client = site.client("in");
        let _ = std::io::Write::write_all(&mut client.0, &[b'?'; 150_000]);
        let said = replies(&client.farewell());
        assert_eq!((said.len(), said[0].1), (1, Reason::Malformed as u16), "{said:?}");
    }
}

#[test]
fn topics_are_limited_by_name_and_number() {
    let limits = IngressOptions {
        allow: vec!["plant/*".into()],
        prefix: "plant/".into(),
        max_topics: 2,
        ..options()
    };
    let site = Site::new(&["line+unix://DIR/in"], limits);
    let mut client = site.client("in");
    client.send(b"a f=1\nb f=1\nc f=1\n");
    let said = String::from_utf8(client.farewell()).unwrap();
    assert!(said.starts_with("error: line 3: `plant/c` is one topic too many"), "{said}");
    let names = || site.ingress.stats().topics().into_iter().map(|t| t.0).collect::<Vec<_>>();
    assert_eq!(names(), ["plant/a", "plant/b"]);
    // What is refused leaves nothing behind, and is not said back at length.
    let mut client = site.client("in");
    client.send(
        &[vec![b'd'; 250], b" f=1\n".to_vec(), vec![b'e'; 9000], b" f=1\n".to_vec()].concat(),
    );
    let said = String::from_utf8(client.farewell()).unwrap();
    let (long, longer) = said.split_once('\n').unwrap();
    assert!(long.ends_with("a topic name of 256 bytes; it has at most 255 (topic)"), "{long}");
    assert!(longer.len() < 1100 && longer.ends_with("(topic)\n"), "{longer}");
    let mut client = site.client("in");
    client.send(&[b"m f=", &[b'9'; 9000][..], b"x\nm f=1,m", &[b'\\'; 9000], b"=\"\"=\n"].concat());
    let said = String::from_utf8(client.farewell()).unwrap();
    assert!(said.lines().count() == 2 && said.lines().all(|line| line.len() < 1100), "{said}");
    assert_eq!(names(), ["plant/a", "plant/b"]);
    let site = Site::new(
        &["line+unix://DIR/in"],
        IngressOptions { allow: vec!["plant/*".into()], ..options() },
    );
    let mut client = site.client("in");
    client.send(b"a f=1");
    let said = String::from_utf8(client.farewell()).unwrap();
    assert!(said.contains("`a` may not be written here (allow: plant/*)"), "{said}");
}

/// A reader that takes nothing holds its writer up; the ingress then reads nothing either, so that in
/// the end the client waits, and loses nothing.
#[test]
fn a_full_reader_holds_the_client_up_and_nothing_is_lost() {
    use tidewire_qos::{Duration as Time, Library, Reliability};
    let profile = Library::parse(
        "patient.xml",
        "<dds><qos_library name=\"L\"><qos_profile name=\"P\"><datawriter_qos><reliability>\
         <kind>RELIABLE_RELIABILITY_QOS</kind><max_blocking_time><sec>60</sec><nanosec>0</nanosec>\
         </max_blocking_time></reliability></datawriter_qos></qos_profile></qos_library></dds>",
    )
    .unwrap()
    .profile("L::P")
    .unwrap();
    assert_eq!(
        profile.writer_qos("t").reliability,
        Reliability::Reliable { max_blocking_time: Time::from_secs(60) }
    );
    let (bus, dir) = (bus(), tempfile::tempdir().unwrap());
    let path = dir.path().join("in");
    let listen = vec![format!("unix://{}", path.display())];
    let types = tidewire_types::registry();
    let ingress =
        Running::with(&bus, IngressOptions { listen, ..options() }, types, Some(profile)).unwrap();
    let site = Site { dir, bus, ingress };
    let mut client = site.client("in");
    let reader = matched(&site, &mut client);
    let (block, count) = ([&[0, 1, 0, 0][..], &[7; 40_000]].concat(), 200_u32);
    let client = std::thread::spawn(move || {
        let mut client = client;
        for id in 0..count {
            client.send(&temperature_frame(id, &temperature("p", f64::from(id))));
            client.send(&frame(Frame {
                topic: "ballast",
                type_name: "x::Ballast",
                payload: &block,
                ..Frame::default()
            }));
        }
        client.farewell()
    });
    // The reader sleeps: its writer fills up and the client comes to a stand.
    let mut last = (0, 0);
    let stood = std::time::Instant::now();
    while last.1 < 10 {
        let received = site.report().received;
        last = if received == last.0 { (received, last.1 + 1) } else { (received, 0) };
        std::thread::sleep(Duration::from_millis(20));
        assert!(stood.elapsed() < PATIENCE);
    }
    for id in 0..count {
        let sample: Temperature = Temperature::decode(&next(&reader).payload).unwrap();
        assert_eq!(sample.celsius, f64::from(id));
    }
    let answers = replies(&client.join().unwrap());
    let wrong: Vec<_> = answers.iter().filter(|(_, code, _)| *code != 0).take(3).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn a_rate_limit_slows_a_client_down_and_loses_nothing() {
    let site = Site::new(&["line+unix://DIR/in"], IngressOptions { max_rate: 200.0, ..options() });
    let mut client = site.client("in");
    let start = std::time::Instant::now();
    for _ in 0..60 {
        client.send(b"m f=1\n");
    }
    assert!(client.farewell().is_empty());
    // 20 at once, the others in a fifth of a second; that it took time at all is what is checked.
    assert!(start.elapsed() >= Duration::from_millis(100), "{:?}", start.elapsed());
    assert_eq!(site.ingress.stats().topics()[0].1, 60);
}

/// A client that never reads its replies neither stops the ingress nor fills its memory.
#[test]
fn replies_nobody_reads_are_dropped_and_counted() {
    let site = Site::new(&["line+unix://DIR/in"], options());
    let mut client = site.client("in");
    let wrong = "wrong\n".repeat(1000);
    for _ in 0..20 {
        client.send(wrong.as_bytes());
    }
    client.send(b"m f=1\n");
    let report = site.report_where(|report| report.received == 20_001);
    assert_eq!(report.rejected["malformed"], 20_000);
    assert!(report.replies_dropped > 0, "{report:?}");
    drop::<Client>(client);
}
