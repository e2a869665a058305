//! Writing a recording back onto the bus.

use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use serde::Serialize;
use tidewire_bus::{Participant, WriteError, now_ns};
use tidewire_idl::{InstanceState, KeyHash, Sample};
use tidewire_qos::policy::DataRepresentation;
use tidewire_store::{StoreError, StoreReader};

use crate::ahead::{self, AHEAD, Portion};
use crate::error::ReplayError;
use crate::options::ReplayOptions;
use crate::pace::Pace;
use crate::plan::{Plan, Track};
use crate::voice::{Voice, offer, representation};

/// Least time between two calls of the progress callback.
const REPORT: Duration = Duration::from_millis(100);

/// After every topic has found a reader: time for further readers to be found.
const SETTLE: Duration = Duration::from_millis(200);

/// Longest wait for readers, in seconds: more than anyone has, and less than a clock can hold.
const FOREVER: f64 = 1e9;

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
    player.await_readers(|voices| voices.iter().all(|voice| voice.readers() > 0));
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

struct Player<'a> {
    voices: Vec<Voice<'a>>,
    pace: Pace<'a>,
    /// How long readers are waited for.
    patience: Duration,
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
        participant: &'a Participant,
        plan: &'a Plan,
        options: &'a ReplayOptions,
        stop: &'a AtomicBool,
        progress: &'a mut dyn FnMut(Progress),
    ) -> Result<Self, ReplayError> {
        let profile = options.qos.as_deref().map(|spec| {
            tidewire_qos::load(spec)
                .map_err(|source| ReplayError::Qos { spec: spec.to_owned(), source })
        });
        let profile = profile.transpose()?;
        let voice = |track: &'a Track| {
            let qos = match &profile {
                Some(profile) => profile.writer_qos(&track.topic),
                None => offer(&track.qos, options.keep_timestamps),
            };
            Voice::new(participant, track, qos)
        };
        let duration_ns = plan.end.saturating_sub(plan.start).max(0);
        Ok(Self {
            voices: plan.tracks.iter().map(voice).collect::<Result<_, ReplayError>>()?,
            pace: Pace::new(options.rate, plan.start, stop, options.paused.as_deref()),
            patience: Duration::from_secs_f64(options.wait.min(FOREVER)),
            keep_timestamps: options.keep_timestamps,
            report: Report {
                callback: progress,
                now: Progress { duration_ns, ..Progress::default() },
                last: Instant::now(),
                last_samples: 0,
            },
        })
    }

    /// A reader that was there first must not miss the first samples for want of discovery: waits
    /// until those are `found` that are known, and then for others.
    fn await_readers(&mut self, found: impl Fn(&[Voice<'_>]) -> bool) {
        let deadline = Instant::now() + self.patience;
        while !self.pace.stopped() && Instant::now() < deadline {
            if found(&self.voices) {
                std::thread::sleep(SETTLE.min(deadline.saturating_duration_since(Instant::now())));
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Another writer of a track, for samples encoded otherwise than those so far. While its readers
    /// are waited for the recording's time stands.
    fn open(
        &mut self,
        track: usize,
        representation: DataRepresentation,
    ) -> Result<usize, ReplayError> {
        let begun = Instant::now();
        let writer = self.voices[track].open(representation)?;
        if self.voices[track].awaited(writer) > 0 {
            self.await_readers(|voices| {
                // Those there now: one may leave meanwhile.
                let voice = &voices[track];
                voice.writers[writer].matched_readers() >= voice.awaited(writer)
            });
        }
        self.pace.shift(begun.elapsed());
        Ok(writer)
    }

    /// Plays everything once.
    fn round(&mut self, reader: &StoreReader, plan: &Plan) -> Result<(), Failure> {
        self.report.now.round += 1;
        std::thread::scope(|scope| {
            let (sender, portions) = sync_channel(AHEAD);
            scope.spawn(move || ahead::read(reader, plan, &sender));
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
        let info = &sample.info;
        if info.state != InstanceState::Alive && sample.payload.len() < 4 {
            // The writer had sent the key's hash alone: no one can say which instance it was.
            self.voices[track].done.skipped += 1;
            return Ok(());
        }
        let representation = representation(&sample.payload);
        let writer = match self.voices[track].find(representation) {
            Some(writer) => writer,
            None => self.open(track, representation)?,
        };
        let Voice { writers, done, .. } = &mut self.voices[track];
        let writer = &writers[writer];
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
            for writer in &voice.writers {
                let left = deadline.saturating_duration_since(Instant::now());
                acknowledged &= writer.wait_for_acknowledgments(left);
            }
            voice.done.readers = voice.readers();
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
