//! Our typed path on the Cyclone backend, doing what ddsperf does: the same type, the same policies.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tidewire_bus::{Backend, Participant, Reader, Transports, TypedSample, Writer};
use tidewire_qos::{self as qos, History, Qos};
use tidewire_types::bench::KeyedSeq;

use super::ddsperf::Mode;
use crate::{BenchError, median};

/// Of a sample's size, what is not `baggage`: number, key, length.
const FIXED: usize = 12;
/// What each part of a run lasts.
const WARM_UP: Duration = Duration::from_millis(500);
const COUNTED: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a writer lets small samples wait for others: ddsperf's wait until a packet is full.
const BUDGET: qos::Duration = qos::Duration::from_millis(20);

type Sample = TypedSample<KeyedSeq>;

fn fail(what: impl ToString) -> BenchError {
    BenchError { bench: "dds", what: what.to_string() }
}

fn participant(domain: u16, name: &str) -> Result<Participant, BenchError> {
    Participant::builder()
        .domain(domain)
        .name(name)
        .transports(Transports { dds: true, shm: false })
        .dds(Backend::Cyclone)
        .build()
        .map_err(fail)
}

/// One sample goes back and forth: ddsperf's ping and pong keep the last one.
fn ping_pong() -> Qos {
    Qos { history: History::KeepLast(1), ..Qos::reliable() }
}

fn stream() -> Qos {
    Qos { history: History::KeepAll, latency_budget: BUDGET, ..Qos::reliable() }
}

fn blank(bytes: usize) -> KeyedSeq {
    KeyedSeq { seq: 0, keyval: 0, baggage: vec![0xee; bytes.saturating_sub(FIXED)] }
}

/// What makes `heard` be called with each sample: a listener, or a thread that waits.
fn hear(
    bus: &Participant,
    reader: Reader<KeyedSeq>,
    mode: Mode,
    mut heard: impl FnMut(Sample) + Send + 'static,
) -> Result<Hearing, BenchError> {
    let stop = Arc::new(AtomicBool::new(false));
    match mode {
        Mode::Listener => {
            reader
                .on_data(move |reader| {
                    while let Ok(Some(sample)) = reader.take() {
                        heard(sample);
                    }
                })
                .map_err(fail)?;
            Ok(Hearing { stop, thread: None, _reader: Some(reader) })
        }
        Mode::WaitSet => {
            let (bus, over) = (bus.clone(), stop.clone());
            let thread = std::thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    let epoch = bus.epoch();
                    match reader.take() {
                        Ok(Some(sample)) => heard(sample),
                        Ok(None) => drop(bus.wait_since(epoch, Duration::from_millis(100))),
                        Err(_) => return,
                    }
                }
            });
            Ok(Hearing { stop, thread: Some(thread), _reader: None })
        }
    }
}

struct Hearing {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
    _reader: Option<Reader<KeyedSeq>>,
}

