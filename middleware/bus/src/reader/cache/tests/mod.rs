//! The state machines of DDS 1.4, 2.2.2.5.1, walked along their figures without a transport.

mod limits;

use std::collections::BTreeSet;

use bytes::Bytes;
use tidewire_idl::{Guid, InstanceState, KeyHash, SampleInfo};
use tidewire_qos::Qos;
use tidewire_qos::policy::History;

use super::super::filter::Change;
use super::instance::Fresh;
use super::kinds::{InstanceStateKind as Is, SampleStateKind as Ss, States, ViewStateKind as Vs};
use super::select::{Query, Shown, Which};
use super::store::Store;

const W: Guid = Guid([1; 16]);
const V: Guid = Guid([2; 16]);

fn handle(key: u8) -> KeyHash {
    KeyHash([key; 16])
}

fn fresh(state: InstanceState, key: u8, writer: Guid, value: u8) -> Fresh {
    Fresh {
        info: SampleInfo {
            source_time: 0,
            reception_time: 0,
            writer,
            sequence: 1,
            key: handle(key),
            state,
            point: "p".into(),
        },
        payload: Bytes::copy_from_slice(&[value]),
        expires: 0,
        disposes: state == InstanceState::Disposed,
    }
}

fn keep_all() -> Qos {
    let mut qos = Qos { history: History::KeepAll, ..Qos::reliable() };
    qos.resource_limits = Default::default();
    qos
}

struct Cache(Store);

impl Cache {
    fn new(qos: &Qos) -> Self {
        Self(Store::new(qos))
    }

    fn put(&mut self, fresh: Fresh) {
        self.0.room(&fresh).unwrap();
        self.0.insert(fresh, 100, |fresh| Some(fresh.payload.clone()));
    }

    fn write(&mut self, key: u8, writer: Guid, value: u8) {
        self.put(fresh(InstanceState::Alive, key, writer, value));
    }

    fn dispose(&mut self, key: u8, writer: Guid) {
        self.put(fresh(InstanceState::Disposed, key, writer, 0));
    }

    fn unregister(&mut self, key: u8, writer: Guid) {
        self.put(fresh(InstanceState::Unregistered, key, writer, 0));
    }

    fn choose(&self, which: Which, states: States, max: usize) -> Vec<Shown> {
        self.0.choose(&Query { which, states, filter: None, max })
    }

    fn all(&self) -> Vec<Shown> {
        self.choose(Which::All, States::ANY, usize::MAX)
    }

    fn read(&mut self) -> Vec<Shown> {
        let shown = self.all();
        self.0.mark(&shown);
        shown
    }

    fn take(&mut self) -> Vec<Shown> {
        let shown = self.all();
        self.0.take_out(&shown);
        shown
    }

    fn state(&self, key: u8) -> Option<Is> {
        self.0.instances.get(&handle(key)).map(|instance| instance.state)
    }
}

fn values(shown: &[Shown]) -> Vec<u8> {
    shown.iter().filter_map(|shown| shown.payload.as_ref().map(|payload| payload[0])).collect()
}

#[test]
fn a_sample_is_not_read_until_it_is_read() {
    let mut cache = Cache::new(&keep_all());
    cache.write(1, W, 1);
    assert_eq!(cache.read()[0].states.sample_state, Ss::NotRead);
    cache.write(1, W, 2);
    let states: Vec<Ss> = cache.read().iter().map(|shown| shown.states.sample_state).collect();
    assert_eq!(states, [Ss::Read, Ss::NotRead]);
    assert_eq!(values(&cache.choose(Which::All, States::NOT_READ, 9)), [0; 0]);
    assert_eq!(values(&cache.choose(Which::All, States::ANY.samples(Ss::Read), 9)), [1, 2]);
    assert_eq!(cache.take().len(), 2);
    assert!(cache.take().is_empty() && cache.state(1) == Some(Is::Alive));
}

