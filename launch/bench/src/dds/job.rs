//! What the two processes of a run do.

use std::fmt;
use std::process::Command;
use std::str::FromStr;

use super::ddsperf::Mode;
use super::{cyclone, fail};
use crate::BenchError;
use crate::process::{Far, await_order, say};
use crate::side::Side;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    Latency,
    Throughput,
}

/// Everything both processes must agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    pub measure: Measure,
    pub mode: Mode,
    pub bytes: usize,
    pub domain: u16,
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let measure = match self.measure {
            Measure::Latency => "latency",
            Measure::Throughput => "throughput",
        };
        write!(f, "{measure}:{}:{}:{}", self.mode.name(), self.bytes, self.domain)
    }
}

impl FromStr for Job {
    type Err = BenchError;

    fn from_str(text: &str) -> Result<Self, BenchError> {
        let wrong = || fail(format!("`{text}` is no job"));
        let fields: Vec<&str> = text.split(':').collect();
        let [measure, mode, bytes, domain] = fields[..] else { return Err(wrong()) };
        Ok(Self {
            measure: match measure {
                "latency" => Measure::Latency,
                "throughput" => Measure::Throughput,
                _ => return Err(wrong()),
            },
            mode: [Mode::Listener, Mode::WaitSet]
                .into_iter()
                .find(|known| known.name() == mode)
                .ok_or_else(wrong)?,
            bytes: bytes.parse().map_err(|_| wrong())?,
            domain: domain.parse().map_err(|_| wrong())?,
        })
    }
}

impl Job {
    /// The near side; `far` starts the other one.
    pub fn measure(self, far: &dyn Fn(&str) -> Command) -> Result<f64, BenchError> {
        let mut other = Far::start(far(&self.to_string()))?;
        let _half = Side::Near.keep();
        let figure = |answer: String| {
            answer.parse().map_err(|_| fail(format!("the second process said `{answer}`")))
        };
        match self.measure {
            Measure::Latency => {
                cyclone::ping(self.domain, self.bytes, self.mode, || other.answer())
            }
            Measure::Throughput => cyclone::flood(self.domain, self.bytes, || {
                other.answer()?;
                figure(other.answer()?)
            }),
        }
    }

    /// The far side.
    pub fn answer(self) -> Result<(), BenchError> {
        let Self { domain, mode, .. } = self;
        let _half = Side::Far.keep();
        match self.measure {
            Measure::Latency => cyclone::pong(domain, mode, || {
                say("ready");
                let _ = await_order("");
                Ok(())
            }),
            Measure::Throughput => {
                let rate = cyclone::count(domain, mode, || {
                    say("ready");
                    Ok(())
                })?;
                say(&rate.to_string());
                Ok(())
            }
        }
    }
}
