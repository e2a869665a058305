//! What came over DDS and waits to be taken.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard, RwLock};
use tidewire_idl::{Guid, InstanceState, KeyHash, KeyReader};
use tidewire_qos::{Durability, Ownership};
use tidewire_transport::dds::{DdsSample, Sink};
use tidewire_transport::{
    Arrival, Counter, Crowd, EndpointSpec, Prefix, SampleMeta, SequenceGaps, now_ns,
};

use super::arrived::{Arrived, Standing};
use super::content::Content;
use super::filter::{Change, Verdict};
use super::judge::Judge;
use super::listen::Listener;
use crate::deadline::Deadlines;
use crate::durable::Ask;
use crate::keys::Keys;
use crate::liveliness::Vitals;
use crate::participant::Core;

/// Bytes a reader that keeps everything may queue before samples are lost.
const MAX_BYTES: usize = 256 << 20;

/// Entries beyond which changes that are kept back are not noted: a reader whose cache is full for long may then take
/// an instance for unwritten that a weaker writer writes.
const NOTED: usize = 65_536;

/// Holes that a queue may have, however short it is.
const HOLES: usize = 64;

/// Participants of which is remembered whether they are on this host, and writers.
const REMEMBERED: usize = 1024;

/// The queue between the receive thread and `take`.
///
/// KEEP_LAST replaces the oldest sample of the same instance, but no value by its end. KEEP_ALL cannot
/// hold a DDS writer back (RustDDS acknowledges what its own cache has), so its limit is memory, and what
/// exceeds it counts as lost.
pub(crate) struct Incoming {
    pub(super) core: std::sync::Weak<Core>,
    keys: Keys,
    pub(super) keyed: bool,
    depth: Option<usize>,
    /// Where each sample comes with its instance, as on shared memory.
    pub(super) depth_by_key: Option<usize>,
    /// Whether the instance of every sample is known.
    pub(super) told_apart: bool,
    pub(super) queue: Mutex<Queue>,
    pub(super) waiting: AtomicUsize,
    local: RwLock<HashMap<Prefix, bool>>,
    /// Counts news of discovery.
    news: AtomicU32,
    blocked: RwLock<HashSet<Guid>>,
    /// Whether `blocked` has any: it hardly ever does.
    blocks: AtomicBool,
    lost: Counter,
    deadlines: Option<Mutex<Deadlines>>,
    vitals: Mutex<Vitals>,
    /// Whether it matters who writes what comes over shared memory, and over DDS: an owner must be alive,
    /// and if it is on this host it says so itself.
    listens: bool,
    listens_far: bool,
    content: Option<Arc<Content>>,
    pub(super) judge: Judge,
    /// Whether changes that are kept back are noted all the same.
    notes_all: AtomicBool,
    /// Whether a gap in a writer's numbers is a loss.
    gaps_are_loss: bool,
    pub(super) listener: Listener,
    /// For history, where durability services are to have it.
    pub ask: Option<Ask>,
}

#[derive(Default)]
pub(super) struct Queue {
    /// Replaced samples leave a hole, so that positions stay.
    pub(super) samples: VecDeque<Option<Arrived>>,
    /// Position of the first entry of `samples`.
    first: u64,
    /// Positions by instance, under KEEP_LAST.
    instances: HashMap<Place, VecDeque<u64>>,
    bytes: usize,
    /// Entries of `samples` that are none.
    holes: usize,
    gaps: SequenceGaps,
    crowd: Crowd,
    sources: HashMap<Guid, Source>,
    /// Of the sample that came last: they come in runs.
    source: Option<Source>,
}

/// What must be known of a writer for each of its samples.
#[derive(Clone, Copy)]
struct Source {
    writer: Guid,
    /// The news of discovery that this includes.
    news: u32,
    /// Whether its samples come by shared memory.
    is_local: bool,
    /// How long they live, in ns, as it has announced.
    lifespan: Option<i64>,
}

