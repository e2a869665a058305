//! What every contender of the bus benchmark must do.

use std::time::{Duration, Instant};

use crate::BenchError;

/// Which way an endpoint's samples go: `Ping` writes the ping topic and reads the pong topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Ping,
    Pong,
}

/// One process's end of a pair of topics.
pub trait Endpoint {
    /// Fills a sample with `fill` in every byte and sends it.
    fn send(&mut self, fill: u8) -> Result<(), BenchError>;
    /// Takes a sample if one has come, reading every byte of it; gives its sum.
    fn poll(&mut self) -> Result<Option<u64>, BenchError>;
    /// Whether the other side is there.
    fn connected(&mut self) -> bool;
}

/// A way to carry samples of one size.
pub trait Contender {
    /// Makes an end.
    fn endpoint(&self, role: Role) -> Result<Box<dyn Endpoint + '_>, BenchError>;
}

const PATIENCE: Duration = Duration::from_secs(10);
/// A paced sample that is later than this is lost.
const SILENCE: Duration = Duration::from_secs(2);
/// Time between paced samples, at least.
const SLICE: Duration = Duration::from_micros(500);
/// Rounds before those that count, of so many: the first ones touch memory that was never touched.
fn warm_up(rounds: usize) -> usize {
    (rounds / 5).max(200)
}

/// Long enough for whoever waits to have fallen asleep.
const NAP: Duration = Duration::from_micros(50);

/// What one process asks of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Send back what comes, this many times.
    Latency(usize),
    /// As `Latency`, but each side lets the other fall asleep before it sends.
    Wake(usize),
    /// Count this many samples, and say how long they took.
    Throughput(usize),
    /// As `Throughput`, but so many are sent in a second.
    Paced(usize, u32),
}

impl Measure {
    /// The near side's part; `theirs` gives what the far side reports once it is done.
    ///
    /// # Errors
    /// A sample does not come back in 10 s.
    pub fn ping(
        self,
        end: &mut dyn Endpoint,
        theirs: impl FnOnce() -> Result<f64, BenchError>,
    ) -> Result<f64, BenchError> {
        match self {
            Self::Latency(rounds) | Self::Wake(rounds) => {
                let nap = self.nap();
                let warm_up = warm_up(rounds);
                let mut halves = Vec::with_capacity(rounds);
                for round in 0..rounds + warm_up {
                    pause(nap);
                    let start = Instant::now();
                    end.send(round as u8)?;
                    receive(end, PATIENCE)?;
                    if round >= warm_up {
                        let way = start.elapsed().saturating_sub(nap);
                        halves.push(way.as_nanos() as f64 / 2.0);
                    }
                }
                theirs()?;
                Ok(crate::median(&halves))
            }
            Self::Throughput(count) => {
                for i in 0..count {
                    end.send(i as u8)?;
                }
                theirs()
            }
            Self::Paced(count, rate) => {
                let start = Instant::now();
                for i in 0..count {
                    let due = Duration::from_secs(i as u64) / rate;
                    // What is due by now goes out at once: a sleep takes longer than it should.
                    if due > start.elapsed() {
                        std::thread::sleep(SLICE);
                    }
                    end.send(i as u8)?;
                }
                theirs()
            }
        }
    }

    /// The far side's part: samples per second for a throughput, otherwise nothing of interest.
    ///
    /// # Errors
    /// Nothing arrives for 10 s. Of a paced rate a sample that does not come makes it 0.
    pub fn pong(self, end: &mut dyn Endpoint) -> Result<f64, BenchError> {
        match self {
            Self::Latency(rounds) | Self::Wake(rounds) => {
                for round in 0..rounds + warm_up(rounds) {
                    receive(end, PATIENCE)?;
                    pause(self.nap());
                    end.send(round as u8)?;
                }
                Ok(0.0)
            }
            Self::Throughput(count) => {
                let start = Instant::now();
                for _ in 0..count {
                    receive(end, PATIENCE)?;
                }
                Ok(count as f64 / start.elapsed().as_secs_f64())
            }
            Self::Paced(count, _) => {
                receive(end, PATIENCE)?;
                let start = Instant::now();
                for _ in 1..count {
                    if receive(end, SILENCE).is_err() {
                        return Ok(0.0);
                    }
                }
                Ok((count - 1) as f64 / start.elapsed().as_secs_f64())
            }
        }
    }
}

impl Measure {
    /// How long each side keeps the other waiting before it sends; not counted.
    fn nap(self) -> Duration {
        if matches!(self, Self::Wake(_)) { NAP } else { Duration::ZERO }
    }
}

/// Keeps the processor busy: a sleep would be measured by its own wake-up.
fn pause(nap: Duration) {
    let start = Instant::now();
    while start.elapsed() < nap {
        std::hint::spin_loop();
    }
}

fn receive(end: &mut dyn Endpoint, patience: Duration) -> Result<u64, BenchError> {
    let start = Instant::now();
    let mut spins = 0_u32;
    loop {
        if let Some(sum) = end.poll()? {
            return Ok(sum);
        }
        spins = spins.wrapping_add(1);
        if spins.is_multiple_of(1024) && start.elapsed() > patience {
            return Err(BenchError { bench: "bus", what: format!("no sample for {patience:?}") });
        }
        std::hint::spin_loop();
    }
}

/// Waits for the other side.
///
/// # Errors
/// It does not come in 10 s.
pub fn connect(end: &mut dyn Endpoint) -> Result<(), BenchError> {
    let start = Instant::now();
    while !end.connected() {
        if start.elapsed() > PATIENCE {
            return Err(BenchError { bench: "bus", what: "the two ends never met".into() });
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}
