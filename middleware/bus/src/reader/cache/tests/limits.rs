//! What is kept, and for how long.

use tidewire_idl::InstanceState;
use tidewire_qos::policy::History;
use tidewire_qos::{Duration, Qos};

use super::{Cache, Fresh, Is, V, W, fresh, keep_all, values};
use crate::status::RejectedReason;

#[test]
fn keep_last_counts_values_of_each_instance() {
    let mut cache = Cache::new(&Qos { history: History::KeepLast(2), ..keep_all() });
    for (key, value) in [(1, 1), (2, 2), (1, 3), (1, 4), (1, 5)] {
        cache.write(key, W, value);
    }
    cache.dispose(1, W);
    assert_eq!(values(&cache.all()), [4, 5, 2], "the end of an instance displaces no value");
    assert_eq!(cache.all().len(), 4);
}

#[test]
fn limits_reject_with_their_reason() {
    let mut qos = keep_all();
    qos.resource_limits.max_instances = Some(2);
    qos.resource_limits.max_samples = Some(4);
    qos.resource_limits.max_samples_per_instance = Some(3);
    let mut cache = Cache::new(&qos);
    let room = |cache: &Cache, key| cache.0.room(&fresh(InstanceState::Alive, key, W, 0));
    for key in [1, 1, 1, 2] {
        cache.write(key, W, key);
    }
    assert_eq!(room(&cache, 1), Err(RejectedReason::BySamplesPerInstanceLimit));
    assert_eq!(room(&cache, 2), Err(RejectedReason::BySamplesLimit));
    assert_eq!(room(&cache, 3), Err(RejectedReason::ByInstancesLimit));
    cache.dispose(1, W);
    cache.take();
    assert_eq!(room(&cache, 3), Err(RejectedReason::ByInstancesLimit), "it may come back");
    cache.0.lose(&W, 100);
    cache.take();
    assert_eq!(room(&cache, 3), Ok(()), "instances that are over make room");
    // KEEP_LAST replaces: only another instance needs room.
    let mut cache = Cache::new(&Qos { history: History::KeepLast(2), ..qos });
    for key in [1, 1, 1, 2, 2] {
        cache.write(key, W, key);
    }
    assert_eq!((room(&cache, 1), room(&cache, 2)), (Ok(()), Ok(())));
}

#[test]
fn ended_instances_are_purged_when_their_time_has_come() {
    let mut qos = keep_all();
    qos.reader_data_lifecycle.autopurge_disposed_samples_delay = Duration::from_nanos(50);
    qos.reader_data_lifecycle.autopurge_nowriter_samples_delay = Duration::from_nanos(20);
    let mut cache = Cache::new(&qos);
    cache.write(1, W, 1);
    cache.write(2, V, 2);
    cache.write(3, W, 3);
    cache.dispose(1, W);
    assert!(cache.0.lose(&V, 100));
    assert!(!cache.0.purge(119));
    assert!(cache.0.purge(120));
    assert_eq!((cache.state(1), cache.state(2)), (Some(Is::NotAliveDisposed), None));
    assert!(!cache.0.purge(149) && cache.0.purge(150) && !cache.0.purge(151));
    assert_eq!(cache.state(1), Some(Is::NotAliveDisposed), "its writer is there still");
    assert_eq!(values(&cache.all()), [3]);
    cache.write(1, W, 4);
    assert_eq!(cache.all()[0].states.disposed_generation_count, 1);
}

#[test]
fn what_expires_is_gone() {
    let mut cache = Cache::new(&keep_all());
    cache.write(1, W, 1);
    cache.put(Fresh { expires: 500, ..fresh(InstanceState::Alive, 1, W, 2) });
    assert!(!cache.0.purge(500));
    assert_eq!(values(&cache.all()), [1, 2]);
    assert!(!cache.0.purge(501), "of no ended instance");
    assert_eq!(values(&cache.all()), [1]);
}
