//! Onto the bus: one raw writer per topic and representation, made when first needed.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use parking_lot::RwLock;
use tidewire_bus::{Participant, RawTopic, RawWriter, WriteError, now_ns};
use tidewire_idl::cdr::{Codec, KeyReader};
use tidewire_idl::{Encoding, InstanceState, KeyHash, Representation, TypeRegistry};
use tidewire_qos::fnmatch::fnmatch;
use tidewire_qos::policy::DataRepresentation;
use tidewire_qos::{Profile, Qos, check};

use crate::frame::Frame;
use crate::stats::TopicCount;
use crate::{IngressOptions, IngressStats, Reason, Reject};

/// Bytes of a topic's name, with the prefix.
const MAX_NAME: usize = 255;
/// How long the first sample of a topic waits for those in `wait_for`.
const PATIENCE: Duration = Duration::from_secs(10);
/// Some readers are known but gone: so long after the others have matched they are not waited for.
const SETTLE: Duration = Duration::from_millis(500);

/// All topics of an ingress. Shared by every connection.
pub(crate) struct Outlets<'a> {
    participant: &'a Participant,
    types: &'a TypeRegistry,
    profile: Option<&'a Profile>,
    allow: &'a [String],
    prefix: &'a str,
    max_topics: usize,
    wait_for: &'a [String],
    topics: RwLock<HashMap<String, Arc<Outlet>>>,
    stats: &'a IngressStats,
}

/// One topic.
struct Outlet {
    raw: RawTopic,
    known: Option<Known>,
    /// By representation: readers are told which one they get.
    writers: RwLock<[Option<Arc<RawWriter>>; 2]>,
    count: Arc<TopicCount>,
    /// Done once whoever shall read the first sample is there.
    first: Once,
}

/// What a known type is good for.
struct Known {
    codec: Codec,
    keys: Option<KeyReader>,
}

impl<'a> Outlets<'a> {
    pub fn new(
        participant: &'a Participant,
        types: &'a TypeRegistry,
        profile: Option<&'a Profile>,
        options: &'a IngressOptions,
        stats: &'a IngressStats,
    ) -> Self {
        Self {
            participant,
            types,
            profile,
            allow: &options.allow,
            prefix: &options.prefix,
            max_topics: options.max_topics,
            wait_for: &options.wait_for,
            topics: RwLock::default(),
            stats,
        }
    }

