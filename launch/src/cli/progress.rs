//! A line that tells how a running node is doing: rewritten in place on a terminal, every few
//! seconds elsewhere, silent with `--json`.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use super::output::plain;

/// The line, on standard error.
pub struct Progress {
    live: bool,
    quiet: bool,
    last: Instant,
    every: Duration,
}

impl Progress {
    /// A line that is silent when `quiet`.
    pub fn new(quiet: bool) -> Self {
        let live = std::io::stderr().is_terminal();
        let every = if live { Duration::from_millis(500) } else { Duration::from_secs(5) };
        Self { live, quiet, last: Instant::now(), every }
    }

    /// Shows what `line` says, if it is time.
    pub fn show(&mut self, line: impl FnOnce() -> String) {
        if self.quiet || self.last.elapsed() < self.every {
            return;
        }
        self.last = Instant::now();
        let line = line();
        let line = plain(&line);
        let mut err = std::io::stderr().lock();
        // A closed terminal is no reason to stop recording.
        let _ = if self.live { write!(err, "\r\x1b[2K{line}") } else { writeln!(err, "{line}") };
        let _ = err.flush();
    }

    /// Clears the line before other output.
    pub fn clear(&mut self) {
        if self.live && !self.quiet {
            let mut err = std::io::stderr().lock();
            let _ = write!(err, "\r\x1b[2K");
            let _ = err.flush();
        }
    }
}
