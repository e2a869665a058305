//! Writing a recording back onto the bus.

use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use serde::Serialize;
use tidewire_bus::{Participant, RawTopic, RawWriter, WriteError, now_ns};
use tidewire_idl::{InstanceState, KeyHash, Sample};
use tidewire_qos::policy::{Durability, History, Reliability};
use tidewire_qos::{Duration as QosDuration, Qos};
use tidewire_store::{StoreError, StoreReader};

use crate::error::ReplayError;
use crate::options::ReplayOptions;
use crate::pace::Pace;
use crate::plan::{Plan, Track};

/// Samples read ahead in one go, by number and by payload bytes; [`AHEAD`] such portions wait.
const PORTION: usize = 256;
const PORTION_BYTES: usize = 4 << 20;
const AHEAD: usize = 4;

/// Least time between two calls of the progress callback.
const REPORT: Duration = Duration::from_millis(100);

/// After every topic has found a reader: time for further readers to be found.
const SETTLE: Duration = Duration::from_millis(200);

/// Samples per instance kept for late joiners, at least, where the recorded writer kept some.
const LATE: u32 = 64;

/// Longest wait at the end for readers to acknowledge.
const ACKNOWLEDGE: Duration = Duration::from_secs(10);

/// Where a replay is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Progress {
    /// Recorded time played since the start, in ns.
    pub position_ns: i64,
    /// Recorded time to play, in ns.
    pub duration_ns: i64,
    /// Samples written so far, all rounds.
    pub samples: u64,
    /// Samples per second over the last report's time.
    pub samples_per_s: f64,
    /// Which round of a loop, from 1.
    pub round: u64,
}

/// What a replay did.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Per topic, in the recording's order.
    pub topics: Vec<TopicSummary>,
    /// Samples written.
    pub samples: u64,
    /// Rounds begun.
    pub rounds: u64,
    /// Wall time from the first sample to the last acknowledgement, in ns.
    pub elapsed_ns: u64,
    /// Longest a sample was written after its time, in ns.
    pub late_ns: u64,
    /// Whether every RELIABLE reader has acknowledged everything.
    pub acknowledged: bool,
}

/// One topic of a [`Summary`].
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TopicSummary {
    /// The recorded name.
    pub recorded: String,
    /// The name it was written under.
    pub topic: String,
    /// Samples written, disposes included.
    pub samples: u64,
    /// Payload bytes written.
    pub bytes: u64,
    /// Recorded disposes that could not be written because they came without their key.
    pub skipped: u64,
    /// Readers at the end.
    pub readers: usize,
}

/// Plays what `options` say until the end or until `stop` is set; `progress` is called about ten
/// times a second. Returns once the readers have acknowledged what was written.
///
/// Every sample keeps its bytes, its instance and its place in the order of source times.
pub fn run(
    participant: &Participant,
    options: &ReplayOptions,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(Progress),
) -> Result<Summary, ReplayError> {
    let failed = |source| ReplayError::Store { dir: options.dir.clone(), source };
    let reader = StoreReader::open(&options.dir).map_err(failed)?;
    let plan = Plan::new(&reader, options)?;
    let mut player = Player::new(participant, &plan, options, stop, progress)?;
    player.await_readers(Duration::from_secs_f64(options.wait));
    let begun = Instant::now();
    player.pace.rewind(plan.start);
    while !player.pace.stopped() {
        player.round(&reader, &plan).map_err(|error| match error {
            Failure::Store(source) => failed(source),
            Failure::Replay(error) => error,
        })?;
        if !options.loop_ {
            break;
        }
        player.pace.rewind(plan.start);
    }
    Ok(player.finish(begun))
}

enum Failure {
    Store(StoreError),
    Replay(ReplayError),
}

/// A writer and its count.
struct Voice {
    writer: RawWriter,
    done: TopicSummary,
}

struct Player<'a> {
    voices: Vec<Voice>,
    pace: Pace<'a>,
    keep_timestamps: bool,
    report: Report<'a>,
}

/// The progress callback with its clock.
struct Report<'a> {
    callback: &'a mut dyn FnMut(Progress),
    now: Progress,
    last: Instant,
    last_samples: u64,
}

