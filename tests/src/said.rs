use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::tidewire;

/// What a command gets before it counts as hanging.
const LIMIT: Duration = Duration::from_secs(90);

/// What a finished command left behind.
#[derive(Debug)]
pub struct Said {
    /// The command line, for messages.
    pub command: String,
    /// Exit code; none after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// Runs `tidewire` with `args` in the repository's root until it ends.
///
/// # Panics
/// It cannot be started, or hangs.
pub fn say(args: &[&str]) -> Said {
    Said::of(&mut tidewire(args))
}

impl Said {
    /// Runs any command until it ends.
    ///
    /// # Panics
    /// It cannot be started, or hangs.
    pub fn of(command: &mut Command) -> Self {
        let line = format!("{command:?}");
        let mut child = command
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{line}: {error}"));
        let out = read(child.stdout.take().expect("stdout is piped"));
        let err = read(child.stderr.take().expect("stderr is piped"));
        let deadline = Instant::now() + LIMIT;
        let status = loop {
            if let Some(status) = child.try_wait().expect("a child can be waited for") {
                break status;
            }
            if Instant::now() > deadline {
                child.kill().ok();
                child.wait().ok();
                let told = err.join().unwrap_or_default();
                panic!("{line}: still running after {LIMIT:?}\n{told}");
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let text = |thread: std::thread::JoinHandle<String>| thread.join().expect("reads a pipe");
        Self { command: line, code: status.code(), out: text(out), err: text(err) }
    }

    /// It did its work.
    ///
    /// # Panics
    /// It exited otherwise than with 0.
    pub fn fine(self) -> Self {
        assert_eq!(self.code, Some(0), "{self}");
        self
    }

    /// It ended with this exit code (1: the work failed, 2: wrong usage) and said why, without
    /// panicking on the way.
    ///
    /// # Panics
    /// It did not.
    pub fn fails(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        assert!(!self.err.contains("panicked"), "{self}");
        assert!(
            !self.err.trim().is_empty() || !self.out.trim().is_empty(),
            "fails silently: {self}"
        );
        self
    }

    /// Standard error holds each of these.
    ///
    /// # Panics
    /// It does not.
    pub fn tells(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.err.contains(word), "{word:?} is not in what it tells: {self}");
        }
        self
    }

    /// Standard output as one JSON value.
    ///
    /// # Panics
    /// It is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("no JSON, {error}: {self}"))
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { command, code, out, err } = self;
        write!(f, "{command}\nexit code {code:?}\nstdout:\n{out}\nstderr:\n{err}")
    }
}

fn read(mut pipe: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).ok();
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