impl Incoming {
    pub fn new(
        core: &Arc<Core>,
        keys: Keys,
        spec: &EndpointSpec,
        content: Option<Arc<Content>>,
        cached: bool,
    ) -> Self {
        let (qos, keyed) = (&spec.qos, spec.keyed);
        // Without keys a keyed topic looks like one instance, which depth must not empty.
        let told_apart = !keyed || keys.known();
        let mortal = !qos.liveliness.lease.is_infinite();
        Self {
            core: Arc::downgrade(core),
            keys,
            keyed,
            depth: qos.history.depth().filter(|_| told_apart).map(|depth| depth as usize),
            depth_by_key: qos.history.depth().map(|depth| depth as usize),
            told_apart,
            queue: Mutex::default(),
            waiting: AtomicUsize::new(0),
            local: RwLock::default(),
            news: AtomicU32::new(0),
            blocked: RwLock::default(),
            blocks: AtomicBool::new(false),
            lost: Counter::default(),
            deadlines: Deadlines::new(qos.deadline).map(Mutex::new),
            vitals: Mutex::new(Vitals::new(keyed && told_apart && mortal)),
            listens: mortal,
            listens_far: mortal || qos.ownership == Ownership::Exclusive,
            content,
            judge: Judge::new(qos, told_apart, core.shm.as_ref().map(|shm| shm.strengths(spec))),
            notes_all: AtomicBool::new(cached),
            gaps_are_loss: qos.durability == Durability::Volatile
                || core.dds.as_ref().is_none_or(|dds| !dds.trims_history()),
            listener: Listener::default(),
            ask: (qos.durability > Durability::TransientLocal).then(Ask::default),
        }
    }

    /// What reads keys, if the type is known and has one.
    pub fn keys(&self) -> Option<KeyReader> {
        self.keys.reader()
    }

    /// The instance of a change on shared memory, where a raw writer need not say it.
    pub fn instance(&self, meta: &SampleMeta, payload: &[u8]) -> KeyHash {
        match meta.state {
            _ if meta.key != KeyHash::default() => meta.key,
            InstanceState::Alive => self.keys.of_sample(payload),
            InstanceState::Disposed | InstanceState::Unregistered => self.keys.of_key(payload),
        }
    }

    /// Changes that are kept back are noted from now on.
    pub fn notes_all(&self) {
        self.notes_all.store(true, Ordering::Release);
    }

    /// Whether policies, the filter or a misfit may keep samples back.
    #[inline]
    pub fn keeps_back(&self) -> bool {
        !self.judge.is_open() || self.content.is_some() || self.blocks_any()
    }

    /// Whether the content filter lets a sample pass. What it keeps back leaves no trace on the
    /// policies.
    pub fn pass_content(&self, state: InstanceState, payload: &[u8]) -> bool {
        self.content.as_ref().is_none_or(|content| content.pass(state, payload))
    }

    /// Whether there are samples to pop.
    #[inline]
    pub fn waits(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }

    /// How many there are.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// The oldest waiting sample.
    pub fn pop(&self) -> Option<Arrived> {
        if !self.waits() {
            return None;
        }
        let mut queue = self.queue.lock();
        while let Some(entry) = queue.samples.pop_front() {
            queue.first += 1;
            match entry {
                Some(arrived) => {
                    queue.leave(&arrived);
                    self.waiting.fetch_sub(1, Ordering::AcqRel);
                    return Some(arrived);
                }
                None => queue.holes -= 1,
            }
        }
        None
    }

    /// Puts what was popped last back, to be taken next.
    pub fn put_back(&self, arrived: Arrived) {
        self.queue.lock().put_back(arrived);
        self.waiting.fetch_add(1, Ordering::AcqRel);
    }

    pub fn lost(&self) -> u64 {
        self.lost.get()
    }

    /// Nothing of this writer is delivered any more: its policies do not fit.
    pub fn block(&self, writer: Guid) {
        self.blocked.write().insert(writer);
        self.blocks.store(true, Ordering::Release);
    }

    /// Whether any writer is.
    #[inline]
    pub fn blocks_any(&self) -> bool {
        self.blocks.load(Ordering::Acquire)
    }

    pub fn is_blocked(&self, writer: &Guid) -> bool {
        self.blocks_any() && self.blocked.read().contains(writer)
    }

    /// When samples are due, if there is a deadline.
    pub fn deadlines(&self) -> Option<&Mutex<Deadlines>> {
        self.deadlines.as_ref()
    }

