//! UDP by every way of the ingress, beside blocking `recv`.
//!
//! Two network namespaces of this process, joined by a veth pair. Rates are those of one processor
//! that does everything in turn: it sends a burst, the kernel carries it over, the receiver takes it.
//! Nothing sleeps and nothing overlaps, so the time is the work, and blocking `recv` is at its best.
//! Since the sender's part is the same for all and belongs to another machine in practice, it is
//! measured as well (the same bursts for a MAC address nobody has, which the far kernel drops on
//! arrival) and taken off in a second figure. Latency is one way, by one clock: once for datagrams that come every millisecond to a
//! receiver that has gone to sleep, once for a steady stream.
//!
//! Not measured: network cards, zero-copy, the bus behind the ingress.

mod traffic;

use std::net::SocketAddrV4;
use std::time::{Duration, Instant};

use tidewire_ingress::Rung;
use tidewire_ingress::testing::Pair;
use tidewire_ingress::udp::{self, Receiver, UdpOptions};

use crate::{BenchError, Figure, median};
use traffic::{BURST, Sender};

/// Datagrams of 64 bytes for each rate.
const PACKETS: usize = 60_000;
/// Datagrams of a latency: with the receiver asleep, and awake.
const ASLEEP: usize = 200;
const AWAKE: usize = 4000;
const SIZE: usize = 64;
/// Longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(2);

/// The contenders, blocking last: the others stand beside it.
const RUNGS: [(Rung, &str); 4] = [
    (Rung::XdpNative, "AF_XDP native"),
    (Rung::XdpGeneric, "AF_XDP generic"),
    (Rung::BusyPoll, "busy-poll recvmmsg"),
    (Rung::Blocking, "blocking recv"),
];

const PEER: &str = "blocking recv";

fn fail(what: impl ToString) -> BenchError {
    BenchError { bench: "ingress", what: what.to_string() }
}

/// What one contender did in one run.
#[derive(Clone, Copy, Default)]
struct Run {
    /// Seconds for one datagram, sending included.
    each: f64,
    asleep_ns: f64,
    awake_ns: f64,
}

/// Runs all ways `runs` times, interleaved; of the figures only those whose name has `only` in it. A
/// way that does not work here is left out; `note` is told which ways there are and why.
///
/// # Errors
/// Namespaces are not permitted (it takes root), or ordinary sockets do not work.
pub fn run(
    runs: usize,
    only: &str,
    progress: &mut dyn FnMut(&str),
    note: &mut dyn FnMut(&str),
) -> Result<Vec<Figure>, BenchError> {
    let pair = Pair::new().map_err(fail)?;
    let mut rungs = Vec::new();
    for (rung, name) in RUNGS {
        match open(&pair, rung) {
            Ok(receiver) => {
                note(&receiver.description());
                rungs.push((rung, name));
            }
            Err(error) if rung == Rung::Blocking => return Err(error),
            Err(error) => note(&format!("left out: {error}")),
        }
    }
    let mut values: Vec<Vec<Run>> = vec![Vec::new(); rungs.len()];
    let mut sending = Vec::new();
    for round in 0..runs {
        // Every other round backwards, so that nobody is always first.
        let mut order: Vec<usize> = (0..rungs.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for at in order {
            let (rung, name) = rungs[at];
            progress(&format!("run {} of {runs}: {name}", round + 1));
            values[at].push(measure(&pair, rung)?);
        }
        sending.push(alone(&pair)?);
    }
    let sending = median(&sending);
    let of =
        |at: usize, value: &dyn Fn(&Run) -> f64| values[at].iter().map(value).collect::<Vec<_>>();
    let quantities: [Quantity<'_>; 4] = [
        ("datagrams a second of one processor, receiving", "1/s", &|run| {
            1.0 / (run.each - sending)
        }),
        ("datagrams a second of one processor, sending included", "1/s", &|run| 1.0 / run.each),
        ("one-way latency, receiver asleep", "ns", &|run| run.asleep_ns),
        ("one-way latency, steady stream", "ns", &|run| run.awake_ns),
    ];
    let blocking = rungs.len() - 1;
    let mut figures = Vec::new();
    for (quantity, unit, value) in quantities {
        for (at, (_, name)) in rungs.iter().enumerate().take(blocking) {
            let name = format!("{quantity}, {name}");
            if name.contains(only) {
                let (ours, theirs) = (of(at, value), of(blocking, value));
                figures.push(Figure::of_runs(name, unit, &ours, PEER, &theirs));
            }
        }
    }
    Ok(figures)
}

/// Name, unit, and how a run tells it.
type Quantity<'a> = (&'a str, &'static str, &'a dyn Fn(&Run) -> f64);

