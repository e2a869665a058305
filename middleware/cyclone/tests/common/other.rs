//! The other side: this test's own binary, run again. A process has one secured participant of a domain.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use tidewire_cyclone::{DdsOptions, DdsParticipant, DdsReader, DdsWriter};
use tidewire_idl::KeyHash;
use tidewire_qos::{Qos, Security};
use tidewire_transport::EndpointSpec;
use tidewire_transport::dds::{DdsSample, Sink};

use super::common::{key, large, wait};

const PATIENCE: Duration = Duration::from_secs(30);
const FOLDER: &str = "TIDEWIRE_TEST_KEYS";
const DOMAIN: &str = "TIDEWIRE_TEST_DOMAIN";

/// A process that writes `to_us` and reads `to_them` when told to.
pub struct Other {
    child: Child,
    input: ChildStdin,
    lines: Receiver<Value>,
}

impl Other {
    /// With the credentials in `folder`. The test binary has a test `as_the_other_side` that calls
    /// [`run`].
    pub fn start(domain: u16, folder: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["as_the_other_side", "--exact", "--nocapture"])
            .env(FOLDER, folder)
            .env(DOMAIN, domain.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                // The test harness has words of its own.
                if let Ok(value) = serde_json::from_str(&line) {
                    let _ = send.send(value);
                }
            }
        });
        let input = child.stdin.take().unwrap();
        let other = Self { child, input, lines };
        other.event("started");
        other
    }

    pub fn tell(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }

    /// The next line of this event; others are passed over.
    pub fn event(&self, name: &str) -> Value {
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|error| panic!("waiting for {name}: {error}"));
            if line["event"] == name {
                return line;
            }
        }
    }

    /// Nothing of this event has come so far.
    pub fn silent(&self, name: &str) {
        loop {
            match self.lines.recv_timeout(Duration::ZERO) {
                Ok(line) => assert_ne!(line["event"], name, "{line}"),
                Err(RecvTimeoutError::Timeout) => return,
                Err(RecvTimeoutError::Disconnected) => panic!("the other side has ended"),
            }
        }
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn say(line: Value) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "\n{line}");
    let _ = out.flush();
}

/// A number that tells payloads apart.
pub fn sum(payload: &[u8]) -> u64 {
    payload.iter().fold(7, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)))
}

struct Tell;

impl Sink for Tell {
    fn key_of(&self, payload: &[u8]) -> KeyHash {
        key(payload)
    }
    fn key_of_disposed(&self, key_payload: &[u8]) -> KeyHash {
        key(key_payload)
    }
    fn deliver(&self, sample: DdsSample) {
        say(json!({
            "event": "got", "sequence": sample.sequence, "length": sample.payload.len(),
            "sum": sum(&sample.payload), "state": format!("{:?}", sample.state),
        }));
    }
    fn flush(&self) {}
}

pub fn spec(topic: &str) -> EndpointSpec {
    let mut spec = EndpointSpec::new(topic, "plant::Secret", true);
    spec.qos = Qos::reliable();
    spec
}

/// What the other process does; returns at once in any other.
pub fn run() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let domain = std::env::var(DOMAIN).unwrap().parse().unwrap();
    let mut options = DdsOptions::new(domain, "other");
    options.security = Some(Security::in_folder(folder));
    let bus = DdsParticipant::start(options).unwrap();
    let writer: Arc<Mutex<Option<DdsWriter>>> = Arc::default();
    let reader: Arc<Mutex<Option<DdsReader>>> = Arc::default();
    *writer.lock() = Some(bus.writer(&spec("to_us")).unwrap());
    *reader.lock() = Some(bus.reader(&spec("to_them"), Arc::new(Tell)).unwrap());
    say(json!({ "event": "started" }));
    for line in std::io::stdin().lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split(' ').collect();
        let (writer, reader) = (writer.lock(), reader.lock());
        let (Some(writer), Some(reader)) = (&*writer, &*reader) else { return };
        match words[..] {
            ["await"] => {
                wait("a match", || !writer.matched().is_empty() && !reader.matched().is_empty());
                say(json!({ "event": "matched" }));
            }
            ["write", size] => {
                let sample = large(size.parse().unwrap());
                let sequence = writer.write(sample.clone(), key(&sample), 1).unwrap();
                say(json!({ "event": "written", "sequence": sequence, "sum": sum(&sample) }));
            }
            ["count"] => {
                let known = bus.discovered();
                say(json!({
                    "event": "count", "readers": writer.matched().len(),
                    "writers": reader.matched().len(), "participants": known.participants.len(),
                }));
            }
            _ => panic!("what is {line}?"),
        }
    }
}