    /// What is known of the liveliness of the writers.
    pub fn vitals(&self) -> &Mutex<Vitals> {
        &self.vitals
    }

    /// A change of the instance came, over shared memory if `local`.
    pub fn renew(&self, change: &Change, local: bool, source_time: i64, now: i64) {
        let Change { key, state, writer, .. } = *change;
        let listens = if local { self.listens } else { self.listens_far };
        if listens {
            let mut vitals = self.vitals.lock();
            vitals.hear(writer, local);
            vitals.register(writer, key, state);
        }
        let Some(deadlines) = &self.deadlines else { return };
        match state {
            InstanceState::Alive => deadlines.lock().renew(key, source_time, now),
            InstanceState::Disposed | InstanceState::Unregistered => deadlines.lock().end(&key),
        }
    }

    /// An instance has lost its last live writer: told after everything that waits, and in no sample's
    /// place.
    pub fn end(&self, writer: Guid, key: KeyHash, now: i64) {
        let sample = DdsSample {
            writer,
            sequence: 0,
            source_time: now,
            key,
            state: InstanceState::Unregistered,
            payload: Bytes::new(),
        };
        let standing = Standing::News;
        let arrived =
            Arrived { sample, reception_time: now, expires: 0, standing, disposes: false };
        self.queue.lock().push(arrived, None);
        self.waiting.fetch_add(1, Ordering::AcqRel);
    }

