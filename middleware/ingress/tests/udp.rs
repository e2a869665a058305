//! UDP on one host and across network namespaces, by every way.

mod common;

use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use common::{PATIENCE, frame};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tidewire_bus::{Participant, RawReader, RawTopic};
use tidewire_ingress::frame::Frame;
use tidewire_ingress::testing::{Host, Pair};
use tidewire_ingress::udp::{self, Receiver, UdpOptions};
use tidewire_ingress::{EndpointReport, IngressOptions, Rung, Running};
use tidewire_qos::Qos;

const RUNGS: [Rung; 4] = [Rung::XdpNative, Rung::XdpGeneric, Rung::BusyPoll, Rung::Blocking];

/// An ingress with one UDP endpoint, and a reader of what comes there.
struct Station {
    ingress: Running,
    reader: RawReader,
    port: u16,
}

fn station(
    bus: &Participant,
    options: IngressOptions,
    host: Option<&Host>,
) -> Result<Station, String> {
    let start = {
        let bus = bus.clone();
        move || Running::start(&bus, options).map_err(|error| error.to_string())
    };
    let ingress = match host {
        Some(host) => host.run(start),
        None => start(),
    }?;
    let endpoint = ingress.stats().endpoints().remove(0).endpoint;
    let port = endpoint.rsplit_once(':').unwrap().1.parse().unwrap();
    let reader =
        bus.raw_reader(&RawTopic::new("numbers", "t::Number", false), &Qos::reliable()).unwrap();
    Ok(Station { ingress, reader, port })
}

impl Station {
    fn report(&self) -> EndpointReport {
        self.ingress.stats().endpoints().remove(0)
    }

