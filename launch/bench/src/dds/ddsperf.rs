//! Cyclone DDS's own measuring program, run as its two processes and read.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::side::Side;
use crate::{BenchError, median};

/// How a reader learns of its samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Called on the receive thread.
    Listener,
    /// Woken by it.
    WaitSet,
}

impl Mode {
    pub fn name(self) -> &'static str {
        match self {
            Self::Listener => "listener",
            Self::WaitSet => "waitset",
        }
    }
}

/// What a process is told to do, and where: each part where ours is.
type Part<'a> = (Side, &'a [&'a str]);

/// The program.
#[derive(Clone, Debug)]
pub struct Ddsperf(PathBuf);

/// Seconds of a run, of which the first is not counted: the two find each other in it.
const SECONDS: &str = "3.5";

fn fail(what: impl ToString) -> BenchError {
    BenchError { bench: "dds", what: what.to_string() }
}

impl Ddsperf {
    /// The one given, or the first that exists: what `deploy/ddsperf.sh` has built, the system's.
    pub fn find(given: Option<&Path>) -> Option<Self> {
        let cache = std::env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
        let built = cache.map(|cache| cache.join("tidewire/ddsperf/bin/ddsperf"));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let installed = std::env::split_paths(&path).map(|folder| folder.join("ddsperf"));
        let candidates = match given {
            Some(given) => vec![given.to_owned()],
            None => built.into_iter().chain(installed).collect(),
        };
        candidates.into_iter().find(|program| program.is_file()).map(Self)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Median one-way latency of samples of `bytes`, ns.
    pub fn latency(&self, domain: u16, bytes: usize, mode: Mode) -> Result<f64, BenchError> {
        let size = bytes.to_string();
        let lines = self.both(
            domain,
            (Side::Far, &["pong", mode.name()]),
            (Side::Near, &["ping", "size", &size, mode.name()]),
        )?;
        let found =
            lines.iter().filter_map(|line| after(line, " 50% ")?.strip_suffix("us")?.parse().ok());
        value(found.skip(1).map(|micros: f64| micros * 1e3).collect(), &lines)
    }

    /// Samples of `bytes` a second that arrive while one process writes as fast as it is let.
    pub fn throughput(&self, domain: u16, bytes: usize, mode: Mode) -> Result<f64, BenchError> {
        let size = bytes.to_string();
        let lines = self.both(
            domain,
            (Side::Near, &["pub", "size", &size]),
            (Side::Far, &["sub", mode.name()]),
        )?;
        let found = lines.iter().filter_map(|line| {
            // The average over all time is in parentheses after it.
            after(line, " rate ")?.parse::<f64>().ok().filter(|_| line.contains(" kS/s"))
        });
        value(found.skip(1).map(|thousands| thousands * 1e3).collect(), &lines)
    }

    /// Runs both, RELIABLE and KEEP_ALL, and gives what the second one says.
    fn both(
        &self,
        domain: u16,
        first: Part<'_>,
        second: Part<'_>,
    ) -> Result<Vec<String>, BenchError> {
        let start = |(side, what): Part<'_>| {
            let _half = side.keep();
            let mut command = Command::new(&self.0);
            command.args(["-i", &domain.to_string(), "-T", "KS", "-k", "all", "-D", SECONDS]);
            command.args(what).stdin(Stdio::null()).stderr(Stdio::null()).stdout(Stdio::piped());
            command.spawn().map_err(|e| fail(format!("cannot start {}: {e}", self.0.display())))
        };
        let other = start(first)?;
        let said = start(second).and_then(|second| second.wait_with_output().map_err(fail));
        // It ends by itself; nothing it says is needed.
        let ended = other.wait_with_output().map_err(fail);
        let said = said?;
        ended?;
        Ok(String::from_utf8_lossy(&said.stdout).lines().map(str::to_owned).collect())
    }
}

/// The word that follows `mark`.
fn after<'a>(line: &'a str, mark: &str) -> Option<&'a str> {
    line.split_once(mark)?.1.split_whitespace().next()
}

fn value(found: Vec<f64>, lines: &[String]) -> Result<f64, BenchError> {
    if found.is_empty() {
        let last = lines.last().map_or("nothing", String::as_str);
        return Err(fail(format!("ddsperf gave no figure: {last}")));
    }
    Ok(median(&found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_lines_are_understood() {
        let ping = "[9] 3.000  vm:8 size 64 mean 27.9us min 9.0us 50% 24.667us 90% 36.674us 99% 55us max 1us cnt 17";
        assert_eq!(after(ping, " 50% "), Some("24.667us"));
        let sub = "[9] 3.0  size 64 total 9 lost 0 delta 9 lost 0 rate 1326.25 kS/s 679.04 Mb/s (334.65 kS/s 171 Mb/s)";
        assert_eq!(after(sub, " rate "), Some("1326.25"));
        assert!(value(vec![], &["no peers".to_owned()]).unwrap_err().what.contains("no peers"));
    }
}