    /// Adds what came over shared memory to what waits, under the same history depth.
    pub fn park(&self, arrived: Arrived) {
        if self.queue.lock().push(arrived, self.depth_by_key) == 0 {
            self.waiting.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Discovery has news: a writer may have come, or announce other policies.
    pub fn rematch(&self) {
        self.news.fetch_add(1, Ordering::AcqRel);
    }

    /// The queue, and what is known of a writer of whom it is about to get a sample.
    fn queue_of(&self, writer: &Guid) -> (MutexGuard<'_, Queue>, Source) {
        let news = self.news.load(Ordering::Acquire);
        let mut queue = self.queue.lock();
        let known = |source: &&Source| source.writer == *writer && source.news == news;
        if let Some(last) = queue.source.as_ref().filter(known).copied() {
            return (queue, last);
        }
        let found = queue.sources.get(writer).filter(known).copied();
        let source = found.unwrap_or_else(|| {
            // Discovery must not be asked under the lock.
            MutexGuard::unlocked(&mut queue, || {
                let is_local = self.is_local(&writer.prefix());
                let lifespan = self.lifespan(writer);
                Source { writer: *writer, news, is_local, lifespan }
            })
        });
        if found.is_none() {
            if queue.sources.len() >= REMEMBERED {
                // The answers come the same again.
                queue.sources.clear();
            }
            queue.sources.insert(*writer, source);
        }
        queue.source = Some(source);
        (queue, source)
    }

    fn lifespan(&self, writer: &Guid) -> Option<i64> {
        let core = self.core.upgrade()?;
        if writer.prefix() == core.prefix {
            return core.own_writer(writer)?.lifespan;
        }
        let nanos = core.dds.as_ref()?.with_discovered(|known| {
            known.writers.get(writer).and_then(|writer| writer.qos.lifespan.nanos())
        })?;
        i64::try_from(nanos).ok()
    }

    /// Whether the samples of `prefix` come by shared memory. A participant is known there before its
    /// first endpoint is discovered, so the first answer stands.
    fn is_local(&self, prefix: &Prefix) -> bool {
        if let Some(local) = self.local.read().get(prefix) {
            return *local;
        }
        let local = self.core.upgrade().is_some_and(|core| core.is_local(prefix));
        let mut known = self.local.write();
        if known.len() >= REMEMBERED {
            // The answers come the same again.
            known.clear();
        }
        known.insert(*prefix, local);
        local
    }

    /// Forgets the numbers of writers that discovery knows no more.
    #[cold]
    fn forget(&self) {
        let Some(core) = self.core.upgrade() else { return };
        let Some(dds) = &core.dds else { return };
        let there: HashSet<Guid> =
            dds.with_discovered(|known| known.writers.keys().copied().collect());
        let mut queue = self.queue.lock();
        let Queue { gaps, crowd, .. } = &mut *queue;
        gaps.retain(|writer| writer.prefix() == core.prefix || there.contains(writer));
        crowd.left(gaps.writers());
    }
}

/// What samples displace each other: values of an instance, and its ends apart from these, so that the last
/// value stays.
type Place = (KeyHash, bool);

fn place(arrived: &Arrived) -> Place {
    (arrived.sample.key, arrived.is_end())
}

/// What a sample takes while it waits.
fn room(payload: &Bytes) -> usize {
    payload.len() + size_of::<Option<Arrived>>()
}

impl Queue {
    /// Adds a change that is kept back, behind the samples that came before it. Says whether it has: of a
    /// writer that goes on the first is enough.
    fn note(&mut self, mut change: Arrived) -> bool {
        let name = |arrived: &Arrived| {
            let DdsSample { writer, key, state, .. } = arrived.sample;
            (arrived.standing, writer, key, state)
        };
        let repeats = self.samples.back().and_then(Option::as_ref).map(name) == Some(name(&change));
        let adds = !repeats && self.samples.len() < NOTED;
        if adds {
            change.sample.payload = Bytes::new();
            self.push(change, None);
        }
        adds
    }

    /// Nothing of it is left.
    pub(super) fn clear(&mut self) {
        self.samples.clear();
        self.instances.clear();
        (self.bytes, self.holes) = (0, 0);
    }

    /// The entry before the first, this one, was taken.
    fn leave(&mut self, taken: &Arrived) {
        self.bytes -= room(&taken.sample.payload);
        let place = place(taken);
        let Some(positions) = self.instances.get_mut(&place) else { return };
        // Not everything of an instance has a place there.
        if positions.front() == Some(&(self.first - 1)) {
            positions.pop_front();
        }
        if positions.is_empty() {
            self.instances.remove(&place);
        }
    }

    /// As the first entry, which nothing displaces.
    fn put_back(&mut self, arrived: Arrived) {
        self.first -= 1;
        self.bytes += room(&arrived.sample.payload);
        self.samples.push_front(Some(arrived));
    }

    pub(super) fn push(&mut self, arrived: Arrived, depth: Option<usize>) -> usize {
        let position = self.first + self.samples.len() as u64;
        let mut replaced = 0;
        if let Some(depth) = depth.filter(|_| arrived.has_place()) {
            let positions = self.instances.entry(place(&arrived)).or_default();
            positions.push_back(position);
            if positions.len() > depth
                && let Some(oldest) = positions.pop_front()
                && let Some(old) = self.samples[(oldest - self.first) as usize].take()
            {
                self.bytes -= room(&old.sample.payload);
                self.holes += 1;
                replaced = 1;
            }
        }
        self.bytes += room(&arrived.sample.payload);
        self.samples.push_back(Some(arrived));
        // Holes at the front go at once, so that a queue nobody takes from stays short.
        while matches!(self.samples.front(), Some(None)) {
            self.samples.pop_front();
            self.first += 1;
            self.holes -= 1;
        }
        // Behind a sample that stays, others may be replaced for ever.
        if self.holes > HOLES && 2 * self.holes > self.samples.len() {
            self.close_up();
        }
        replaced
    }

    /// Takes the holes out.
    #[cold]
    fn close_up(&mut self) {
        let mut filled = 0;
        let moved: Vec<u64> = self
            .samples
            .iter()
            .map(|entry| {
                let position = self.first + filled;
                filled += u64::from(entry.is_some());
                position
            })
            .collect();
        for position in self.instances.values_mut().flatten() {
            *position = moved[(*position - self.first) as usize];
        }
        self.samples.retain(Option::is_some);
        self.holes = 0;
    }
}

impl Sink for Incoming {
    fn key_of(&self, payload: &[u8]) -> KeyHash {
        self.keys.of_sample(payload)
    }

    fn key_of_disposed(&self, key_payload: &[u8]) -> KeyHash {
        self.keys.of_key(key_payload)
    }

    fn key_payload(&self, payload: &[u8]) -> Option<Bytes> {
        self.keys.payload_of(payload)
    }

    fn deliver(&self, mut sample: DdsSample) {
        let mut gates = self.judge.for_arrival();
        let (mut queue, source) = self.queue_of(&sample.writer);
        if source.is_local || self.is_blocked(&sample.writer) {
            return;
        }
        let reception_time = now_ns();
        if sample.source_time == 0 {
            sample.source_time = reception_time;
        }
        if !self.keyed {
            sample.key = KeyHash::default();
        }
        let expires = source.lifespan.map_or(0, |nanos| sample.source_time.saturating_add(nanos));
        // Cyclone DDS does not tell the number of what comes from a writer of this participant.
        if sample.sequence != 0 {
            match queue.gaps.observe(sample.writer, sample.sequence) {
                Arrival::New { missed } if self.gaps_are_loss => self.lost.add(missed),
                Arrival::New { .. } => {}
                Arrival::Seen => return,
            }
        }
        // Before the queue, where it would take the place of one that passes.
        if !self.pass_content(sample.state, &sample.payload) {
            return;
        }
        let change = Change::of_sample(&sample, expires);
        if !self.hear(&change, &sample.payload) {
            return;
        }
        if queue.bytes + room(&sample.payload) > MAX_BYTES {
            self.lost.add(1);
            return;
        }
        // First: whoever writes is alive, and may own the instance.
        self.renew(&change, false, reception_time, reception_time);
        let core = gates.as_ref().and_then(|_| self.core.upgrade());
        let verdict = gates.as_mut().zip(core).map(|(gates, core)| {
            let writers = self.writers(&core);
            // These ask discovery, as for the source.
            MutexGuard::unlocked(&mut queue, || gates.pass(&change, reception_time, &writers))
        });
        let standing = match verdict {
            None => Standing::Unjudged,
            Some(Verdict::Passes) => Standing::Passed,
            Some(Verdict::KeptBack | Verdict::TooSoon) => {
                self.unhear(&change.key);
                Standing::KeptBack
            }
        };
        let disposes = sample.state == InstanceState::Disposed;
        let arrived = Arrived { sample, reception_time, expires, standing, disposes };
        if verdict == Some(Verdict::TooSoon)
            && let Some(gates) = &mut gates
        {
            gates.hold(arrived.clone(), reception_time);
        }
        let adds = match standing {
            Standing::KeptBack => self.notes_all.load(Ordering::Acquire) && queue.note(arrived),
            // One came; those it replaced went.
            _ => queue.push(arrived, self.depth) == 0,
        };
        let crowded = queue.crowd.is(queue.gaps.writers());
        drop(queue);
        if crowded {
            self.forget();
        }
        if adds {
            self.waiting.fetch_add(1, Ordering::AcqRel);
        }
    }

    fn flush(&self) {
        // Who waits finds nothing where a listener has taken everything.
        if self.listener.arrived() && !self.waits() {
            return;
        }
        if let Some(core) = self.core.upgrade() {
            core.wake.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use tidewire_transport::EndpointSpec;

    use super::*;
    use crate::reader::ReaderCore;
    use crate::writer::WriterCore;

    fn alive(writer: u8, sequence: u64, key: u8) -> DdsSample {
        DdsSample {
            writer: Guid([writer; 16]),
            sequence,
            source_time: 1,
            key: KeyHash([key; 16]),
            state: InstanceState::Alive,
            payload: Bytes::from_static(&[0, 1, 0, 0]),
        }
    }

    /// A reader of so many samples of each instance, which nothing but the test brings it.
    fn keeping_last(depth: u32) -> Arc<ReaderCore> {
        let core = Core::start("p".into(), 1, [1; 12], None, None);
        let mut spec = EndpointSpec::new("t", "T", true);
        spec.qos = tidewire_qos::Qos::sensor_data();
        spec.qos.history = tidewire_qos::policy::History::KeepLast(depth);
        let ty = <tidewire_types::sensor::Temperature as tidewire_idl::TypeSupport>::descriptor();
        ReaderCore::new(&core, spec, Some(&*ty), None, false).unwrap()
    }

    #[test]
    fn the_queue_stays_short_behind_an_instance_that_nobody_writes_any_more() {
        let reader = keeping_last(2);
        let incoming = &reader.incoming;
        incoming.deliver(alive(1, 1, 1));
        for sequence in 2..10_000 {
            incoming.deliver(alive(1, sequence, (2 + sequence % 3) as u8));
        }
        {
            let queue = incoming.queue.lock();
            assert!(queue.samples.len() < 200, "{}", queue.samples.len());
            assert_eq!(queue.bytes, 7 * room(&alive(1, 1, 1).payload));
        }
        incoming.deliver(alive(1, 10_000, 1));
        incoming.deliver(alive(1, 10_001, 1));
        let taken = std::iter::from_fn(|| incoming.pop()).map(|arrived| arrived.sample.sequence);
        assert_eq!(taken.collect::<Vec<_>>(), (9_994..10_002).collect::<Vec<_>>());
        let queue = incoming.queue.lock();
        assert_eq!((queue.bytes, queue.holes, queue.instances.len()), (0, 0, 0));
    }

    #[test]
    fn the_end_of_an_instance_does_not_take_the_place_of_its_last_value() {
        let reader = keeping_last(1);
        let incoming = &reader.incoming;
        for sequence in 1..=100 {
            let state = match sequence % 2 {
                1 => InstanceState::Alive,
                _ => InstanceState::Disposed,
            };
            incoming.deliver(DdsSample { state, ..alive(1, sequence, 1) });
        }
        assert_eq!(incoming.waiting(), 2);
        let taken = std::iter::from_fn(|| incoming.pop()).map(|arrived| arrived.sample.sequence);
        assert_eq!(taken.collect::<Vec<_>>(), [99, 100]);
    }

    #[test]
    fn nothing_comes_between_what_was_judged_and_what_it_goes_behind() {
        let core = Core::start("p".into(), 1, [1; 12], None, None);
        let mut spec = EndpointSpec::new("t", "T", false);
        spec.qos = tidewire_qos::Qos::reliable();
        spec.qos.history = tidewire_qos::policy::History::KeepLast(1);
        spec.qos.destination_order = tidewire_qos::policy::DestinationOrder::BySourceTimestamp;
        let reader = ReaderCore::new(&core, spec, None, None, false).unwrap();
        let incoming = &reader.incoming;
        let change = Change::of_sample(&alive(1, 1, 0), 0);
        let judged = incoming.judge(&change, now_ns(), &core, || unreachable!());
        assert!(matches!(judged, Some(Some(_))));
        std::thread::scope(|scope| {
            let delivery = scope.spawn(|| incoming.deliver(alive(2, 1, 0)));
            std::thread::sleep(std::time::Duration::from_millis(50));
            assert_eq!(incoming.waiting(), 0, "it waits until the other is there");
            drop(judged);
            delivery.join().unwrap();
        });
        assert_eq!(incoming.waiting(), 1);
    }

    #[test]
    fn samples_without_a_number_are_all_delivered() {
        let core = Core::start("p".into(), 1, [1; 12], None, None);
        let mut spec = EndpointSpec::new("t", "T", false);
        spec.qos = tidewire_qos::Qos::reliable();
        let reader = ReaderCore::new(&core, spec, None, None, false).unwrap();
        (0..3).for_each(|_| reader.incoming.deliver(alive(1, 0, 0)));
        assert_eq!(reader.incoming.waiting(), 3);
    }

    #[test]
    fn what_is_known_of_a_writer_holds_until_discovery_has_news() {
        let core = Core::start("p".into(), 1, [1; 12], None, None);
        let mut spec = EndpointSpec::new("t", "T", false);
        let reader = ReaderCore::new(&core, spec.clone(), None, None, false).unwrap();
        spec.qos.lifespan = tidewire_qos::Duration::from_secs(3600);
        // The next that is numbered is the writer.
        let mut guid = core.own_guid(&spec, true);
        guid.0[14] += 1;
        let expires = |sequence| {
            reader.incoming.deliver(DdsSample {
                writer: guid,
                sequence,
                source_time: 1,
                key: KeyHash::default(),
                state: InstanceState::Alive,
                payload: Bytes::from_static(&[0, 1, 0, 0]),
            });
            reader.incoming.pop().unwrap().expires
        };
        assert_eq!(expires(1), 0, "nobody knows the writer");
        let writer = WriterCore::new(&core, spec).unwrap();
        assert_eq!(writer.guid, guid);
        reader.rematch();
        assert_eq!(expires(2), 1 + 3_600_000_000_000);
    }
}
