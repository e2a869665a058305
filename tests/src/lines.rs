use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A child process whose standard output is read line by line; killed when dropped.
pub struct Child {
    child: std::process::Child,
    lines: Receiver<String>,
    name: String,
}

impl Child {
    /// Starts it with piped standard input and output; errors stay on our standard error.
    ///
    /// # Panics
    /// It cannot be started.
    pub fn spawn(command: &mut Command) -> Self {
        let name = format!("{command:?}");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let out = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, lines, name }
    }

    /// The next line.
    ///
    /// # Panics
    /// None comes in `limit`, or the output ended.
    pub fn line(&self, limit: Duration) -> String {
        match self.lines.recv_timeout(limit) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => panic!("{}: no line in {limit:?}", self.name),
            Err(RecvTimeoutError::Disconnected) => panic!("{}: its output ended", self.name),
        }
    }

    /// The next line that `accept` takes; others are passed over.
    ///
    /// # Panics
    /// As [`Child::line`].
    pub fn line_where(&self, limit: Duration, accept: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + limit;
        loop {
            let line = self.line(deadline.saturating_duration_since(Instant::now()));
            if accept(&line) {
                return line;
            }
        }
    }

    /// The next JSON line with this `event`.
    ///
    /// # Panics
    /// As [`Child::line`].
    pub fn event(&self, event: &str, limit: Duration) -> Value {
        let is = |line: &str| {
            serde_json::from_str::<Value>(line).is_ok_and(|value| value["event"] == event)
        };
        serde_json::from_str(&self.line_where(limit, is)).expect("just parsed")
    }

    /// All lines until the output ends.
    ///
    /// # Panics
    /// It goes on past `limit`.
    pub fn rest(&self, limit: Duration) -> Vec<String> {
        let deadline = Instant::now() + limit;
        let mut lines = Vec::new();
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => lines.push(line),
                Err(RecvTimeoutError::Disconnected) => return lines,
                Err(RecvTimeoutError::Timeout) => panic!("{}: still running", self.name),
            }
        }
    }

    /// Lines that have come and were not asked for yet.
    pub fn lines_so_far(&self) -> Vec<String> {
        self.lines.try_iter().collect()
    }

    /// Writes a line to its standard input.
    ///
    /// # Panics
    /// It reads no more.
    pub fn say(&self, line: &str) {
        let mut input = self.child.stdin.as_ref().expect("standard input is open");
        writeln!(input, "{line}").unwrap_or_else(|error| panic!("{}: {line}: {error}", self.name));
    }

    /// Process id.
    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    /// Sends a signal, e.g. `libc::SIGINT`.
    pub fn signal(&self, signal: i32) {
        if let Some(pid) = rustix::process::Pid::from_raw(self.pid())
            && let Some(signal) = rustix::process::Signal::from_named_raw(signal)
        {
            rustix::process::kill_process(pid, signal).ok();
        }
    }

    /// Closes its standard input.
    pub fn close_stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Whether it has ended.
    ///
    /// # Panics
    /// It is no child of ours.
    pub fn ended(&mut self) -> bool {
        self.child.try_wait().expect("a child can be waited for").is_some()
    }

    /// Waits for the end.
    ///
    /// # Panics
    /// It runs past `limit`.
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                return status;
            }
            assert!(Instant::now() < deadline, "{}: still running after {limit:?}", self.name);
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