fn address() -> SocketAddrV4 {
    SocketAddrV4::new([10, 9, 0, 1].into(), 7500)
}

fn open(pair: &Pair, rung: Rung) -> Result<Receiver, BenchError> {
    let options = UdpOptions { rung, ..UdpOptions::at(address()) };
    pair.here.run(move || udp::open(&options)).map_err(fail)
}

fn measure(pair: &Pair, rung: Rung) -> Result<Run, BenchError> {
    let mut receiver = open(pair, rung)?;
    let mut sender = pair.there.run(|| Sender::new("vb", SIZE)).map_err(fail)?;
    let each = rate(&mut receiver, &mut sender)?;
    let (receiver, sender, asleep_ns) =
        latency(receiver, sender, ASLEEP, Duration::from_millis(1))?;
    let (_, _, awake_ns) = latency(receiver, sender, AWAKE, Duration::from_micros(20))?;
    Ok(Run { each, asleep_ns, awake_ns })
}

/// Seconds for one datagram, one thread doing everything.
fn rate(receiver: &mut Receiver, sender: &mut Sender) -> Result<f64, BenchError> {
    let (mut sum, mut first) = (0_u64, None);
    let mut done = 0;
    let warm_up = PACKETS / 10;
    while done < PACKETS + warm_up {
        if done >= warm_up {
            first.get_or_insert_with(|| (Instant::now(), done));
        }
        sender.burst().map_err(fail)?;
        let mut left = BURST;
        while left > 0 {
            // Every byte is read, as a decoder would.
            let take = |datagram: udp::Datagram<'_>| {
                sum += datagram.bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>();
            };
            let count = receiver.receive(PATIENCE, take).map_err(fail)?;
            if count == 0 {
                let dropped = receiver.dropped();
                return Err(fail(format!("a datagram is missing ({dropped} dropped)")));
            }
            left = left.saturating_sub(count);
        }
        done += BURST;
    }
    std::hint::black_box(sum);
    let (start, before) = first.ok_or_else(|| fail("no datagram was measured"))?;
    Ok(start.elapsed().as_secs_f64() / (done - before) as f64)
}

/// Seconds for sending one datagram to nobody: the far kernel drops it on arrival for its MAC address.
fn alone(pair: &Pair) -> Result<f64, BenchError> {
    let mut sender = pair.there.run(|| Sender::new("vb", SIZE)).map_err(fail)?;
    sender.address_nobody();
    let mut bursts = || -> Result<f64, BenchError> {
        let start = Instant::now();
        for _ in 0..PACKETS / BURST {
            sender.burst().map_err(fail)?;
        }
        Ok(start.elapsed().as_secs_f64() / (PACKETS / BURST * BURST) as f64)
    };
    bursts()?;
    bursts()
}

/// Median time one way, ns, of datagrams that come every `pause`.
fn latency(
    mut receiver: Receiver,
    mut sender: Sender,
    count: usize,
    pause: Duration,
) -> Result<(Receiver, Sender, f64), BenchError> {
    let zero = Instant::now();
    let receiving = std::thread::spawn(move || -> Result<(Receiver, Vec<f64>), BenchError> {
        let mut times = Vec::with_capacity(count);
        while times.len() < count {
            let got = receiver.receive(PATIENCE, |datagram| {
                let now = zero.elapsed().as_nanos() as u64;
                if let Some(sent) = datagram.bytes.first_chunk::<8>() {
                    times.push(now.saturating_sub(u64::from_le_bytes(*sent)) as f64);
                }
            });
            if got.map_err(fail)? == 0 {
                return Err(fail("a datagram is missing"));
            }
        }
        Ok((receiver, times))
    });
    let mut due = Instant::now() + Duration::from_millis(5);
    for _ in 0..count {
        if pause >= Duration::from_millis(1) {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        while Instant::now() < due {
            std::hint::spin_loop();
        }
        due += pause;
        let now = zero.elapsed().as_nanos() as u64;
        sender.one(&now.to_le_bytes()).map_err(fail)?;
        if receiving.is_finished() {
            break;
        }
    }
    let (receiver, times) = receiving.join().map_err(|_| fail("the receiver panicked"))??;
    Ok((receiver, sender, median(&times)))
}