impl Report<'_> {
    fn tick(&mut self) {
        let elapsed = self.last.elapsed();
        if elapsed >= REPORT {
            self.send(elapsed);
        }
    }

    fn send(&mut self, elapsed: Duration) {
        let written = (self.now.samples - self.last_samples) as f64;
        self.now.samples_per_s = written / elapsed.as_secs_f64().max(1e-9);
        self.last = Instant::now();
        self.last_samples = self.now.samples;
        (self.callback)(self.now);
    }
}

impl<'a> Player<'a> {
    fn new(
        participant: &Participant,
        plan: &Plan,
        options: &'a ReplayOptions,
        stop: &'a AtomicBool,
        progress: &'a mut dyn FnMut(Progress),
    ) -> Result<Self, ReplayError> {
        let profile = options.qos.as_deref().map(|spec| {
            tidewire_qos::load(spec)
                .map_err(|source| ReplayError::Qos { spec: spec.to_owned(), source })
        });
        let profile = profile.transpose()?;
        let voice = |track: &Track| {
            let raw = RawTopic {
                name: track.topic.clone(),
                type_name: track.type_name.clone(),
                keyed: track.keyed,
            };
            let qos = match &profile {
                Some(profile) => profile.writer_qos(&track.topic),
                None => offer(&track.qos, options.keep_timestamps),
            };
            let writer = match &track.ty {
                Some(ty) => participant.raw_writer_of(&raw, ty, &qos),
                None => participant.raw_writer(&raw, &qos),
            };
            let writer = writer
                .map_err(|source| ReplayError::Writer { topic: track.topic.clone(), source })?;
            let done = TopicSummary {
                recorded: track.recorded.clone(),
                topic: track.topic.clone(),
                ..TopicSummary::default()
            };
            Ok(Voice { writer, done })
        };
        let duration_ns = plan.end.saturating_sub(plan.start).max(0);
        Ok(Self {
            voices: plan.tracks.iter().map(voice).collect::<Result<_, ReplayError>>()?,
            pace: Pace::new(options.rate, plan.start, stop, options.paused.as_deref()),
            keep_timestamps: options.keep_timestamps,
            report: Report {
                callback: progress,
                now: Progress { duration_ns, ..Progress::default() },
                last: Instant::now(),
                last_samples: 0,
            },
        })
    }

