//! A reader's side: asks for history and puts it before what its writers send, each sample once.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tidewire_idl::{Guid, InstanceState, KeyHash};
use tidewire_transport::dds::DdsSample;
use tidewire_transport::{EndpointSpec, Prefix, history, now_ns};

use super::{Services, history_qos, history_topic};
use crate::error::BusError;
use crate::participant::Core;
use crate::reader::{Arrived, ReaderCore, Standing};

/// How long a reader keeps live samples back for a service that is there and says nothing: RustDDS may
/// take seconds to repair a large sample that a busy host has lost parts of.
const PATIENCE: Duration = Duration::from_secs(15);

/// Live samples after which a reader no longer waits for a service to come: it remembers each.
const REMEMBERED: usize = 65_536;

/// How far the asking has come.
pub(crate) enum Progress {
    /// No service is there, or it was complete before.
    Alone,
    /// One is, and has not sent everything.
    Holding,
    /// This is all, oldest first.
    Complete(Vec<Arrived>),
}

/// What a reader that requests TRANSIENT or PERSISTENT wants of the durability services.
#[derive(Default)]
pub(crate) struct Ask {
    /// Whether history may come.
    open: AtomicBool,
    /// Whether live samples are kept back.
    holding: AtomicBool,
    /// Whether there is no sample to be told apart any more.
    idle: AtomicBool,
    hasher: RandomState,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Of the topic that carries the answer.
    reader: Option<Arc<ReaderCore>>,
    /// Whether the asking is.
    over: bool,
    /// Live samples so far.
    heard: HashSet<u64>,
    /// How many of them by instance, and the source time of the newest.
    instances: HashMap<KeyHash, (usize, i64)>,
    /// Samples delivered as history that their writers have not sent themselves yet.
    ahead: HashSet<u64>,
    answer: Vec<Arrived>,
    answered: BTreeSet<Prefix>,
    /// When a service last said something, or was found.
    last: Option<Instant>,
}

impl Ask {
    /// Opens the reader of the answer to `reader`.
    pub fn begin(&self, core: &Arc<Core>, reader: &Guid) -> Result<(), BusError> {
        let topic = history_topic(reader);
        let mut spec = EndpointSpec::new(topic.name, topic.type_name, topic.keyed);
        spec.qos = history_qos();
        self.state.lock().reader = Some(ReaderCore::new(core, spec, None, None, false)?);
        self.open.store(true, Ordering::Release);
        Ok(())
    }

    /// Closes the reader of the answer: its owner goes.
    pub fn end(&self) {
        let reader = self.state.lock().reader.take();
        drop(reader);
    }

    /// Whether history may come.
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// Whether live samples are kept back until it has.
    pub fn is_holding(&self) -> bool {
        self.holding.load(Ordering::Acquire)
    }

    /// Notes a live sample; false if history has brought it already.
    pub fn hear(&self, sample: (Guid, i64, InstanceState, KeyHash), payload: &[u8]) -> bool {
        if self.idle.load(Ordering::Acquire) {
            return true;
        }
        let (writer, source_time, state, key) = sample;
        let name = self.name(writer, source_time, state, payload);
        let mut all = self.state.lock();
        if all.ahead.remove(&name) {
            if all.over && all.ahead.is_empty() {
                self.idle.store(true, Ordering::Release);
            }
            return false;
        }
        if !all.over {
            all.heard.insert(name);
            let (count, newest) = all.instances.entry(key).or_insert((0, i64::MIN));
            *count += 1;
            *newest = source_time.max(*newest);
            if all.heard.len() >= REMEMBERED && !self.is_holding() {
                tracing::debug!("no durability service has come: history is no longer waited for");
                self.close(&mut all);
            }
        }
        true
    }

    /// A live sample of the instance will not be taken.
    pub fn unhear(&self, key: &KeyHash) {
        if let Some((count, _)) = self.state.lock().instances.get_mut(key) {
            *count = count.saturating_sub(1);
        }
    }

    /// One of the instance that was not to be taken will be.
    pub fn hear_again(&self, key: &KeyHash) {
        if let Some((count, _)) = self.state.lock().instances.get_mut(key) {
            *count += 1;
        }
    }

    /// Takes what the services have sent.
    pub fn collect(&self, core: &Arc<Core>, services: &Services) -> Progress {
        let mut all = self.state.lock();
        let Some(reader) = all.reader.clone() else { return Progress::Alone };
        while let Ok(Some((info, payload))) = reader.take() {
            let service = info.writer.prefix();
            let Some((last, samples)) = history::read(&payload.into_bytes()) else {
                tracing::warn!(
                    topic = reader.spec.topic,
                    "a message that is no history was dropped"
                );
                continue;
            };
            let reception_time = now_ns();
            all.answer.extend(samples.into_iter().map(|(sample, expires)| Arrived {
                disposes: sample.state == InstanceState::Disposed,
                sample,
                reception_time,
                expires,
                standing: Standing::Unjudged,
            }));
            if last {
                all.answered.insert(service);
            }
            all.last = Some(Instant::now());
        }
        let present = services.present(core);
        if present.is_empty() && all.answered.is_empty() && all.answer.is_empty() {
            self.holding.store(false, Ordering::Release);
            return Progress::Alone;
        }
        let last = *all.last.get_or_insert_with(Instant::now);
        if !present.is_subset(&all.answered) {
            if last.elapsed() < PATIENCE {
                self.holding.store(true, Ordering::Release);
                return Progress::Holding;
            }
            tracing::warn!(
                topic = reader.spec.topic,
                "a durability service does not answer: going on with the history there is"
            );
        }
        let mut answer = std::mem::take(&mut all.answer);
        if all.answered.len() > 1 {
            answer.sort_by_key(|arrived| arrived.sample.source_time);
        }
        Progress::Complete(answer)
    }

