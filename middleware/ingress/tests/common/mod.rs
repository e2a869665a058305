#![allow(dead_code, reason = "each test file uses its part")]

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tidewire_bus::testing::free_domain;
use tidewire_bus::{Participant, RawReader, RawTopic, Sample, Transports};
use tidewire_idl::{Encoding, TypeSupport};
use tidewire_ingress::frame::{Frame, Reply};
use tidewire_ingress::{EndpointReport, IngressOptions, Running};
use tidewire_qos::Qos;
use tidewire_types::sensor::Temperature;

pub const PATIENCE: Duration = Duration::from_secs(30);

/// A bus with an ingress on it.
pub struct Site {
    pub dir: TempDir,
    pub bus: Participant,
    pub ingress: Running,
}

impl Site {
    /// `listen` holds `DIR` for a folder of the test's own.
    pub fn new(listen: &[&str], options: IngressOptions) -> Self {
        let bus = bus();
        Self::on(bus, listen, options)
    }

    pub fn on(bus: Participant, listen: &[&str], options: IngressOptions) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = |text: &&str| text.replace("DIR", dir.path().to_str().unwrap());
        let options = IngressOptions { listen: listen.iter().map(at).collect(), ..options };
        let ingress = Running::start(&bus, options).unwrap();
        Self { dir, bus, ingress }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn client(&self, name: &str) -> Client {
        Client(UnixStream::connect(self.path(name)).unwrap())
    }

    pub fn reader(&self, topic: &str, type_name: &str, keyed: bool) -> RawReader {
        self.bus.raw_reader(&RawTopic::new(topic, type_name, keyed), &Qos::reliable()).unwrap()
    }

    pub fn report(&self) -> EndpointReport {
        self.ingress.stats().endpoints().remove(0)
    }

    /// Waits until the counts are as they should be.
    pub fn report_where(&self, accept: impl Fn(&EndpointReport) -> bool) -> EndpointReport {
        let start = Instant::now();
        loop {
            let report = self.report();
            if accept(&report) {
                return report;
            }
            assert!(start.elapsed() < PATIENCE, "{report:#?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// On this host only, so that the tests need no network.
pub fn bus() -> Participant {
    let transports = Transports { dds: false, shm: true };
    Participant::builder().domain(free_domain()).transports(transports).build().unwrap()
}

pub struct Client(pub UnixStream);

impl Client {
    pub fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// Says that nothing more comes, and reads all replies.
    pub fn farewell(mut self) -> Vec<u8> {
        self.0.shutdown(std::net::Shutdown::Write).unwrap();
        self.0.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut replies = Vec::new();
        self.0.read_to_end(&mut replies).unwrap();
        replies
    }

    /// The next reply: number, code, text.
    pub fn reply(&mut self) -> (u32, u16, String) {
        self.0.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut length = [0; 4];
        self.0.read_exact(&mut length).unwrap();
        let mut bytes = length.to_vec();
        bytes.resize(4 + u32::from_le_bytes(length) as usize, 0);
        self.0.read_exact(&mut bytes[4..]).unwrap();
        let (reply, _) = Reply::decode(&bytes).unwrap();
        (reply.id, reply.code, reply.text.to_owned())
    }
}

pub fn replies(mut bytes: &[u8]) -> Vec<(u32, u16, String)> {
    let mut out = Vec::new();
    while let Some((reply, length)) = Reply::decode(bytes) {
        out.push((reply.id, reply.code, reply.text.to_owned()));
        bytes = &bytes[length..];
    }
    assert!(bytes.is_empty(), "{bytes:?}");
    out
}

pub fn temperature(point: &str, celsius: f64) -> Vec<u8> {
    let mut payload = Vec::new();
    Temperature { point: point.into(), celsius }.encode(Encoding::default(), &mut payload);
    payload
}

pub fn frame(frame: Frame<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame.encode(&mut bytes).unwrap();
    bytes
}

/// A frame with a temperature, to be answered.
pub fn temperature_frame(id: u32, payload: &[u8]) -> Vec<u8> {
    frame(Frame {
        id,
        answer: true,
        keyed: true,
        topic: "temperature",
        type_name: Temperature::TYPE_NAME,
        payload,
        ..Frame::default()
    })
}

pub fn next(reader: &RawReader) -> Sample {
    reader.recv_timeout(PATIENCE).unwrap().expect("a sample comes")
}

/// Opens a topic with a first sample and waits for a reader of it.
pub fn matched(site: &Site, client: &mut Client) -> RawReader {
    let reader = site.reader("temperature", Temperature::TYPE_NAME, true);
    loop {
        client.send(&temperature_frame(0, &temperature("first", 0.0)));
        assert_eq!(client.reply().1, 0);
        if reader.recv_timeout(Duration::from_millis(50)).unwrap().is_some() {
            // Whatever was written before the match is gone, whatever after it has come.
            while reader.recv_timeout(Duration::from_millis(20)).unwrap().is_some() {}
            return reader;
        }
    }
}