impl Drop for Hearing {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn met(reader: &Reader<KeyedSeq>, writer: &Writer<KeyedSeq>) -> Result<(), BenchError> {
    reader.wait_for_writers(1, PATIENCE).map_err(fail)?;
    writer.wait_for_readers(1, PATIENCE).map_err(fail)
}

/// Answers, once `ready` was called and until it returns.
pub fn pong(
    domain: u16,
    mode: Mode,
    ready: impl FnOnce() -> Result<(), BenchError>,
) -> Result<(), BenchError> {
    let bus = participant(domain, "bench/pong")?;
    let qos = ping_pong();
    let reader = bus.reader::<KeyedSeq>("ping", &qos).map_err(fail)?;
    let writer = bus.writer::<KeyedSeq>("pong", &qos).map_err(fail)?;
    met(&reader, &writer)?;
    let hearing = hear(&bus, reader, mode, move |sample| {
        let _ = writer.write(&sample.data);
    })?;
    ready()?;
    drop(hearing);
    Ok(())
}

/// Median one-way latency, ns.
pub fn ping(
    domain: u16,
    bytes: usize,
    mode: Mode,
    answered: impl FnOnce() -> Result<String, BenchError>,
) -> Result<f64, BenchError> {
    let bus = participant(domain, "bench/ping")?;
    let qos = ping_pong();
    let reader = bus.reader::<KeyedSeq>("pong", &qos).map_err(fail)?;
    let writer = Arc::new(bus.writer::<KeyedSeq>("ping", &qos).map_err(fail)?);
    met(&reader, &writer)?;
    answered()?;
    let (done, over) = mpsc::channel();
    let sent = Arc::new(Mutex::new(Instant::now()));
    let (out, at) = (writer.clone(), sent.clone());
    let begin = Instant::now();
    let mut halves = Vec::with_capacity(1 << 20);
    let hearing = hear(&bus, reader, mode, move |mut sample| {
        let Ok(mut at) = at.lock() else { return };
        let now = Instant::now();
        if now - begin > WARM_UP {
            halves.push((now - *at).as_nanos() as f64 / 2.0);
        }
        if now - begin > WARM_UP + COUNTED {
            let _ = done.send(std::mem::take(&mut halves));
            return;
        }
        sample.data.seq += 1;
        *at = Instant::now();
        let _ = out.write(&sample.data);
    })?;
    *sent.lock().map_err(fail)? = Instant::now();
    writer.write(&blank(bytes)).map_err(fail)?;
    let halves = over.recv_timeout(PATIENCE).map_err(|_| fail("a sample did not come back"));
    drop(hearing);
    Ok(median(&halves?))
}

/// Samples that arrive in a second while another writes as fast as it is let.
pub fn count(
    domain: u16,
    mode: Mode,
    ready: impl FnOnce() -> Result<(), BenchError>,
) -> Result<f64, BenchError> {
    let bus = participant(domain, "bench/sub")?;
    let reader = bus.reader::<KeyedSeq>("data", &stream()).map_err(fail)?;
    reader.wait_for_writers(1, PATIENCE).map_err(fail)?;
    let (seen, missed) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (counted, gaps) = (seen.clone(), missed.clone());
    let mut expected = None;
    let hearing = hear(&bus, reader, mode, move |sample| {
        let seq = sample.data.seq;
        gaps.fetch_add(u64::from(expected.is_some_and(|e| e != seq)), Ordering::Relaxed);
        expected = Some(seq.wrapping_add(1));
        counted.fetch_add(1, Ordering::Relaxed);
    })?;
    ready()?;
    std::thread::sleep(WARM_UP);
    let (start, before) = (Instant::now(), seen.load(Ordering::Relaxed));
    std::thread::sleep(COUNTED);
    let (time, after) = (start.elapsed(), seen.load(Ordering::Relaxed));
    drop(hearing);
    match missed.load(Ordering::Relaxed) {
        0 => Ok((after - before) as f64 / time.as_secs_f64()),
        gaps => Err(fail(format!("{gaps} gaps in the samples of a RELIABLE writer"))),
    }
}

/// Writes as fast as it is let until `over` returns, and gives what that returns.
pub fn flood<R: Send>(
    domain: u16,
    bytes: usize,
    over: impl FnOnce() -> Result<R, BenchError> + Send,
) -> Result<R, BenchError> {
    let bus = participant(domain, "bench/pub")?;
    let writer = bus.writer::<KeyedSeq>("data", &stream()).map_err(fail)?;
    writer.wait_for_readers(1, PATIENCE).map_err(fail)?;
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let result = over();
            stop.store(true, Ordering::Relaxed);
            result
        });
        let mut sample = blank(bytes);
        while !stop.load(Ordering::Relaxed) {
            // Whether it was delivered is found where samples are counted.
            if writer.write(&sample).is_ok() {
                sample.seq = sample.seq.wrapping_add(1);
            }
        }
        waiting.join().map_err(|_| fail("the thread that waits has panicked"))?
    })
}