    /// A reader that was there first must not miss the first samples for want of discovery.
    fn await_readers(&mut self, patience: Duration) {
        let deadline = Instant::now() + patience;
        while !self.pace.stopped() && Instant::now() < deadline {
            if self.voices.iter().all(|voice| voice.writer.matched_readers() > 0) {
                std::thread::sleep(SETTLE.min(deadline.saturating_duration_since(Instant::now())));
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Plays everything once.
    fn round(&mut self, reader: &StoreReader, plan: &Plan) -> Result<(), Failure> {
        self.report.now.round += 1;
        std::thread::scope(|scope| {
            let (sender, portions) = sync_channel(AHEAD);
            scope.spawn(move || read_ahead(reader, plan, &sender));
            self.play(&portions, plan)
            // Dropping `portions` ends the reading thread if it is not done.
        })
    }

    fn play(&mut self, portions: &Receiver<Portion>, plan: &Plan) -> Result<(), Failure> {
        while let Ok(portion) = portions.recv() {
            for (track, sample) in portion.map_err(Failure::Store)? {
                let time = sample.info.source_time;
                let report = &mut self.report;
                if !self.pace.wait_for(time, &mut || report.tick()) {
                    return Ok(());
                }
                self.report.now.position_ns = time.saturating_sub(plan.start);
                self.write(track, &sample).map_err(Failure::Replay)?;
                self.report.tick();
            }
        }
        Ok(())
    }

    fn write(&mut self, track: usize, sample: &Sample) -> Result<(), ReplayError> {
        let Voice { writer, done } = &mut self.voices[track];
        let info = &sample.info;
        if info.state != InstanceState::Alive && sample.payload.len() < 4 {
            // The writer had sent the key's hash alone: no one can say which instance it was.
            done.skipped += 1;
            return Ok(());
        }
        let key = (info.key != KeyHash::default()).then_some(info.key);
        loop {
            let time = if self.keep_timestamps { info.source_time } else { now_ns() };
            let written = match info.state {
                InstanceState::Alive => writer.write(&sample.payload, time, key),
                InstanceState::Disposed => writer.dispose(&sample.payload, key, time),
                InstanceState::Unregistered => writer.unregister(&sample.payload, key, time),
            };
            match written {
                Ok(()) => break,
                // A slow RELIABLE reader makes us wait; that is what it asked for.
                Err(WriteError::Timeout { .. }) if !self.pace.stopped() => self.report.tick(),
                Err(source) => {
                    return Err(ReplayError::Write { topic: done.topic.clone(), source });
                }
            }
        }
        done.samples += 1;
        done.bytes += sample.payload.len() as u64;
        self.report.now.samples += 1;
        Ok(())
    }

    fn finish(mut self, begun: Instant) -> Summary {
        let deadline = Instant::now() + ACKNOWLEDGE;
        let mut acknowledged = true;
        for voice in &mut self.voices {
            let left = deadline.saturating_duration_since(Instant::now());
            acknowledged &= voice.writer.wait_for_acknowledgments(left);
            voice.done.readers = voice.writer.matched_readers();
        }
        let elapsed = self.report.last.elapsed();
        self.report.send(elapsed);
        Summary {
            samples: self.report.now.samples,
            rounds: self.report.now.round,
            elapsed_ns: begun.elapsed().as_nanos() as u64,
            late_ns: self.pace.late().as_nanos() as u64,
            acknowledged,
            topics: self.voices.into_iter().map(|voice| voice.done).collect(),
        }
    }
}

/// What the replay's writer offers: as recorded, except where that would lose samples now.
fn offer(recorded: &Qos, keep_timestamps: bool) -> Qos {
    let mut qos = recorded.clone();
    // Discovery does not announce a writer's history, so the recorded one may be a default that is
    // too short for what was written.
    match (qos.reliability, qos.durability, qos.history) {
        (Reliability::BestEffort, ..) => {}
        (_, Durability::Volatile, _) => {
            qos.history = History::KeepAll;
            qos.resource_limits = Qos::reliable().resource_limits;
        }
        (_, _, History::KeepLast(depth)) => qos.history = History::KeepLast(depth.max(LATE)),
        (_, _, History::KeepAll) => {}
    }
    if keep_timestamps {
        // All samples are old by now.
        qos.lifespan = QosDuration::INFINITE;
    }
    qos
}

/// Samples with the index of their track.
type Portion = Result<Vec<(usize, Sample)>, StoreError>;

/// Reads the recording in time order ahead of the playing thread, so that a slow disk does not show
/// in the timing.
fn read_ahead(reader: &StoreReader, plan: &Plan, out: &SyncSender<Portion>) {
    // An error of `send` means that the playing thread has ended: so does this one.
    if let Err(error) = portions(reader, plan, &mut |portion| out.send(Ok(portion)).is_ok()) {
        let _ = out.send(Err(error));
    }
}

fn portions(
    reader: &StoreReader,
    plan: &Plan,
    send: &mut dyn FnMut(Vec<(usize, Sample)>) -> bool,
) -> Result<(), StoreError> {
    let names: Vec<&str> = plan.tracks.iter().map(|track| track.recorded.as_str()).collect();
    let (mut portion, mut bytes) = (Vec::with_capacity(PORTION), 0);
    for item in reader.merged(&names, Some(plan.start), plan.end.checked_add(1))? {
        let (track, sample) = item?;
        bytes += sample.payload.len();
        portion.push((track, sample));
        if portion.len() >= PORTION || bytes >= PORTION_BYTES {
            bytes = 0;
            if !send(std::mem::replace(&mut portion, Vec::with_capacity(PORTION))) {
                return Ok(());
            }
        }
    }
    if !portion.is_empty() {
        send(portion);
    }
    Ok(())
}
