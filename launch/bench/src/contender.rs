//! What every contender of the bus benchmark must do, and how it is timed.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use crate::BenchError;

/// Which way an endpoint's samples go: `Ping` writes the ping topic and reads the pong topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Ping,
    Pong,
}

/// One thread's end of a pair of topics.
pub trait Endpoint {
    /// Fills a sample with `fill` in every byte and sends it.
    fn send(&mut self, fill: u8) -> Result<(), BenchError>;
    /// Takes a sample if one has come, reading every byte of it; gives its sum.
    fn poll(&mut self) -> Result<Option<u64>, BenchError>;
    /// Whether the other side is there.
    fn connected(&mut self) -> bool;
}

/// A way to carry samples of one size.
pub trait Contender: Sync {
    /// Name in the figures.
    fn name(&self) -> &'static str;
    /// Makes an end; called on the thread that uses it.
    fn endpoint(&self, role: Role) -> Result<Box<dyn Endpoint + '_>, BenchError>;
}

const PATIENCE: Duration = Duration::from_secs(10);

/// Median one-way time in ns: half of the round trip between two polling threads.
///
/// # Errors
/// An end cannot be made, or a sample does not come back in 10 s.
pub fn latency(contender: &dyn Contender, rounds: usize) -> Result<f64, BenchError> {
    pair(
        contender,
        |end| echo(end, rounds + WARM_UP),
        |end| {
            let mut halves = Vec::with_capacity(rounds);
            for round in 0..rounds + WARM_UP {
                let start = Instant::now();
                end.send(round as u8)?;
                receive(end)?;
                if round >= WARM_UP {
                    halves.push(start.elapsed().as_nanos() as f64 / 2.0);
                }
            }
            Ok(crate::median(&mut halves))
        },
    )
}

const WARM_UP: usize = 200;

/// Samples per second that arrive when one thread writes as fast as it is let.
///
/// # Errors
/// An end cannot be made, or nothing arrives for 10 s.
pub fn throughput(contender: &dyn Contender, count: usize) -> Result<f64, BenchError> {
    let (rate, ()) = pair_both(
        contender,
        |end| {
            let start = Instant::now();
            for _ in 0..count {
                receive(end)?;
            }
            Ok(count as f64 / start.elapsed().as_secs_f64())
        },
        |end| {
            for i in 0..count {
                end.send(i as u8)?;
            }
            // Until the other side has all, this end must live: it answers once.
            receive(end).map(|_| ())
        },
    )?;
    Ok(rate)
}

fn echo(end: &mut dyn Endpoint, rounds: usize) -> Result<(), BenchError> {
    for round in 0..rounds {
        receive(end)?;
        end.send(round as u8)?;
    }
    Ok(())
}

fn receive(end: &mut dyn Endpoint) -> Result<u64, BenchError> {
    let start = Instant::now();
    let mut spins = 0_u32;
    loop {
        if let Some(sum) = end.poll()? {
            return Ok(sum);
        }
        spins = spins.wrapping_add(1);
        if spins.is_multiple_of(4096) && start.elapsed() > PATIENCE {
            return Err(BenchError { bench: "bus", what: "no sample for 10 s".into() });
        }
        std::hint::spin_loop();
    }
}

fn pair<T: Send>(
    contender: &dyn Contender,
    pong: impl FnOnce(&mut dyn Endpoint) -> Result<(), BenchError> + Send,
    ping: impl FnOnce(&mut dyn Endpoint) -> Result<T, BenchError>,
) -> Result<T, BenchError> {
    run_pair(contender, pong, ping).map(|(_, value)| value)
}

fn pair_both<A: Send, B>(
    contender: &dyn Contender,
    pong: impl FnOnce(&mut dyn Endpoint) -> Result<A, BenchError> + Send,
    ping: impl FnOnce(&mut dyn Endpoint) -> Result<B, BenchError>,
) -> Result<(A, B), BenchError> {
    run_pair(
        contender,
        |end| {
            let value = pong(end)?;
            end.send(0)?;
            Ok(value)
        },
        ping,
    )
}

fn run_pair<A: Send, B>(
    contender: &dyn Contender,
    pong: impl FnOnce(&mut dyn Endpoint) -> Result<A, BenchError> + Send,
    ping: impl FnOnce(&mut dyn Endpoint) -> Result<B, BenchError>,
) -> Result<(A, B), BenchError> {
    let made = Barrier::new(2);
    let done = Barrier::new(2);
    std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            let end = contender.endpoint(Role::Pong);
            made.wait();
            let result = end.and_then(|mut end| {
                connect(&mut *end)?;
                let value = pong(&mut *end)?;
                done.wait();
                Ok(value)
            });
            if result.is_err() {
                done.wait();
            }
            result
        });
        let end = contender.endpoint(Role::Ping);
        made.wait();
        let result = end.and_then(|mut end| {
            connect(&mut *end)?;
            let value = ping(&mut *end)?;
            done.wait();
            Ok(value)
        });
        if result.is_err() {
            done.wait();
        }
        let other = other.join().map_err(|_| BenchError {
            bench: "bus",
            what: format!("the thread of {} panicked", contender.name()),
        })?;
        Ok((other?, result?))
    })
}

fn connect(end: &mut dyn Endpoint) -> Result<(), BenchError> {
    let start = Instant::now();
    while !end.connected() {
        if start.elapsed() > PATIENCE {
            return Err(BenchError { bench: "bus", what: "the two ends never met".into() });
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}
