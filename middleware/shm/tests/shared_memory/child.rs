//! Real processes: this test binary again, in a role given by its environment.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::support::*;
use tidewire_shm::{ShmDomain, ShmOptions};

/// A process of ours, killed when dropped.
pub struct Process {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Process {
    /// Starts `role` as participant `id` and waits until it says it is ready.
    pub fn start(place: &Place, role: &str, id: u8) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child::plays_its_role", "--nocapture", "--test-threads=1"])
            .env("TIDEWIRE_TEST_ROLE", role)
            .env("TIDEWIRE_TEST_ID", id.to_string())
            .env("TIDEWIRE_TEST_DOMAIN", place.domain.to_string())
            .env("TIDEWIRE_SHM_DIR", &place.root)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let mut process = Self { child, lines };
        process.hear("ready");
        process
    }

    /// Reads its output up to a line that contains `word`.
    pub fn hear(&mut self, word: &str) {
        let mut line = String::new();
        while !line.contains(word) {
            line.clear();
            assert!(self.lines.read_line(&mut line).unwrap() > 0, "child ended before `{word}`");
        }
    }

    pub fn signal(&self, signal: i32) {
        let status =
            Command::new("kill").args([format!("-{signal}"), self.child.id().to_string()]).status();
        assert!(status.unwrap().success());
    }

    /// `kill -9`, and gone.
    pub fn kill(&mut self) {
        self.signal(9);
        self.child.wait().unwrap();
    }

    /// Waits for its own end.
    pub fn end(&mut self) {
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Not a test of its own: what the child processes run.
#[test]
fn plays_its_role() {
    let Ok(role) = std::env::var("TIDEWIRE_TEST_ROLE") else { return };
    let number = |name: &str| std::env::var(name).unwrap().parse::<u16>().unwrap();
    let id = number("TIDEWIRE_TEST_ID") as u8;
    let domain = number("TIDEWIRE_TEST_DOMAIN");
    // The root comes from TIDEWIRE_SHM_DIR, as for any program.
    let domain = ShmDomain::join(domain, [id; 12], "child", &ShmOptions::default()).unwrap();
    let spec = reliable("t", Duration::from_secs(10));
    let ready = || println!("\nready");
    match role.as_str() {
        "reader" => {
            let mut reader = domain.reader(&spec, guid(id)).unwrap();
            assert!(reader.take().unwrap().is_none());
            ready();
            let mut next = None;
            loop {
                let seen = domain.epoch();
                for sequence in drain(&mut reader) {
                    assert!(next.is_none_or(|next| sequence >= next));
                    next = Some(sequence + 1);
                    if sequence % 100 == 0 {
                        println!("\ngot {sequence}");
                    }
                }
                domain.wait(seen, Duration::from_secs(60));
            }
        }
        "idle reader" => {
            let mut reader = domain.reader(&spec, guid(id)).unwrap();
            assert!(reader.take().unwrap().is_none());
            ready();
            std::thread::sleep(Duration::from_secs(120));
        }
        "writer" => {
            let mut writer = domain.writer(&spec, guid(id)).unwrap();
            ready();
            until("a reader", || writer.matched() > 0);
            for sequence in 1..=1_000 {
                writer.send(&meta(id, sequence), &payload(sequence, 64)).unwrap();
            }
        }
        "endless writer" => {
            let mut writer = domain.writer(&spec, guid(id)).unwrap();
            ready();
            for sequence in 1.. {
                writer.send(&meta(id, sequence), &payload(sequence, 64)).unwrap();
                std::thread::sleep(Duration::from_micros(200));
            }
        }
        other => panic!("no role `{other}`"),
    }
}