    /// The report in which `done`, or the last.
    fn when(&self, done: impl Fn(&EndpointReport) -> bool) -> EndpointReport {
        let start = Instant::now();
        loop {
            let report = self.report();
            if done(&report) || start.elapsed() > PATIENCE {
                return report;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until writer and reader have met: from then on nothing is missed.
    fn meet(&self, send: impl Fn(&[u8])) {
        let start = Instant::now();
        loop {
            send(&number(u32::MAX, 0));
            if self.reader.recv_timeout(Duration::from_millis(50)).unwrap().is_some() {
                while self.reader.recv_timeout(Duration::from_millis(50)).unwrap().is_some() {}
                return;
            }
            assert!(start.elapsed() < PATIENCE, "{:#?}", self.report());
        }
    }

    /// The numbers that come: `count` of them, and whatever else comes for a while; none twice, each
    /// with its bytes.
    fn numbers(&self, count: usize) -> BTreeSet<u32> {
        let mut numbers = BTreeSet::new();
        let patience = |so_far| if so_far < count { PATIENCE } else { Duration::from_millis(300) };
        while let Some(sample) = self.reader.recv_timeout(patience(numbers.len())).unwrap() {
            let number = u32::from_le_bytes(sample.payload[4..8].try_into().unwrap());
            // Larger ones are those of `meet` and `malformed`.
            if number < 1 << 16 {
                assert!(sample.payload[8..].iter().all(|byte| *byte == number as u8), "{number}");
                assert!(numbers.insert(number), "{number} came twice");
            }
        }
        numbers
    }
}

/// A frame with a number and `size` bytes that go with it.
fn number(number: u32, size: usize) -> Vec<u8> {
    let mut payload = vec![0, 1, 0, 0];
    payload.extend_from_slice(&number.to_le_bytes());
    payload.resize(8 + size, number as u8);
    frame(Frame { topic: "numbers", type_name: "t::Number", payload: &payload, ..Frame::default() })
}

fn options(endpoint: &str, rung: Rung) -> IngressOptions {
    IngressOptions { listen: vec![endpoint.into()], rung, ..IngressOptions::default() }
}

fn sender(host: &Host) -> UdpSocket {
    host.run(|| {
        let socket = UdpSocket::bind("10.9.0.2:0").unwrap();
        socket.set_multicast_ttl_v4(1).unwrap();
        socket
    })
}

fn to(socket: &UdpSocket, bytes: &[u8], at: impl std::net::ToSocketAddrs) {
    socket.send_to(bytes, at).unwrap();
}

/// A pair of hosts; says so where there can be none.
fn pair() -> Option<Pair> {
    Pair::new().map_err(|error| eprintln!("skipped: {error}")).ok()
}

/// Slow enough for two busy processors.
fn pace(i: u32) {
    if i.is_multiple_of(16) {
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn loopback_takes_limits_and_counts() {
    let bus = common::bus();
    for rung in [Rung::BusyPoll, Rung::Blocking] {
        let mut options = options("udp://127.0.0.1:0", rung);
        options.sources = vec!["127.0.0.0/8".into()];
        options.max_frame = 2000;
        let station = station(&bus, options, None).unwrap();
        assert_ne!(station.port, 0, "the port that was given is told");
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let send = |bytes: &[u8]| to(&socket, bytes, format!("127.0.0.1:{}", station.port));
        station.meet(send);
        for i in 0..200 {
            send(&[number(2 * i, 10), number(2 * i + 1, 1000)].concat());
            pace(i);
        }
        for bad in [&b"noise, nothing else"[..], b"", &number(7, 3000), &number(7, 10)[..40]] {
            send(bad);
        }
        send(&[&number(400, 10)[..], b"and then noise"].concat());
        assert_eq!(station.numbers(401), (0..=400).collect());
        // The noise behind the last number is counted after it.
        let report = station.when(|report| report.rejected["malformed"] >= 4);
        assert!(report.datagrams >= 205, "{report:?}");
        assert_eq!(
            (report.rejected["malformed"], report.rejected["too_large"]),
            (4, 1),
            "{report:?}"
        );
        assert_eq!((report.foreign, report.over_rate), (0, 0));
    }
}

#[test]
fn strangers_and_floods_are_dropped_and_counted() {
    let bus = common::bus();
    let mut strange = options("udp://127.0.0.1:0", Rung::Auto);
    strange.sources = vec!["10.0.0.0/8".into()];
    let mut flood = options("udp://127.0.0.1:0", Rung::Auto);
    flood.max_rate = 10.0;
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let wait = |station: &Station, done: &dyn Fn(&EndpointReport) -> bool| {
        let start = Instant::now();
        while !done(&station.report()) {
            assert!(start.elapsed() < PATIENCE, "{:?}", station.report());
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    let station = station(&bus, strange, None).unwrap();
    assert!(station.report().rung.contains("loopback"), "{}", station.report().rung);
    socket.send_to(&number(1, 1), ("127.0.0.1", station.port)).unwrap();
    wait(&station, &|report| report.foreign == 1);
    assert_eq!(station.report().received, 0);
    let station = self::station(&bus, flood, None).unwrap();
    for i in 0..100 {
        socket.send_to(&number(i, 1), ("127.0.0.1", station.port)).unwrap();
    }
    wait(&station, &|report| report.datagrams == 100);
    assert!(station.report().over_rate > 50, "{:?}", station.report());
}

/// What does not fit while nobody reads is lost, but not silently.
#[test]
fn what_the_kernel_drops_is_counted() {
    for rung in [Rung::BusyPoll, Rung::Blocking] {
        let at = UdpOptions { rung, ..UdpOptions::at("127.0.0.1:0".parse().unwrap()) };
        overflow(udp::open(&at).unwrap(), &UdpSocket::bind("127.0.0.1:0").unwrap());
    }
    let Some(pair) = pair() else { return };
    let socket = sender(&pair.there);
    for rung in [Rung::XdpNative, Rung::XdpGeneric] {
        let at = UdpOptions { rung, ..UdpOptions::at("10.9.0.1:7601".parse().unwrap()) };
        match pair.here.run(move || udp::open(&at).map_err(|error| error.to_string())) {
            Ok(receiver) => overflow(receiver, &socket),
            Err(error) => eprintln!("skipped: {error}"),
        }
    }
}

fn overflow(mut receiver: Receiver, socket: &UdpSocket) {
    let (count, bytes) = (20_000, [7; 1200]);
    for _ in 0..count {
        // A full queue of the sender is no loss of the receiver.
        while socket.send_to(&bytes, receiver.address()).is_err() {}
    }
    while receiver.receive(Duration::from_millis(300), |d| assert_eq!(d.bytes, bytes)).unwrap() > 0
    {
    }
    let mut received = 0;
    socket.send_to(&bytes, receiver.address()).unwrap();
    while receiver.receive(Duration::from_millis(300), |_| received += 1).unwrap() > 0 {}
    assert_eq!(received, 1, "it still receives");
    assert!(receiver.dropped() > 0, "{:?} lost nothing of {count}", receiver.rung());
}

/// Runs `test` for every way that works here; says which do not.
fn by_every_way(pair: &Pair, endpoint: &str, interface: &str, test: impl Fn(Station, Rung)) {
    let bus = common::bus();
    let mut worked = 0;
    for rung in RUNGS {
        let mut options = options(endpoint, rung);
        options.udp_interface = interface.into();
        match station(&bus, options, Some(&pair.here)) {
            Ok(station) => {
                eprintln!("{rung:?}: {}", station.report().rung);
                test(station, rung);
                worked += 1;
            }
            Err(error) => eprintln!("skipped: {error}"),
        }
    }
    assert!(worked >= 2, "ordinary sockets work everywhere");
}

#[test]
fn samples_cross_namespaces_by_every_way() {
    let Some(pair) = pair() else { return };
    by_every_way(&pair, "udp://10.9.0.1:7500", "", |station, rung| {
        let socket = sender(&pair.there);
        let send = |bytes: &[u8]| to(&socket, bytes, "10.9.0.1:7500");
        station.meet(send);
        for i in 0..300 {
            // Up to what fits a packet; every tenth is longer and comes in fragments.
            let size = if i % 10 == 9 { 5000 } else { (i as usize * 97) % 1300 };
            send(&number(i, size));
            pace(i);
        }
        send(b"noise");
        assert_eq!(station.numbers(300), (0..300).collect(), "{rung:?}");
        let report = station.when(|report| report.rejected["malformed"] >= 1);
        assert_eq!(report.rejected["malformed"], 1, "{report:?}");
        assert_eq!(report.dropped_by_kernel, 0, "{report:?}");
        // Other ports of the interface work as ever.
        let other = pair.here.run(|| UdpSocket::bind("10.9.0.1:7501").unwrap());
        other.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.send_to(b"to another", "10.9.0.1:7501").unwrap();
        let mut buffer = [0; 100];
        assert_eq!(other.recv(&mut buffer).unwrap(), 10, "{rung:?}");
    });
}

#[test]
fn groups_are_joined_by_every_way() {
    let Some(pair) = pair() else { return };
    by_every_way(&pair, "udp://239.255.7.9:7500", "va", |station, rung| {
        let socket = sender(&pair.there);
        station.meet(|bytes| to(&socket, bytes, "239.255.7.9:7500"));
        for i in 0..100 {
            socket.send_to(&number(i, 100), "239.255.7.9:7500").unwrap();
            // Another group, another port, our address: not for us.
            socket.send_to(&number(1000 + i, 100), "239.255.7.8:7500").unwrap();
            socket.send_to(&number(2000 + i, 100), "239.255.7.9:7501").unwrap();
            socket.send_to(&number(3000 + i, 100), "10.9.0.1:7500").ok();
            pace(i);
        }
        assert_eq!(station.numbers(100), (0..100).collect(), "{rung:?}");
    });
}

/// What is lost on the way is missing, what is not comes once, and nothing is invented.
#[test]
fn packet_loss_costs_the_lost_ones_only() {
    let Some(pair) = pair() else { return };
    let netem = pair.there.command("tc", "qdisc add dev vb root netem loss 10%");
    if let Err(error) = &netem {
        eprintln!("no netem here ({error}): every ninth datagram is left out instead");
    }
    let netem = netem.is_ok();
    by_every_way(&pair, "udp://10.9.0.1:7500", "", |station, rung| {
        let socket = sender(&pair.there);
        station.meet(|bytes| to(&socket, bytes, "10.9.0.1:7500"));
        let sent: BTreeSet<u32> = (0..500).filter(|i| netem || i % 9 != 0).collect();
        for &i in &sent {
            socket.send_to(&number(i, 200), "10.9.0.1:7500").unwrap();
            pace(i);
        }
        // With netem nobody knows how many come; fewer than 350 would be a strange tenth.
        let came = station.numbers(if netem { 350 } else { sent.len() });
        if netem {
            assert!(came.is_subset(&sent) && came.len() > 350 && came.len() < 500, "{rung:?}");
        } else {
            assert_eq!(came, sent, "{rung:?}");
        }
    });
}

/// Ethernet frames with anything wrong in them disturb nobody.
#[test]
fn malformed_packets_disturb_nobody() {
    let Some(pair) = pair() else { return };
    by_every_way(&pair, "udp://10.9.0.1:7500", "", |station, rung| {
        let socket = sender(&pair.there);
        station.meet(|bytes| to(&socket, bytes, "10.9.0.1:7500"));
        let packets = malformed();
        pair.there.run(move || inject("vb", &packets));
        for i in 0..50 {
            socket.send_to(&number(i, 200), "10.9.0.1:7500").unwrap();
            pace(i);
        }
        // A mutation may hit nothing that matters: its number is none of these.
        assert_eq!(station.numbers(50), (0..50).collect(), "{rung:?} {:#?}", station.report());
    });
}

/// Packets to 10.9.0.1:7500 with bytes changed, cut or added.
fn malformed() -> Vec<Vec<u8>> {
    let mut rng = StdRng::seed_from_u64(7);
    let payload = number(0x0101_0101, 60);
    let length = (payload.len() + 8) as u16;
    let mut base = vec![0xff; 6];
    base.extend_from_slice(&[2, 0, 0, 0, 0, 1, 0x08, 0x00, 0x45, 0]);
    base.extend_from_slice(&(length + 20).to_be_bytes());
    base.extend_from_slice(&[0, 1, 0, 0, 64, 17, 0, 0, 10, 9, 0, 2, 10, 9, 0, 1]);
    for word in [5000, 7500, length, 0] {
        base.extend_from_slice(&u16::to_be_bytes(word));
    }
    base.extend_from_slice(&payload);
    let checksum = |ip: &[u8]| {
        let sum: u32 = ip.chunks(2).map(|w| u32::from(u16::from_be_bytes([w[0], w[1]]))).sum();
        !((sum & 0xffff) + (sum >> 16)) as u16
    };
    (0..2000)
        .map(|_| {
            let mut packet = base.clone();
            for _ in 0..rng.random_range(1..4) {
                // The headers matter most.
                let end = if rng.random() { 42 } else { packet.len() };
                let at = rng.random_range(14..end);
                packet[at] =
                    if rng.random() { rng.random() } else { [0, 0xff][rng.random_range(0..2)] };
            }
            if rng.random_range(0..3) == 0 {
                packet.truncate(rng.random_range(14..packet.len()));
            }
            // Half of them with a right header checksum, so that they get further.
            if packet.len() >= 34 && rng.random() {
                packet[24..26].copy_from_slice(&[0, 0]);
                let check = checksum(&packet[14..34]);
                packet[24..26].copy_from_slice(&check.to_be_bytes());
            }
            packet
        })
        .collect()
}

/// Sends Ethernet frames as they are.
fn inject(link: &str, packets: &[Vec<u8>]) {
    let index = nix::net::if_::if_nametoindex(link).unwrap();
    // SAFETY: numbers only; the descriptor is checked, and closed below.
    let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW, 0) };
    assert!(fd >= 0, "{}", std::io::Error::last_os_error());
    // SAFETY: numbers and bytes: zero is a value of each.
    let mut to: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    to.sll_family = libc::AF_PACKET as u16;
    to.sll_ifindex = index as i32;
    for packet in packets {
        // SAFETY: packet and address have the lengths given and outlive the call.
        unsafe {
            libc::sendto(
                fd,
                packet.as_ptr().cast(),
                packet.len(),
                0,
                (&raw const to).cast::<libc::sockaddr>(),
                size_of::<libc::sockaddr_ll>() as libc::socklen_t,
            )
        };
    }
    // SAFETY: it is ours, and not used again.
    unsafe { libc::close(fd) };
}

#[test]
fn the_way_is_told_and_so_is_why_no_faster_one() {
    let local: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let SocketAddr::V4(local) = local else { unreachable!() };
    let receiver = udp::open(&UdpOptions::at(local)).unwrap();
    assert_eq!(receiver.rung(), Rung::BusyPoll);
    let text = receiver.description();
    assert!(text.starts_with("busy-poll recvmmsg; not AF_XDP native"), "{text}");
    let wrong = UdpOptions { interface: "nowhere0".into(), ..UdpOptions::at(local) };
    let error = udp::open(&wrong).map(drop).unwrap_err().to_string();
    assert!(error.contains("the interfaces here are") && error.contains("lo"), "{error}");
    let any = UdpOptions { rung: Rung::XdpGeneric, ..UdpOptions::at("0.0.0.0:0".parse().unwrap()) };
    let error = udp::open(&any).map(drop).unwrap_err().to_string();
    assert!(error.contains("udp_interface"), "{error}");

    let Some(pair) = pair() else { return };
    let open = |port: u16| {
        let at = UdpOptions::at(format!("10.9.0.1:{port}").parse().unwrap());
        pair.here.run(move || udp::open(&at).unwrap())
    };
    let first = open(7500);
    assert!(matches!(first.rung(), Rung::XdpNative | Rung::XdpGeneric), "{}", first.description());
    // An interface has one program: the next port goes another way and says so.
    let second = open(7501);
    assert_ne!(first.rung(), second.rung());
    assert!(second.description().contains("not AF_XDP"), "{}", second.description());
    drop(first);
    let deadline = Instant::now() + PATIENCE;
    while open(7502).rung() == Rung::BusyPoll {
        assert!(Instant::now() < deadline, "the program goes with its receiver");
    }
}

#[test]
fn an_interface_that_goes_away_is_an_error_not_silence() {
    for rung in [Rung::XdpNative, Rung::XdpGeneric] {
        let Some(pair) = pair() else { return };
        let at = UdpOptions { rung, ..UdpOptions::at("10.9.0.1:7500".parse().unwrap()) };
        let mut receiver = match pair.here.run(move || udp::open(&at)) {
            Ok(receiver) => receiver,
            Err(error) => {
                eprintln!("skipped: {error}");
                continue;
            }
        };
        receiver.receive(Duration::from_millis(1), |_| ()).unwrap();
        pair.here.command("ip", "link del va").unwrap();
        let start = Instant::now();
        while receiver.receive(Duration::from_millis(20), |_| ()).is_ok() {
            assert!(start.elapsed() < PATIENCE, "{rung:?}");
        }
    }
}
