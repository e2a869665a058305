//! Who takes samples off the wire: those who wait, those who poll, or the receive thread.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use tidewire_dds::{
    Attendance, DdsEvent, DdsOptions, DdsParticipant, DdsReader, DdsSample, DdsWriter, Sink,
};
use tidewire_idl::KeyHash;
use tidewire_qos::Qos;
use tidewire_transport::EndpointSpec;

/// The thread that brought each sample.
#[derive(Default)]
struct Bringers {
    threads: Mutex<Vec<ThreadId>>,
    /// Locked to keep who brings one from going on.
    door: Mutex<()>,
    at_the_door: AtomicBool,
}

impl Bringers {
    fn count(&self) -> usize {
        self.threads.lock().len()
    }

    fn last(&self) -> Option<ThreadId> {
        self.threads.lock().last().copied()
    }
}

impl Sink for Bringers {
    fn key_of(&self, _: &[u8]) -> KeyHash {
        KeyHash::default()
    }
    fn key_of_disposed(&self, _: &[u8]) -> KeyHash {
        KeyHash::default()
    }
    fn deliver(&self, _: DdsSample) {
        self.at_the_door.store(true, Ordering::Release);
        drop(self.door.lock());
        self.threads.lock().push(std::thread::current().id());
    }
    fn flush(&self) {}
}

/// One thread that waits, as the bus does it.
#[derive(Default)]
struct Hall {
    attending: AtomicUsize,
    epoch: Mutex<u64>,
    changed: Condvar,
}

impl Attendance for Hall {
    fn ring(&self) -> bool {
        let attended = self.is_attended();
        if attended {
            *self.epoch.lock() += 1;
            self.changed.notify_all();
        }
        attended
    }
}

impl Hall {
    fn is_attended(&self) -> bool {
        self.attending.load(Ordering::SeqCst) > 0
    }

    fn wait(&self, participant: &DdsParticipant, seen: u64, timeout: Duration) {
        self.attending.fetch_add(1, Ordering::SeqCst);
        participant.answer();
        let mut epoch = self.epoch.lock();
        if *epoch == seen {
            self.changed.wait_for(&mut epoch, timeout);
        }
        drop(epoch);
        self.attending.fetch_sub(1, Ordering::SeqCst);
        participant.collect();
    }
}

struct Pair {
    reading: DdsParticipant,
    _writing: DdsParticipant,
    writer: DdsWriter,
    reader: DdsReader,
    sink: Arc<Bringers>,
    /// Where those wait who wait on the reader's side.
    hall: Arc<Hall>,
}

fn until(what: &str, done: impl FnMut() -> bool) {
    until_since(Instant::now(), what, done);
}

fn until_since(start: Instant, what: &str, mut done: impl FnMut() -> bool) {
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(30), "waited 30 s for {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Without and with a key, one after the other: RustDDS reads the two in ways of their own.
fn pairs(offset: u32) -> impl Iterator<Item = Pair> {
    [false, true].into_iter().map(move |keyed| pair(offset, keyed))
}

fn pair(offset: u32, keyed: bool) -> Pair {
    let domain = (60 + (std::process::id() + offset) % 170) as u16;
    let start = |name| DdsParticipant::start(DdsOptions::new(domain, name)).unwrap();
    let (writing, reading) = (start("a"), start("b"));
    let mut spec = EndpointSpec::new("bell", "T", keyed);
    spec.qos = Qos::reliable();
    spec.plain_size = Some(64);
    let sink = Arc::new(Bringers::default());
    let hall = Arc::new(Hall::default());
    let weak: Weak<Hall> = Arc::downgrade(&hall);
    reading.attend(weak);
    let reader = reading.reader(&spec, sink.clone()).unwrap();
    let writer = writing.writer(&spec).unwrap();
    until("a match", || !writer.matched().is_empty() && !reader.matched().is_empty());
    let pair = Pair { reading, _writing: writing, writer, reader, sink, hall };
    // From here on whoever takes a sample knows its writer.
    pair.write();
    until("the first sample", || pair.sink.count() == 1);
    pair
}

impl Pair {
    fn write(&self) {
        let payload = Bytes::from_static(&[0, 1, 0, 0, 9, 9, 9, 9]);
        self.writer.write(payload, KeyHash::default(), 0).unwrap();
    }

    /// Waits as the bus does.
    fn wait(&self, seen: u64, timeout: Duration) {
        self.hall.wait(&self.reading, seen, timeout);
    }

    /// Keeps the receive thread of the reader's side from everything else as long as `gate` is locked.
    fn hold(&self, gate: &Arc<Mutex<()>>) -> DdsWriter {
        let (inside, held) = (gate.clone(), Arc::new(AtomicBool::new(false)));
        let told = held.clone();
        self.reading.observe(move |event| {
            if matches!(event, DdsEvent::WriterFound(found) if found.topic == "hold") {
                told.store(true, Ordering::Release);
                drop(inside.lock());
            }
        });
        let writer = self._writing.writer(&EndpointSpec::new("hold", "T", false)).unwrap();
        until("the receive thread to be held", || held.load(Ordering::Acquire));
        writer
    }
}

/// Ends the other threads of a test, if that fails too.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn who_waits_is_woken_by_rustdds_and_takes_the_sample() {
    for pair in pairs(20) {
        let gate = Arc::new(Mutex::new(()));
        let closed = gate.lock();
        let _hold = pair.hold(&gate);
        // Others than the receive thread, which is held.
        for count in 2..20 {
            let seen = *pair.hall.epoch.lock();
            pair.write();
            // It may ring before this thread waits: then that is for the receive thread, which is held.
            until("a sample", || {
                pair.wait(seen, Duration::from_millis(50));
                pair.reader.pump();
                pair.sink.count() == count
            });
            assert_eq!(pair.sink.last(), Some(std::thread::current().id()));
        }
        drop(closed);
    }
}

