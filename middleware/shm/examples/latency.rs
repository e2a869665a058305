//! One-way latency beside raw iceoryx2, two threads of one process, the receiver polling:
//! `cargo run --release -p tidewire-shm --example latency`.

use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use iceoryx2::prelude::*;
use tidewire_idl::Guid;
use tidewire_shm::{ShmDomain, ShmOptions};
use tidewire_transport::{EndpointSpec, SampleMeta};

type Failure = Box<dyn std::error::Error>;

const ROUNDS: usize = 5;
const SAMPLES: usize = 5_000;

fn main() -> Result<(), Failure> {
    println!("{:>8} {:>12} {:>12} {:>7}", "bytes", "ours ns", "iceoryx2 ns", "ratio");
    for len in [64, 1024, 64 << 10] {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(tidewire(len)?);
            theirs.push(raw(len)?);
        }
        let (ours, theirs) = (median(&mut ours), median(&mut theirs));
        println!("{len:>8} {ours:>12} {theirs:>12} {:>7.2}", ours as f64 / theirs as f64);
    }
    Ok(())
}

/// Sends with `send`, receives with `take`, and returns the median time between in ns. `take` returns
/// the time stamp in the payload.
fn measure(mut send: impl FnMut(u64) + Send, mut take: impl FnMut() -> Option<u64>) -> u64 {
    let start = Instant::now();
    let now = || start.elapsed().as_nanos() as u64;
    let done = AtomicBool::new(false);
    let mut times = Vec::with_capacity(SAMPLES);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..SAMPLES {
                send(now());
                let pause = Instant::now();
                while pause.elapsed() < Duration::from_micros(15) {
                    spin_loop();
                }
            }
            done.store(true, Ordering::Release);
        });
        loop {
            // Read before looking: after the last send, an empty queue is the end.
            let last = done.load(Ordering::Acquire);
            match take() {
                Some(sent) => times.push(now() - sent),
                None if last => break,
                None => spin_loop(),
            }
        }
    });
    median(&mut times)
}

fn tidewire(len: usize) -> Result<u64, Failure> {
    let options =
        ShmOptions { root: Some("/dev/shm/tidewire-latency".into()), ..Default::default() };
    let domain = ShmDomain::join(1, [1; 12], "latency", &options)?;
    let mut spec = EndpointSpec::new("latency", "latency::Block", false);
    spec.plain_size = Some(len);
    spec.qos = tidewire_qos::Qos::reliable();
    let mut reader = domain.reader(&spec, Guid([2; 16]))?;
    let mut writer = domain.writer(&spec, Guid([1; 16]))?;
    let body = vec![7_u8; len];
    let mut sequence = 0;
    let send = move |stamp: u64| {
        sequence += 1;
        let meta = SampleMeta { writer: Guid([1; 16]), sequence, ..SampleMeta::default() };
        let mut loan = writer.loan(&meta, len + 4).expect("a free chunk");
        loan[..4].copy_from_slice(&[0, 1, 0, 0]);
        loan[4..].copy_from_slice(&body);
        loan[4..12].copy_from_slice(&stamp.to_le_bytes());
        loan.send().expect("a reader that keeps up");
    };
    let take = || {
        let sample = reader.take().expect("a living writer")?;
        black_box(&sample[4..]);
        Some(u64::from_le_bytes(sample[4..12].try_into().expect("8 bytes")))
    };
    Ok(measure(send, take))
}

fn raw(len: usize) -> Result<u64, Failure> {
    set_log_level(LogLevel::Error);
    let node = NodeBuilder::new()
        .signal_handling_mode(SignalHandlingMode::Disabled)
        .create::<ipc_threadsafe::Service>()?;
    let service = node
        .service_builder(&"tidewire/latency/raw".try_into()?)
        .publish_subscribe::<[u8]>()
        .subscriber_max_buffer_size(1024)
        .enable_safe_overflow(false)
        .open_or_create()?;
    let publisher = service.publisher_builder().initial_max_slice_len(len).create()?;
    let subscriber = service.subscriber_builder().create()?;
    let body = vec![7_u8; len];
    let send = move |stamp: u64| {
        let loan = publisher.loan_slice_uninit(len).expect("a free chunk");
        let mut loan = loan.write_from_slice(&body);
        loan.payload_mut()[..8].copy_from_slice(&stamp.to_le_bytes());
        loan.send().expect("a reader that keeps up");
    };
    let take = || {
        let sample = subscriber.receive().expect("a living writer")?;
        black_box(sample.payload());
        Some(u64::from_le_bytes(sample[..8].try_into().expect("8 bytes")))
    };
    Ok(measure(send, take))
}

fn median(times: &mut [u64]) -> u64 {
    times.sort_unstable();
    times[times.len() / 2]
}