/// The figure of `instance_state`: every arrow of it.
#[test]
fn an_instance_lives_ends_and_comes_back() {
    let mut cache = Cache::new(&keep_all());
    cache.write(1, W, 1);
    assert_eq!(cache.state(1), Some(Is::Alive));
    cache.dispose(1, V);
    assert_eq!(cache.state(1), Some(Is::NotAliveDisposed), "by any writer");
    cache.write(1, W, 2);
    assert_eq!(cache.state(1), Some(Is::Alive));
    cache.unregister(1, W);
    assert_eq!(cache.state(1), Some(Is::Alive), "the other writer has registered it by disposing");
    cache.unregister(1, V);
    assert_eq!(cache.state(1), Some(Is::NotAliveNoWriters));
    cache.write(1, V, 3);
    assert_eq!(cache.state(1), Some(Is::Alive));
    assert!(cache.0.lose(&V, 200));
    assert_eq!(cache.state(1), Some(Is::NotAliveNoWriters), "the writer itself is gone");
    cache.dispose(1, W);
    assert_eq!(cache.state(1), Some(Is::NotAliveDisposed));
    assert!(!cache.0.lose(&W, 300), "it has ended already");
    assert_eq!(cache.state(1), Some(Is::NotAliveDisposed));
    let taken = cache.take();
    assert_eq!(values(&taken), [1, 2, 3]);
    assert_eq!(cache.state(1), None, "nobody writes it, nothing is left of it");
    cache.unregister(1, W);
    assert_eq!(cache.state(1), None, "of what is not known nothing ends");
}

#[test]
fn disposed_stays_disposed_when_its_writers_go() {
    let mut cache = Cache::new(&keep_all());
    cache.write(1, W, 1);
    cache.dispose(1, W);
    cache.take();
    assert_eq!(cache.state(1), Some(Is::NotAliveDisposed), "its writer may write it again");
    assert!(!cache.0.lose(&V, 100));
    assert_eq!(cache.state(1), Some(Is::NotAliveDisposed), "another writer");
    cache.unregister(1, W);
    assert_eq!(cache.state(1), None, "empty, and nobody writes it");
    assert_eq!(cache.0.writers().count(), 0);
    cache.write(1, W, 2);
    cache.write(2, W, 3);
    assert_eq!(cache.0.writers().collect::<Vec<_>>(), [&W]);
    cache.dispose(1, V);
    assert_eq!(cache.0.writers().count(), 2);
    cache.0.lose(&W, 100);
    assert_eq!(cache.0.writers().collect::<Vec<_>>(), [&V]);
}

/// What the policies keep back is not shown, but says who writes the instance.
#[test]
fn writers_that_are_not_heard_count() {
    let note = |cache: &mut Cache, key, writer, state| {
        let key = handle(key);
        let change = Change { state, key, writer, source_time: 0, expires: 0 };
        cache.0.note(&change, 100);
    };
    let mut cache = Cache::new(&keep_all());
    note(&mut cache, 1, V, InstanceState::Alive);
    assert_eq!(cache.state(1), None, "nothing of it was shown");
    cache.write(1, W, 1);
    note(&mut cache, 1, V, InstanceState::Alive);
    assert!(!cache.0.lose(&W, 100));
    assert_eq!(cache.state(1), Some(Is::Alive));
    note(&mut cache, 1, V, InstanceState::Unregistered);
    assert_eq!(cache.state(1), Some(Is::NotAliveNoWriters));
    assert_eq!((values(&cache.take()), cache.state(1)), (vec![1], None));
    assert_eq!(cache.0.writers().count(), 0);
}

/// With `autodispose_unregistered_instances` one change is both.
#[test]
fn an_unregister_that_disposes_does_both() {
    let mut cache = Cache::new(&keep_all());
    cache.write(1, W, 1);
    cache.write(1, V, 2);
    cache.put(Fresh { disposes: true, ..fresh(InstanceState::Unregistered, 1, W, 0) });
    assert_eq!(cache.state(1), Some(Is::NotAliveDisposed));
    cache.write(1, V, 3);
    cache.unregister(1, V);
    assert_eq!(cache.state(1), Some(Is::NotAliveNoWriters), "the first has left it");
}

