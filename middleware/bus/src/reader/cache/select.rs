//! Choosing samples of the cache, and what is told of them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use bytes::Bytes;
use tidewire_filter::Filter;
use tidewire_idl::{KeyHash, SampleInfo};

use super::instance::{Instance, Kept};
use super::kinds::{SampleStateKind, SampleStates, States, ViewStateKind};
use super::store::Store;

/// Of which instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    All,
    One(KeyHash),
    /// The first after this one, in the order of handles, that has what is asked for.
    After(Option<KeyHash>),
}

/// What is asked for.
pub(crate) struct Query<'query> {
    pub which: Which,
    pub states: States,
    pub filter: Option<&'query Filter>,
    pub max: usize,
}

/// A sample that was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub handle: KeyHash,
    pub order: u64,
}

/// What is told of it.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub place: Place,
    pub info: SampleInfo,
    pub payload: Option<Bytes>,
    /// The serialised key of its instance.
    pub key: Option<Bytes>,
    pub states: SampleStates,
}

impl Store {
    /// Whether there is anything of what `query` asks for.
    pub fn has(&self, query: &Query<'_>) -> bool {
        !self.choose(&Query { max: 1, ..*query }).is_empty()
    }

    /// What `query` asks for: the samples of an instance together, or all in the order in which they
    /// came where PRESENTATION says so.
    pub fn choose(&self, query: &Query<'_>) -> Vec<Shown> {
        let mut chosen: Vec<(KeyHash, &Instance, &Kept)> = Vec::new();
        let (from, to) = match query.which {
            Which::All => (Bound::Unbounded, Bound::Unbounded),
            Which::One(handle) => (Bound::Included(handle), Bound::Included(handle)),
            Which::After(None) => (Bound::Unbounded, Bound::Unbounded),
            Which::After(Some(previous)) => (Bound::Excluded(previous), Bound::Unbounded),
        };
        // The first that came may be of the last instance.
        let enough = if self.ordered { usize::MAX } else { query.max };
        for (handle, instance) in self.instances.range((from, to)) {
            let room = enough - chosen.len();
            let found = matching(instance, query).take(room);
            chosen.extend(found.map(|kept| (*handle, instance, kept)));
            let found_one = matches!(query.which, Which::After(_)) && !chosen.is_empty();
            if found_one || chosen.len() >= enough {
                break;
            }
        }
        if self.ordered {
            chosen.sort_by_key(|(_, _, kept)| kept.order);
        }
        chosen.truncate(query.max);
        rank(&chosen)
    }

    /// These were shown: they have been read, and their instances are new no more.
    pub fn mark(&mut self, shown: &[Shown]) {
        for (handle, orders) in by_instance(shown) {
            let Some(instance) = self.instances.get_mut(&handle) else { continue };
            instance.view = ViewStateKind::NotNew;
            let kept = instance.samples.iter_mut().filter(|kept| orders.contains(&kept.order));
            kept.for_each(|kept| kept.read = true);
        }
    }

    /// As [`mark`](Self::mark), and they go.
    pub fn take_out(&mut self, shown: &[Shown]) {
        for (handle, orders) in by_instance(shown) {
            if let Some(instance) = self.instances.get_mut(&handle) {
                instance.view = ViewStateKind::NotNew;
            }
            self.remove(handle, &orders);
        }
    }
}

fn matching<'store>(
    instance: &'store Instance,
    query: &Query<'_>,
) -> impl Iterator<Item = &'store Kept> {
    let Query { states, filter, .. } = *query;
    let wanted = states.has_instance(instance.view, instance.state);
    instance.samples.iter().filter(move |kept| {
        wanted
            && states.has_sample(sample_state(kept))
            && filter.is_none_or(|filter| passes(filter, instance, kept))
    })
}

/// As content filters do: what cannot be read passes, and without a value the key alone decides.
fn passes(filter: &Filter, instance: &Instance, kept: &Kept) -> bool {
    match (&kept.payload, &instance.key) {
        (Some(payload), _) => filter.matches(payload).unwrap_or(true),
        (None, Some(key)) => filter.matches_key(key).ok().flatten().unwrap_or(true),
        (None, None) => true,
    }
}

fn sample_state(kept: &Kept) -> SampleStateKind {
    if kept.read { SampleStateKind::Read } else { SampleStateKind::NotRead }
}

/// With the ranks of DDS 1.4, 2.2.2.5.1: what follows of the same instance in the collection.
fn rank(chosen: &[(KeyHash, &Instance, &Kept)]) -> Vec<Shown> {
    // From the end: how many follow, and the generation of the last of them.
    let mut following: BTreeMap<KeyHash, (u32, u32)> = BTreeMap::new();
    let mut shown: Vec<Shown> = Vec::with_capacity(chosen.len());
    for (handle, instance, kept) in chosen.iter().rev() {
        let (rank, last) = following.entry(*handle).or_insert((0, kept.generation()));
        let states = SampleStates {
            sample_state: sample_state(kept),
            view_state: instance.view,
            instance_state: instance.state,
            disposed_generation_count: kept.disposed_generation,
            no_writers_generation_count: kept.no_writers_generation,
            sample_rank: *rank,
            generation_rank: *last - kept.generation(),
            absolute_generation_rank: instance.generation() - kept.generation(),
        };
        *rank += 1;
        shown.push(Shown {
            place: Place { handle: *handle, order: kept.order },
            info: kept.info.clone(),
            payload: kept.payload.clone(),
            key: instance.key.clone(),
            states,
        });
    }
    shown.reverse();
    shown
}

fn by_instance(shown: &[Shown]) -> BTreeMap<KeyHash, BTreeSet<u64>> {
    let mut all: BTreeMap<KeyHash, BTreeSet<u64>> = BTreeMap::new();
    for Shown { place, .. } in shown {
        all.entry(place.handle).or_default().insert(place.order);
    }
    all
}