    /// Writes what a frame says. Blocks while a RELIABLE reader makes no room.
    pub fn write(&self, frame: &Frame<'_>) -> Result<(), Reject> {
        let outlet = self.outlet(frame)?;
        let key = outlet.key(frame)?;
        let time = if frame.source_time == 0 { now_ns() } else { frame.source_time };
        let writer = self.writer(&outlet, frame.payload)?;
        outlet.first.call_once(|| self.wait_for_readers(&outlet.raw.name, &writer));
        let written = match frame.change {
            InstanceState::Alive => writer.write(frame.payload, time, key),
            InstanceState::Disposed => writer.dispose(frame.payload, key, time),
            InstanceState::Unregistered => writer.unregister(frame.payload, key, time),
        };
        match written {
            Ok(()) => {
                outlet.count.written.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => {
                outlet.count.refused.fetch_add(1, Ordering::Relaxed);
                let reason = match error {
                    WriteError::Timeout { .. } => Reason::Backpressure,
                    WriteError::NoKey(_) => Reason::Key,
                    _ => Reason::Bus,
                };
                Err(Reject::new(reason, error.to_string()))
            }
        }
    }

    /// Waits until RELIABLE readers on other hosts have what was written, for at most `patience` in
    /// all: a writer that is gone sends nothing again.
    pub fn finish(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        for outlet in self.topics.read().values() {
            for writer in outlet.writers.read().iter().flatten() {
                let left = deadline.saturating_duration_since(Instant::now());
                if !writer.wait_for_acknowledgments(left) {
                    let topic = &outlet.raw.name;
                    tracing::warn!(topic, "not every reader has acknowledged the last samples");
                }
            }
        }
    }

    fn outlet(&self, frame: &Frame<'_>) -> Result<Arc<Outlet>, Reject> {
        let long;
        let name = if self.prefix.is_empty() {
            frame.topic
        } else {
            long = format!("{}{}", self.prefix, frame.topic);
            &long
        };
        let found = self.topics.read().get(name).cloned();
        let outlet = match found {
            Some(outlet) => outlet,
            None => self.open(name, frame)?,
        };
        if outlet.raw.type_name != frame.type_name {
            let (name, has, says) = (&outlet.raw.name, &outlet.raw.type_name, frame.type_name);
            let text = format!("topic `{name}` is written here as `{has}`, this says `{says}`");
            return Err(Reject::new(Reason::Type, text));
        }
        Ok(outlet)
    }

    fn open(&self, name: &str, frame: &Frame<'_>) -> Result<Arc<Outlet>, Reject> {
        if name.len() > MAX_NAME {
            let text = format!("a topic name of {} bytes; it has at most {MAX_NAME}", name.len());
            return Err(Reject::new(Reason::Topic, text));
        }
        // Names are shown on terminals.
        if name.contains(char::is_control) || frame.type_name.contains(char::is_control) {
            let text = format!("{name:?} of {:?}: control characters in a name", frame.type_name);
            return Err(Reject::new(Reason::Topic, text));
        }
        if !self.allow.iter().any(|pattern| fnmatch(pattern, name)) {
            let text =
                format!("topic `{name}` may not be written here (allow: {})", self.allow.join(" "));
            return Err(Reject::new(Reason::Topic, text));
        }
        let known = self.types.get(frame.type_name).and_then(|ty| {
            // A description that cannot be used is as good as none.
            Some(Known { codec: Codec::new(&ty).ok()?, keys: KeyReader::new(&ty) })
        });
        let keyed = known.as_ref().map_or(frame.keyed, |known| known.keys.is_some());
        let outlet = Arc::new(Outlet {
            raw: RawTopic::new(name, frame.type_name, keyed),
            known,
            writers: RwLock::default(),
            count: Arc::default(),
            first: Once::new(),
        });
        // What is wrong with the very first sample must not take a place among the topics.
        outlet.key(frame)?;
        let mut topics = self.topics.write();
        if let Some(outlet) = topics.get(name) {
            return Ok(outlet.clone());
        }
        if topics.len() >= self.max_topics {
            let text = format!(
                "`{name}` is one topic too many: {} are written (max_topics)",
                topics.len()
            );
            return Err(Reject::new(Reason::Topic, text));
        }
        self.writer(&outlet, frame.payload)?;
        self.stats.show(name, outlet.count.clone());
        topics.insert(name.to_owned(), outlet.clone());
        Ok(outlet)
    }

    /// Waits until everyone in `wait_for` reads the topic and all readers that fit are matched; not
    /// for ever.
    fn wait_for_readers(&self, name: &str, writer: &RawWriter) {
        let begun = Instant::now();
        let mut complete = None;
        while !self.wait_for.is_empty() {
            let topics = self.participant.topics();
            let readers =
                topics.iter().find(|t| t.name == name).map_or(&[][..], |t| &t.readers[..]);
            let fitting: Vec<_> =
                readers.iter().filter(|r| check(writer.qos(), &r.qos).is_empty()).collect();
            let missing = self
                .wait_for
                .iter()
                .find(|who| !fitting.iter().any(|r| &*r.participant_name == who.as_str()));
            match missing {
                None => {
                    let settled = complete.get_or_insert_with(Instant::now).elapsed() >= SETTLE;
                    if settled || writer.matched_readers() >= fitting.len() {
                        return;
                    }
                }
                Some(missing) if begun.elapsed() >= PATIENCE => {
                    tracing::warn!(
                        topic = name,
                        "`{missing}` does not read it after {PATIENCE:?}: written without it"
                    );
                    return;
                }
                Some(_) => complete = None,
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn writer(&self, outlet: &Outlet, payload: &[u8]) -> Result<Arc<RawWriter>, Reject> {
        let (encoding, _) =
            Encoding::of(payload).map_err(|e| Reject::new(Reason::Payload, e.to_string()))?;
        let xcdr2 = encoding.representation == Representation::Xcdr2;
        let at = usize::from(xcdr2);
        if let Some(writer) = &outlet.writers.read()[at] {
            return Ok(writer.clone());
        }
        let mut writers = outlet.writers.write();
        if let Some(writer) = &writers[at] {
            return Ok(writer.clone());
        }
        let name = &outlet.raw.name;
        let mut qos = self.profile.map_or_else(Qos::reliable, |profile| profile.writer_qos(name));
        qos.data_representation =
            vec![if xcdr2 { DataRepresentation::Xcdr2 } else { DataRepresentation::Xcdr1 }];
        let writer = self
            .participant
            .raw_writer(&outlet.raw, &qos)
            .map_err(|error| Reject::new(Reason::Bus, error.to_string()))?;
        Ok(writers[at].insert(Arc::new(writer)).clone())
    }
}

impl Outlet {
    /// Checks the payload where the type is known, and gives the instance.
    fn key(&self, frame: &Frame<'_>) -> Result<Option<KeyHash>, Reject> {
        let alive = frame.change == InstanceState::Alive;
        let refuse = |reason, text: String| Err(Reject::new(reason, text));
        let (topic, type_name) = (&self.raw.name, &self.raw.type_name);
        if !alive && !self.raw.keyed {
            return refuse(Reason::Key, format!("topic `{topic}` has no key: nothing to dispose"));
        }
        let Some(known) = &self.known else {
            if frame.keyed != self.raw.keyed {
                let has = if self.raw.keyed { "has" } else { "has not" };
                let text =
                    format!("topic `{topic}` {has} a key here, the KEYED flag says otherwise");
                return refuse(Reason::Key, text);
            }
            if frame.keyed && frame.key.is_none() {
                let text = format!(
                    "`{type_name}` is not known here, so frames of it need the KEY_HASH of their \
                     instance; or give the folder of its IDL with --types"
                );
                return refuse(Reason::Key, text);
            }
            if !frame.keyed && frame.key.is_some() {
                let text = format!(
                    "a KEY_HASH for topic `{topic}`, which has no key; leave it out, or set KEYED too"
                );
                return refuse(Reason::Key, text);
            }
            return Ok(frame.key);
        };
        if frame.keyed && known.keys.is_none() {
            return refuse(
                Reason::Key,
                format!("`{type_name}` has no key, the KEYED flag says it has"),
            );
        }
        let wrong = |error: tidewire_idl::CdrError| {
            let what = if alive { "sample" } else { "key" };
            Reject::new(Reason::Payload, format!("no {what} of `{type_name}`: {error}"))
        };
        if alive {
            known.codec.decode(frame.payload).map_err(wrong)?;
        } else {
            known.codec.decode_key(frame.payload).map_err(wrong)?;
        }
        let Some(keys) = &known.keys else { return Ok(None) };
        let hash =
            if alive { keys.key_hash(frame.payload) } else { keys.key_hash_of_key(frame.payload) };
        hash.map(Some).map_err(wrong)
    }
}