/// The figure of `view_state`.
#[test]
fn an_instance_is_new_until_it_is_looked_at_and_again_when_it_comes_back() {
    let mut cache = Cache::new(&keep_all());
    cache.write(1, W, 1);
    cache.write(2, W, 2);
    let shown = cache.choose(Which::One(handle(1)), States::ANY, 9);
    assert_eq!(shown[0].states.view_state, Vs::New);
    cache.0.mark(&shown);
    let views: Vec<Vs> = cache.all().iter().map(|shown| shown.states.view_state).collect();
    assert_eq!(views, [Vs::NotNew, Vs::New], "each instance by itself");
    assert_eq!(values(&cache.choose(Which::All, States::ANY.views(Vs::New), 9)), [2]);
    cache.dispose(1, W);
    assert_eq!(cache.read()[1].states.view_state, Vs::NotNew, "ending makes nothing new");
    cache.write(1, W, 3);
    assert_eq!(cache.all()[0].states.view_state, Vs::New, "back to life");
}

/// Generations and ranks as in the standard's example of 2.2.2.5.1.
#[test]
fn generations_are_counted_and_ranked() {
    let mut cache = Cache::new(&keep_all());
    cache.write(1, W, 1);
    cache.write(1, W, 2);
    cache.dispose(1, W);
    cache.write(1, W, 3);
    cache.unregister(1, W);
    cache.write(1, W, 4);
    let told = |shown: &[Shown]| -> Vec<[u32; 5]> {
        let told = shown.iter().map(|shown| {
            let s = shown.states;
            let (disposed, no_writers) =
                (s.disposed_generation_count, s.no_writers_generation_count);
            let ranks = [s.sample_rank, s.generation_rank, s.absolute_generation_rank];
            [disposed, no_writers, ranks[0], ranks[1], ranks[2]]
        });
        told.collect()
    };
    let all = cache.all();
    assert_eq!(values(&all), [1, 2, 3, 4]);
    // The change of state without a value that is left is that of the unregister.
    assert_eq!(
        told(&all),
        [[0, 0, 4, 2, 2], [0, 0, 3, 2, 2], [1, 0, 2, 1, 1], [1, 0, 1, 1, 1], [1, 1, 0, 0, 0]]
    );
    // Of a shorter collection the ranks are those within it, the absolute ones are not.
    let first = cache.choose(Which::All, States::ANY, 3);
    assert_eq!(told(&first), [[0, 0, 2, 1, 2], [0, 0, 1, 1, 2], [1, 0, 0, 0, 1]]);
    // What was taken counts for the absolute rank.
    let last: BTreeSet<u64> = [all[4].place.order].into();
    cache.0.remove(handle(1), &last);
    assert_eq!(cache.all()[0].states.absolute_generation_rank, 2);
}

#[test]
fn instances_are_walked_in_the_order_of_their_handles() {
    let mut cache = Cache::new(&keep_all());
    for (key, value) in [(3, 1), (1, 2), (2, 3), (3, 4)] {
        cache.write(key, W, value);
    }
    let mut walked = Vec::new();
    let mut previous = None;
    loop {
        let shown = cache.choose(Which::After(previous), States::ANY, 9);
        let Some(first) = shown.first() else { break };
        previous = Some(first.place.handle);
        walked.push(values(&shown));
    }
    assert_eq!(walked, [vec![2], vec![3], vec![1, 4]]);
    let gone = Some(KeyHash([2; 16]));
    cache.0.remove(handle(2), &[2].into());
    assert_eq!(values(&cache.choose(Which::After(gone), States::ANY, 1)), [1], "one of them");
    assert!(cache.choose(Which::All, States::ANY, 0).is_empty());
}

#[test]
fn collections_are_by_instance_or_in_order() {
    let mut qos = keep_all();
    let fill = |qos: &Qos| {
        let mut cache = Cache::new(qos);
        for (key, value) in [(2, 1), (1, 2), (2, 3), (1, 4)] {
            cache.write(key, W, value);
        }
        let first = values(&cache.choose(Which::All, States::ANY, 3));
        (values(&cache.all()), first)
    };
    assert_eq!(fill(&qos), (vec![2, 4, 1, 3], vec![2, 4, 1]));
    qos.presentation.access_scope = tidewire_qos::policy::AccessScope::Topic;
    qos.presentation.ordered_access = true;
    assert_eq!(fill(&qos), (vec![1, 2, 3, 4], vec![1, 2, 3]));
}