    /// Ends the asking, and leaves of its answer what goes in front of the live samples that wait.
    /// `waiting` tells how many of an instance do; under KEEP_LAST nothing old is put behind what was
    /// taken before.
    pub fn settle(
        &self,
        answer: Vec<Arrived>,
        keeps_last: bool,
        waiting: impl Fn(&KeyHash) -> usize,
    ) -> Vec<Arrived> {
        let mut all = self.state.lock();
        let state = &mut *all;
        let mut left = Vec::with_capacity(answer.len());
        for arrived in answer {
            let DdsSample { writer, source_time, state: change, key, .. } = arrived.sample;
            let name = self.name(writer, source_time, change, &arrived.sample.payload);
            let stale = keeps_last
                && state
                    .instances
                    .get(&key)
                    .is_some_and(|(count, newest)| *count > waiting(&key) && source_time < *newest);
            if !stale && !state.heard.contains(&name) && state.ahead.insert(name) {
                left.push(arrived);
            }
        }
        self.close(state);
        left
    }

    fn close(&self, state: &mut State) {
        if let Some(reader) = state.reader.take() {
            retire(reader);
        }
        state.over = true;
        state.heard = HashSet::new();
        state.instances = HashMap::new();
        self.idle.store(state.ahead.is_empty(), Ordering::Release);
        self.holding.store(false, Ordering::Release);
        self.open.store(false, Ordering::Release);
    }

    /// Names a sample the same whichever way it came. Sequence numbers do not: RTPS and shared memory
    /// count apart. Transports may pad a payload, and RustDDS does not tell unregister from dispose.
    fn name(&self, writer: Guid, source_time: i64, state: InstanceState, payload: &[u8]) -> u64 {
        let body = payload.get(4..).unwrap_or_default();
        let end = body.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
        let mut hasher = self.hasher.build_hasher();
        hasher.write(&writer.0);
        hasher.write_i64(source_time);
        hasher.write_u8(u8::from(state == InstanceState::Alive));
        hasher.write(&body[..end]);
        hasher.finish()
    }
}

/// Deletes the reader of the answer on a thread of its own: that waits until what is being delivered has been,
/// to whichever reader, and whoever is here may hold locks that are taken there.
fn retire(reader: Arc<ReaderCore>) {
    let hold = reader.core.busy.hold();
    let leave = move || {
        drop(reader);
        drop(hold);
    };
    // Without a thread it goes here, which is all that is left to do.
    let _ = std::thread::Builder::new().name("tidewire-leave".into()).spawn(leave);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrived(writer: u8, time: i64, key: u8, payload: &'static [u8]) -> Arrived {
        let sample = DdsSample {
            writer: Guid([writer; 16]),
            sequence: 0,
            source_time: time,
            key: KeyHash([key; 16]),
            state: InstanceState::Alive,
            payload: payload.into(),
        };
        Arrived {
            sample,
            reception_time: 0,
            expires: 0,
            standing: Standing::Unjudged,
            disposes: false,
        }
    }

    fn hear(ask: &Ask, writer: u8, time: i64, key: u8, payload: &[u8]) -> bool {
        let key = KeyHash([key; 16]);
        ask.hear((Guid([writer; 16]), time, InstanceState::Alive, key), payload)
    }

    fn times(left: &[Arrived]) -> Vec<i64> {
        left.iter().map(|arrived| arrived.sample.source_time).collect()
    }

    const A: &[u8] = &[0, 1, 0, 0, 7];
    /// The same, padded on its way.
    const PADDED: &[u8] = &[0, 1, 0, 3, 7, 0, 0, 0];

    #[test]
    fn history_brings_each_sample_once_and_writers_do_not_repeat_it() {
        let ask = Ask::default();
        let answer = vec![arrived(1, 5, 1, A), arrived(1, 6, 1, A), arrived(1, 6, 1, PADDED)];
        let left = ask.settle(answer, false, |_| 0);
        assert_eq!(times(&left), [5, 6]);
        assert!(!hear(&ask, 1, 5, 1, PADDED), "came as history");
        assert!(hear(&ask, 2, 6, 1, A), "another writer's");
        assert!(hear(&ask, 1, 7, 1, A));
        assert!(!hear(&ask, 1, 6, 1, A));
        assert!(hear(&ask, 1, 6, 1, A), "written twice");
    }
}