#[test]
fn who_finds_another_at_it_leaves_the_sample_to_that_one() {
    for pair in pairs(24) {
        let gate = Arc::new(Mutex::new(()));
        let closed = gate.lock();
        let _hold = pair.hold(&gate);
        let shut = pair.sink.door.lock();
        pair.sink.at_the_door.store(false, Ordering::Release);
        std::thread::scope(|scope| {
            let poller = scope.spawn(|| {
                until("the second sample", || {
                    pair.reader.pump();
                    pair.sink.at_the_door.load(Ordering::Acquire)
                });
                std::thread::current().id()
            });
            pair.write();
            until("the poller to bring it", || pair.sink.at_the_door.load(Ordering::Acquire));
            let waiter = scope.spawn(|| {
                let seen = *pair.hall.epoch.lock();
                pair.wait(seen, Duration::from_secs(20));
            });
            until("somebody to wait", || pair.hall.is_attended());
            // A moment for the look at the epoch before the sleep.
            std::thread::sleep(Duration::from_millis(20));
            pair.write();
            waiter.join().unwrap();
            assert_eq!(pair.sink.count(), 1, "neither has come yet");
            drop(shut);
            let poller = poller.join().unwrap();
            assert_eq!((pair.sink.count(), pair.sink.last()), (3, Some(poller)));
        });
        drop(closed);
    }
}

#[test]
fn what_a_listener_is_called_with_comes_on_the_receive_thread() {
    for pair in pairs(21) {
        pair.reader.set_called(true);
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                while !over.load(Ordering::Acquire) {
                    let seen = *pair.hall.epoch.lock();
                    pair.wait(seen, Duration::from_millis(10));
                }
            });
            let _over = Over(&over);
            let waiter = waiting.thread().id();
            for count in 2..50 {
                pair.write();
                until("a sample", || pair.sink.count() == count);
                assert_ne!(pair.sink.last(), Some(waiter));
            }
        });
    }
}

#[test]
fn what_a_poller_leaves_when_it_ends_is_taken() {
    for pair in pairs(22) {
        // Many: once a second the receive thread looks anyway.
        let begin = Instant::now();
        for count in (2..202).step_by(2) {
            pair.write();
            // Spins, so that nobody tells the receive thread.
            let start = Instant::now();
            while pair.sink.count() < count || start.elapsed() < Duration::from_millis(3) {
                pair.reader.pump();
            }
            pair.write();
            until_since(begin, "the receive thread's look", || pair.sink.count() == count + 1);
        }
    }
}

#[test]
fn what_comes_after_a_wait_that_nobody_repeats_is_taken() {
    for pair in pairs(25) {
        let begin = Instant::now();
        for count in (2..202).step_by(2) {
            let seen = *pair.hall.epoch.lock();
            pair.write();
            until_since(begin, "a sample", || {
                pair.wait(seen, Duration::from_millis(50));
                pair.sink.count() == count
            });
            pair.write();
            until_since(begin, "the receive thread's look", || pair.sink.count() == count + 1);
        }
    }
}

#[test]
fn no_sample_is_left_behind_however_those_who_take_come_and_go() {
    for pair in pairs(23) {
        let (round, over) = (AtomicUsize::new(1), AtomicBool::new(false));
        std::thread::scope(|scope| {
            for kind in 0..3u64 {
                let (pair, round, over) = (&pair, &round, &over);
                scope.spawn(move || {
                    let (mut turn, mut last) = (kind, 1);
                    while !over.load(Ordering::Acquire) {
                        if round.load(Ordering::Acquire) == last {
                            std::hint::spin_loop();
                            continue;
                        }
                        last += 1;
                        // Any pattern will do that lets them meet in many ways, and then leaves.
                        turn = turn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                        let some = turn >> 56;
                        if turn >> 55 & 1 == 0 {
                            for _ in 0..some {
                                pair.reader.pump();
                            }
                        } else {
                            let seen = *pair.hall.epoch.lock();
                            pair.wait(seen, Duration::from_micros(some));
                        }
                    }
                });
            }
            let _over = Over(&over);
            for count in 2..3_000 {
                round.store(count, Ordering::Release);
                pair.write();
                until("a sample", || pair.sink.count() >= count);
            }
        });
        assert_eq!(pair.sink.count(), 2_999, "each once");
    }
}
